// Applications whose workers are replaced: they tell which thread served, and how many requests its modules have seen.
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';

let seen = 0;

export function app(_environ, startResponse) {
  seen++;
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from(`${threadId} ${seen}`)];
}

export const asyncApp = async (environ, startResponse) => {
  if (environ.PATH_INFO === '/stream') return stream(startResponse);
  await sleep(1);
  return app(environ, startResponse);
};

async function* stream(startResponse) {
  startResponse('200 OK', [['Content-Type', 'text/event-stream']]);
  for (let i = 0; ; i++) {
    yield Buffer.from(`data: ${threadId} ${i}\n\n`);
    await sleep(20);
  }
}

const kept = [];

/** Keeps a mebibyte for each request. */
export function growing(environ, startResponse) {
  kept.push(Buffer.alloc(2 ** 20, 'x'));
  return app(environ, startResponse);
}
export const asyncGrowing = async (environ, startResponse) => growing(environ, startResponse);

const note = (text) => appendFileSync(process.env.RETIRED_LOG, `${text} ${threadId}\n`);

export const startup = (state) => {
  state.thread = threadId;
  note('startup');
};

export const shutdown = async (state) => {
  await sleep(5);
  if (state.thread !== threadId) throw new Error('the state of another thread');
  note('shutdown');
};

/** Its shutdown never ends. */
export const endless = (environ, startResponse) => app(environ, startResponse);
endless.startup = () => {};
endless.shutdown = () => new Promise(() => {});
