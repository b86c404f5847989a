// Applications that measure themselves with prom-client, in the registry that this module exports.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export const metrics = new Registry();
const registers = [metrics];
const served = new Counter({ name: 'site_served_total', help: 'Requests.', labelNames: ['path'], registers });
const length = new Histogram({ name: 'site_path_length', help: 'Characters.', buckets: [3, 30], registers });
const gauge = (name, aggregator) => new Gauge({ name, help: 'One for each thread.', aggregator, registers }).set(1);
gauge('site_threads');
gauge('site_most', 'max');
gauge('site_secret', 'omit');
gauge('quaich_mine');
gauge('process_resident_memory_bytes');

function answer(environ, startResponse) {
  const path = environ.PATH_INFO;
  served.inc({ path });
  length.observe(path.length);
  if (path === '/block') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(environ.QUERY_STRING));
  if (path === '/exit') process.exit(3);
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from(path === '/pid' ? String(process.pid) : path)];
}

export const app = (environ, startResponse) => answer(environ, startResponse);

export const asyncApp = async (environ, startResponse) => answer(environ, startResponse);
