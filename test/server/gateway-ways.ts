/**
 * The gateways through which the shared table of applications runs (G-181). A further gateway is one more entry of
 * `GATEWAYS`: how it is opened, how it is asked, and what its protocol cannot carry.
 */
import type http from 'node:http';
import express from 'express';
import { Hono } from 'hono';
import type { Application, AsyncApplication } from 'quaich';
import { toFetchHandler, toNodeListener } from 'quaich/gateways';
import type { ApplicationCase } from '../engine/application-table.ts';
import type { GatewayAnswer } from './application-check.ts';
import { asyncApp, syncApp } from './apps/application-ways.ts';
import { Client, parseResponses } from './client.ts';
import { listening, MemoryErrors } from './listening.ts';

/** What a gateway makes of a case in another way than the table says, and why that cannot be helped. */
export interface Exception {
  why: string;
  /** The case as this gateway answers it. */
  expected(one: ApplicationCase): ApplicationCase;
}

export interface OpenGateway {
  /** Sends a request without a body. The applications are those of `apps/application-ways.ts`. */
  ask(method: string, path: string): Promise<GatewayAnswer>;
  /** What was written to `wsgi.errors` since the last call. */
  errors(): string;
  close(): Promise<void>;
}

export interface GatewayWay {
  way: string;
  exceptions: Exception[];
  open(): Promise<OpenGateway>;
}

async function overHttp(listener: http.RequestListener, errors: MemoryErrors, prefix: string): Promise<OpenGateway> {
  const { url, close } = await listening(listener);
  return {
    async ask(method, path) {
      const client = new Client(url).send(
        `${method} ${prefix}${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      );
      return parseResponses(await client.all(), [method])[0];
    },
    errors: () => errors.take(),
    close,
  };
}

async function answerOf(response: Response): Promise<GatewayAnswer> {
  let body = '';
  let complete = true;
  try {
    for await (const chunk of response.body ?? []) body += Buffer.from(chunk as Uint8Array).toString('latin1');
  } catch {
    complete = false;
  }
  return { status: response.status, headers: [...response.headers], body, complete };
}

const fields = (change: (lines: string[]) => string[]) => (one: ApplicationCase) =>
  one.fields === undefined ? one : { ...one, fields: change(one.fields) };

const nameOf = (line: string): string => line.slice(0, line.indexOf(':')).toLowerCase();

/** Repeated fields stand where the first of them stands. */
function grouped(lines: string[]): string[] {
  const names = [...new Set(lines.map(nameOf))];
  return names.flatMap((name) => lines.filter((line) => nameOf(line) === name));
}

const HEADERS_OBJECT: Exception = {
  why: 'a Headers object keeps neither the case of names nor the order of different ones (fetch standard)',
  expected: fields((lines) =>
    lines
      .map((line) => nameOf(line) + line.slice(line.indexOf(':')))
      .toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : Number(nameOf(a) > nameOf(b)))),
  ),
};

function mounts(kind: string, app: Application | AsyncApplication): GatewayWay[] {
  return [
    {
      way: `node:http mount, ${kind}`,
      exceptions: [],
      async open() {
        const errors = new MemoryErrors();
        return overHttp(toNodeListener(app, { errors }), errors, '');
      },
    },
    {
      way: `node:http mount under Express, ${kind}`,
      exceptions: [
        {
          why: 'Express sets X-Powered-By on the response',
          expected: fields((lines) => ['X-Powered-By: Express', ...lines]),
        },
        {
          why: 'where the host has set fields, Node keeps all by name: repeated ones are sent together',
          expected: fields(grouped),
        },
      ],
      async open() {
        const errors = new MemoryErrors();
        const host = express();
        host.use('/mounted', toNodeListener(app, { errors }));
        return overHttp(host, errors, '/mounted');
      },
    },
    {
      way: `fetch mount, ${kind}`,
      exceptions: [HEADERS_OBJECT],
      async open() {
        const errors = new MemoryErrors();
        const handler = toFetchHandler(app, { errors });
        return {
          ask: async (method, path) => answerOf(await handler(new Request(`http://a${path}`, { method }))),
          errors: () => errors.take(),
          close: async () => {},
        };
      },
    },
    {
      way: `fetch mount under Hono, ${kind}`,
      exceptions: [HEADERS_OBJECT],
      async open() {
        const errors = new MemoryErrors();
        const handler = toFetchHandler(app, { errors, prefix: '/mounted' });
        const host = new Hono().all('/mounted/*', (context) => handler(context.req.raw));
        return {
          ask: async (method, path) => answerOf(await host.request(`/mounted${path}`, { method })),
          errors: () => errors.take(),
          close: async () => {},
        };
      },
    },
  ];
}

export const GATEWAYS: GatewayWay[] = [...mounts('async', asyncApp), ...mounts('sync', syncApp)];
