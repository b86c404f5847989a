// Sites of frameworks and single listeners as applications; the field X-App picks one.
import type { RequestListener } from 'node:http';
import type { AsyncApplication } from 'quaich';
import { fromFetchHandler, fromNodeListener } from 'quaich/adapters';
import { listenerApplication } from '../../../dist/src/adapters/node-listener.js';
import { serveConnection } from '../../../dist/src/adapters/served-socket.js';
import { endless, expressApp, fastify, h3, hono, koaListener } from '../../adapters/frameworks.ts';
import { LISTENERS } from '../../adapters/listeners.ts';

/** A large text that no other path has: `/NUMBER`, in as many units. */
export const textAt = (path: string): string => `${path} is \u00e9\n`.repeat(Math.ceil(Number(path.slice(1)) / 12));

/** By name; numbers are those of the table of listeners. */
export const NODE_LISTENERS: Readonly<Record<string, RequestListener>> = {
  ...Object.fromEntries(LISTENERS.map(({ listener }, index) => [index, listener])),
  express: expressApp,
  koa: koaListener,
  fastify: (request, response) => fastify.routing(request, response),
  endless,
  text: ({ url = '' }, response) => response.setHeader('Content-Type', 'text/plain').end(textAt(url)),
  texts: ({ url = '' }, response) => {
    response.setHeader('Content-Type', 'text/plain').write(textAt(url));
    response.end(textAt(url));
  },
};

const fetchers: Record<string, AsyncApplication> = {
  hono: fromFetchHandler(hono),
  h3: fromFetchHandler(h3),
  'fetch text': fromFetchHandler(({ url }) => new Response(textAt(new URL(url).pathname))),
};

function choosing(adapt: (listener: RequestListener) => AsyncApplication): AsyncApplication {
  const apps = { ...fetchers };
  for (const [name, listener] of Object.entries(NODE_LISTENERS)) apps[name] = adapt(listener);
  const app: AsyncApplication = async (environ, startResponse) =>
    apps[environ.HTTP_X_APP ?? ''](environ, startResponse);
  app.startup = async () => {
    await fastify.ready();
  };
  return app;
}

export const app = choosing(fromNodeListener);
/** The same listeners, whose messages Node's own server makes. */
export const served = choosing((listener) => listenerApplication(serveConnection, listener, {}));
