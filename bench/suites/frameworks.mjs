// Applications of frameworks: on the server that each framework recommends, and on Quaich by its adapters.
import { HTTP_METRICS, startHttp } from '../../dist/src/bench/http-case.js';
import { requests } from '../apps/frameworks/content.mjs';
import { versionOf } from '../peers/index.mjs';

/** Each is a module of apps/frameworks, and needs these packages. */
const applications = {
  'node-http': [],
  express: ['express'],
  koa: ['koa', '@koa/router', '@koa/bodyparser'],
  fastify: ['fastify'],
  hono: ['hono', '@hono/node-server'],
  h3: ['h3', 'srvx'],
};

const start = (peer, generate, application) =>
  startHttp({ ...peer, env: { ...peer.env, APPLICATION: application } }, generate);

/** @param {import('../context.mjs').Context} context */
export function suite({ servers, versions }) {
  for (const name of Object.values(applications).flat()) versions.set(name, versionOf(name));
  return {
    name: 'frameworks',
    title: 'Frameworks, on their own server and on ours',
    metrics: HTTP_METRICS,
    base: 'own server',
    candidates: servers({ 'own server': {}, 'quaich, adapters': {} }, start),
    cases: Object.keys(applications).flatMap((application) =>
      Object.entries(requests).map(([what, request]) => ({
        name: `${application}: ${what}`,
        quick: what === 'small GET' && ['express', 'fastify'].includes(application),
        application,
        request,
        connections: 64,
      })),
    ),
  };
}
