/** The module that serves an export of another interface, for a bench: it puts the adapter that fits around it. */
import type { RequestListener, Server } from 'node:http';
import { type FetchObject, fromFetchHandler } from '../../adapters/fetch-handler.ts';
import { fromNodeListener } from '../../adapters/node-listener.ts';
import { ConfigurationError } from '../../interface/errors.ts';
import type { AsyncApplication } from '../../interface/types.ts';
import { foreignKind } from '../../pool/adapter-line.ts';
import { importExport, lookUp } from '../../pool/load.ts';
import { ADAPTED, type AppOrder } from './orders.ts';

/** What `foreignKind` has looked for. */
interface Foreign extends FetchObject {
  callback(): RequestListener;
  handler: RequestListener;
  routing: RequestListener;
  ready(): Promise<unknown>;
  close(): Promise<void>;
}

function adapt(value: unknown): AsyncApplication {
  const site = value as Foreign; // each has what its kind is known by
  switch (foreignKind(value)) {
    case 'listener':
      return fromNodeListener(value as RequestListener);
    case 'server':
      return fromNodeListener(value as Server);
    case 'koa':
      return fromNodeListener(site.callback());
    case 'polka':
      return fromNodeListener(site.handler);
    case 'fastify':
      return fromNodeListener((request, response) => site.routing(request, response), {
        startup: async () => {
          await site.ready();
        },
        shutdown: () => site.close(),
      });
    case 'fetch':
      return fromFetchHandler(site);
    case null:
      throw new ConfigurationError('there is no adapter for the export');
  }
}

// Written by `inspectApplication`.
const order: AppOrder = JSON.parse(process.env[ADAPTED] ?? '');
const { exports, value } = await importExport(order.app, order.directory);

export const app = adapt(value);
export const startup = lookUp(exports, 'startup');
export const shutdown = lookUp(exports, 'shutdown');
