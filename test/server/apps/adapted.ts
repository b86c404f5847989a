// Sites of frameworks and single listeners as applications; the field X-App picks one.
import type { RequestListener } from 'node:http';
import type { AsyncApplication } from 'quaich';
import { fromFetchHandler, fromNodeListener } from 'quaich/adapters';
import { endless, expressApp, fastify, h3, hono, koaListener } from '../../adapters/frameworks.ts';
import { LISTENERS } from '../../adapters/listeners.ts';

/** By name; numbers are those of the table of listeners. */
export const NODE_LISTENERS: Readonly<Record<string, RequestListener>> = {
  ...Object.fromEntries(LISTENERS.map(({ listener }, index) => [index, listener])),
  express: expressApp,
  koa: koaListener,
  fastify: (request, response) => fastify.routing(request, response),
  endless,
};

const apps: Record<string, AsyncApplication> = { hono: fromFetchHandler(hono), h3: fromFetchHandler(h3) };
for (const [name, listener] of Object.entries(NODE_LISTENERS)) apps[name] = fromNodeListener(listener);

export const app: AsyncApplication = async (environ, startResponse) =>
  apps[environ.HTTP_X_APP ?? ''](environ, startResponse);

app.startup = async () => {
  await fastify.ready();
};
