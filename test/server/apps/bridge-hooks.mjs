// Bridges at module level, as users write them, to an application whose hooks leave a trace in a file.
import { appendFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { compose, responseTime } from 'quaich/middleware';
import { asyncToSync, syncToAsync } from 'quaich/shim';

const here = import.meta.url;
const bytes = (text) => new TextEncoder().encode(text);

const trace = (text) => appendFileSync(process.env.QUAICH_TEST_TRACE, `${text}\n`);

function traced(app, name) {
  app.startup = async (state) => {
    trace(`${name} startup`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (process.env.QUAICH_TEST_HOOK === name) throw new Error(`expected: ${name} does not start`);
    state.requests = { count: 0 };
  };
  app.shutdown = async (state) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    trace(`${name} shutdown after ${state.requests.count}`);
  };
  return app;
}

function answer(environ, start) {
  environ['quaich.state'].requests.count++;
  start('200 OK', []);
  return [bytes(`${isMainThread ? 'main' : 'thread'} ${environ.PATH_INFO}`)];
}

export const innerAsync = traced(async (environ, start) => answer(environ, start), 'async');
export const innerSync = traced((environ, start) => answer(environ, start), 'sync');

// The bridge itself, one in middleware, one in a function that has no hooks.
export const exported = asyncToSync(`${here}:innerAsync`);
export const wrapped = compose([responseTime()])(asyncToSync(`${here}:innerAsync`));
const hidden = asyncToSync(`${here}:innerAsync`);
export const closure = (environ, start) => hidden(environ, start);

export const exportedAsync = syncToAsync(`${here}:innerSync`, { threads: 1 });
const hiddenAsync = syncToAsync(`${here}:innerSync`, { threads: 1 });
export const closureAsync = async (environ, start) => hiddenAsync(environ, start);
