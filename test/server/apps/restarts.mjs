// Applications whose threads can be kept from starting, by files in a folder, and ended by a request.
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';

const bytes = (text) => new TextEncoder().encode(text);
const at = (name) => join(process.env.QUAICH_TEST_FOLDER, name);
const trace = (text) => appendFileSync(at('trace'), `${text}\n`);

trace('load');
if (existsSync(at('module'))) throw new RangeError('expected: does not load');

function startup() {
  trace('startup');
  if (existsSync(at('startup'))) throw new RangeError('expected: does not start');
}

function shutdown() {
  trace('shutdown');
}

function answer(environ, start) {
  if (environ.PATH_INFO === '/die') process.exit(7);
  start('200 OK', []);
  return [bytes(`served by ${threadId}`)];
}

export const sync = Object.assign((environ, start) => answer(environ, start), { startup, shutdown });
export const async_ = Object.assign(async (environ, start) => answer(environ, start), { startup, shutdown });

/** Starts on one thread only, and on the others when that has. */
export const once = Object.assign((environ, start) => answer(environ, start), {
  async startup() {
    try {
      writeFileSync(at('first'), '', { flag: 'wx' });
    } catch {
      while (!existsSync(at('started'))) await new Promise((resolve) => setTimeout(resolve, 5));
      throw new RangeError('expected: does not start twice');
    }
    trace('startup');
    writeFileSync(at('started'), '');
  },
  shutdown,
});

const forever = { startup: () => new Promise((resolve) => setTimeout(resolve, 60_000)) };
export const starts = Object.assign((environ, start) => answer(environ, start), forever);
export const startsAsync = Object.assign(async (environ, start) => answer(environ, start), forever);
