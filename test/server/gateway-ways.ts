/**
 * The gateways through which the shared table of applications runs (G-181). A further gateway is one more entry of
 * `GATEWAYS`: how it is opened, how it is asked, and what its protocol cannot carry.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { Hono } from 'hono';
import { type Application, type AsyncApplication, type Server, serve } from 'quaich';
import { runCgi, toFetchHandler, toNodeListener } from 'quaich/gateways';
import type { ApplicationCase } from '../engine/application-table.ts';
import * as fastcgi from '../protocols/fastcgi-client.ts';
import * as scgi from '../protocols/scgi-client.ts';
import type { GatewayAnswer } from './application-check.ts';
import { asyncApp, syncApp } from './apps/application-ways.ts';
import { Authority } from './certificates.ts';
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
  /** What was written to `wsgi.errors` since the last call; null where it goes to the standard error of the process. */
  errors(): string | null;
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
        return overHttp(toNodeListener(app, { errors, where: 'here' }), errors, '');
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
        host.use('/mounted', toNodeListener(app, { errors, where: 'here' }));
        return overHttp(host, errors, '/mounted');
      },
    },
    {
      way: `fetch mount, ${kind}`,
      exceptions: [HEADERS_OBJECT],
      async open() {
        const errors = new MemoryErrors();
        const handler = toFetchHandler(app, { errors, where: 'here' });
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
        const handler = toFetchHandler(app, { errors, where: 'here', prefix: '/mounted' });
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

/**
 * A response in the form of CGI (RFC 3875, 6). The length, where there is one, is not looked at by the protocol itself.
 */
function cgiAnswer(text: string, complete: boolean | null): GatewayAnswer {
  const end = text.indexOf('\r\n\r\n');
  const [status, ...lines] = text.slice(0, end).split('\r\n');
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(': ');
    return [line.slice(0, colon), line.slice(colon + 2)];
  });
  return {
    status: Number(status.slice('Status: '.length, 'Status: 200'.length)),
    headers,
    body: text.slice(end + 4),
    complete,
  };
}

function served(protocol: 'fastcgi' | 'scgi', name: string): Promise<Server> {
  const module = fileURLToPath(new URL('./apps/application-ways.ts', import.meta.url));
  return serve({
    apps: [{ module, export: name }],
    bind: `${protocol}://127.0.0.1:0`,
    syncWorkers: 1,
    asyncWorkers: 1,
  });
}

const REPORTED_AFTER_THE_END =
  /^(?:G-120 a surplus chunk after the exact|G-141 an error after the complete|G-113 an error of (?:close|return))/;

/** Protocols of front servers; `name` is the export of `apps/application-ways.ts`. */
function frontServers(kind: string, name: string, app: Application | AsyncApplication): GatewayWay[] {
  return [
    {
      way: `FastCGI, pooled ${kind}`,
      exceptions: [
        {
          why: 'what is reported after the end of the response does not find its stream open, and goes to standard error',
          expected: (one) => (REPORTED_AFTER_THE_END.test(one.title) ? { ...one, errors: undefined } : one),
        },
      ],
      async open() {
        const server = await served('fastcgi', name);
        const clients: Client[] = [];
        let errors = '';
        return {
          async ask(method, path) {
            const variables = { REQUEST_METHOD: method, PATH_INFO: path, REQUEST_URI: path };
            const client = new Client(server.url).send(fastcgi.request(1, variables, { keep: false }));
            clients.push(client);
            const { records } = fastcgi.readRecords(await client.stayed());
            errors += fastcgi.contentOf(records, fastcgi.STDERR, 1);
            const ended = records.some(({ type }) => type === fastcgi.END_REQUEST);
            return cgiAnswer(fastcgi.contentOf(records, fastcgi.STDOUT, 1), ended);
          },
          errors() {
            const text = errors;
            errors = '';
            return text;
          },
          close: () => {
            for (const { socket } of clients) socket.destroy();
            return server.close();
          },
        };
      },
    },
    {
      way: `SCGI, pooled ${kind}`,
      exceptions: [],
      async open() {
        const server = await served('scgi', name);
        const clients: Client[] = [];
        return {
          async ask(method, path) {
            const variables = { REQUEST_METHOD: method, REQUEST_URI: path, DOCUMENT_URI: path };
            const client = new Client(server.url).send(scgi.request(variables));
            clients.push(client);
            const answer = cgiAnswer(await client.stayed(), null);
            // A reset that comes together with bytes is shown as an end by libuv: without a length such a body tells
            // nothing.
            const length = answer.headers.find(([key]) => key === 'Content-Length')?.[1];
            const bodyless = method === 'HEAD' || answer.status === 304;
            if (client.error !== null) answer.complete = false;
            else if (length !== undefined) answer.complete = bodyless || answer.body.length === Number(length);
            return answer;
          },
          errors: () => null,
          close: () => {
            for (const { socket } of clients) socket.destroy();
            return server.close();
          },
        };
      },
    },
    {
      way: `CGI, ${kind}`,
      exceptions: [],
      async open() {
        const folder = mkdtempSync(join(tmpdir(), 'quaich-cgi-'));
        const [out, errors] = [join(folder, 'out'), join(folder, 'errors')];
        writeFileSync(errors, '');
        return {
          async ask(method, path) {
            const [stdout, stderr] = [openSync(out, 'w'), openSync(errors, 'a')];
            const environ = { ...fastcgi.VARIABLES, REQUEST_METHOD: method, PATH_INFO: path };
            process.exitCode = 0;
            await runCgi(app, { environ, stdout, stderr });
            const broken = process.exitCode !== 0;
            process.exitCode = undefined;
            closeSync(stdout);
            closeSync(stderr);
            return cgiAnswer(readFileSync(out, 'latin1'), !broken);
          },
          errors() {
            const text = readFileSync(errors, 'utf8');
            writeFileSync(errors, '');
            return text;
          },
          close: async () => rmSync(folder, { recursive: true }),
        };
      },
    },
  ];
}

/** The server itself, under TLS. */
function encrypted(kind: string, name: string): GatewayWay {
  return {
    way: `TLS, ${kind}`,
    exceptions: [],
    async open() {
      const authority = new Authority();
      const { cert, key } = authority.issue('site', { subject: '/CN=site' });
      const server = await serve({
        apps: [{ module: fileURLToPath(new URL('./apps/application-ways.ts', import.meta.url)), export: name }],
        ...{ bind: 'https://127.0.0.1:0', tlsCert: cert, tlsKey: key },
        ...{ syncWorkers: 1, asyncWorkers: 1, inline: kind === 'inline' },
      });
      return {
        async ask(method, path) {
          const client = new Client(server.url).send(
            `${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
          );
          return parseResponses(await client.all(), [method])[0];
        },
        errors: () => null,
        close: async () => {
          await server.close();
          authority.remove();
        },
      };
    },
  };
}

export const GATEWAYS: GatewayWay[] = [
  ...mounts('async', asyncApp),
  ...mounts('sync', syncApp),
  ...frontServers('async', 'asyncApp', asyncApp),
  ...frontServers('sync', 'syncApp', syncApp),
  encrypted('pooled sync', 'syncApp'),
  encrypted('pooled async', 'asyncApp'),
  encrypted('inline', 'asyncApp'),
];
