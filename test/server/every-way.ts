/**
 * Every way to run the applications of `apps/application-ways.ts`: those of the server, gateways, and the rest (G-181).
 */
import { fileURLToPath } from 'node:url';
import type { Application, AsyncApplication } from 'quaich';
import { makeServer } from 'quaich/simple-server';
import { AsyncTestClient, SyncTestClient } from 'quaich/testing';
import { serveWay, WAYS } from './all-ways.ts';
import type { GatewayAnswer } from './application-check.ts';
import { asyncApp, syncApp } from './apps/application-ways.ts';
import { parseResponses, talk } from './client.ts';
import { GATEWAYS } from './gateway-ways.ts';

export interface OpenWay {
  /** Sends a request without a body. */
  ask(method: string, path: string): Promise<GatewayAnswer>;
  /** Of a server that speaks HTTP and keeps connections. */
  url?: string;
  close(): Promise<unknown>;
}

export interface Way {
  way: string;
  open(): Promise<OpenWay>;
}

const module = fileURLToPath(new URL('./apps/application-ways.ts', import.meta.url));

function over(url: string, close: () => Promise<unknown>): OpenWay {
  return {
    ask: async (method, path) =>
      parseResponses(await talk(url, `${method} ${path} HTTP/1.1\r\nHost: a\r\n\r\n`), [method])[0],
    url,
    close,
  };
}

function alone(kind: string, app: Application | AsyncApplication, client: SyncTestClient | AsyncTestClient): Way[] {
  return [
    {
      way: `simple server, ${kind}`,
      async open() {
        const server = await makeServer('127.0.0.1', 0, app);
        void server.serveForever();
        return over(server.url, () => server.close());
      },
    },
    {
      way: `test client, ${kind}`,
      open: async () => ({
        async ask(method, path) {
          const { status, headers, chunks, broken } = await client.request({ method, path });
          const body = Buffer.concat(chunks).toString('latin1');
          return { status, headers: headers.items(), body, complete: !broken };
        },
        close: async () => {},
      }),
    },
  ];
}

export const EVERY_WAY: Way[] = [
  ...WAYS.map((one) => ({
    way: one.way,
    async open() {
      const server = await serveWay(one, [{ module, export: one.export }]);
      return over(server.url, () => server.close());
    },
  })),
  ...GATEWAYS,
  ...alone('sync', syncApp, new SyncTestClient(syncApp)),
  ...alone('async', asyncApp, new AsyncTestClient(asyncApp)),
];
