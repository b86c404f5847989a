/**
 * A program: what an application was made of by an adapter, without the adapter and without Quaich, on the server that
 * its framework comes with. Arguments: the order as JSON; for a fetch handler, the file of the server's package. It
 * listens on PORT.
 */
import { createServer, type RequestListener, Server } from 'node:http';
import { pathToFileURL } from 'node:url';
import type { FetchHandler, FetchObject } from '../../adapters/fetch-handler.ts';
import { originalOf } from '../../interface/original.ts';
import { loadApplication } from '../../pool/load.ts';
import type { AppOrder } from './orders.ts';

const host = '127.0.0.1';
const port = Number(process.env.PORT);
const [order, file] = process.argv.slice(2);
const { app, directory }: AppOrder = JSON.parse(order);

// Ends: when nothing is left to run, which ends the program as well.
const idle = new Promise<void>((resolve) => process.once('beforeExit', () => resolve()));
const loaded = await loadApplication(app, directory, { idle, alone: true });
await loaded.startup?.({});
const original = originalOf(loaded.app);
// What fromNodeListener and fromFetchHandler have taken.
if (original?.interface === 'node:http') listen(original.target as RequestListener | Server);
if (original?.interface === 'fetch') await serveFetch(original.target as FetchHandler | FetchObject);

function listen(target: RequestListener | Server): void {
  if (target instanceof Server) target.listen(port, host);
  else if (typeof target === 'function') createServer(target).listen(port, host);
  else throw new TypeError('the application was made of something that emits requests, and is no server');
}

/** By `@hono/node-server` or `srvx`, which are called alike. */
async function serveFetch(target: FetchHandler | FetchObject): Promise<void> {
  const fetch = 'fetch' in target ? target.fetch.bind(target) : target;
  const { serve }: { serve(options: object): unknown } = await import(pathToFileURL(file).href);
  serve({ fetch, port, hostname: host, silent: true });
}
