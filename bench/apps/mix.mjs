// What is asked of a server that has both to wait and to compute, and the answers that are right. Below /sync is what
// blocks the thread it runs on, below /async what does not:
//
//   GET  /sync/hello      a line of text
//   GET  /sync/burn/N     a key derived in N iterations: stands for whatever computes, as rendering or SQLite
//   GET  /async/hello     a line of text
//   GET  /async/pieces/N  20 keys derived in N iterations each, one in a turn of the event loop
import { pbkdf2Sync } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { hello } from './content.mjs';

/** PBKDF2 is the same C code under Node and Python, so that nobody has the better language. */
export const derive = (iterations) => pbkdf2Sync('password', 'salt', iterations, 32, 'sha256').toString('hex');

/** The last part of a path, as a number. */
export const lastPart = (path) => Number(path.slice(path.lastIndexOf('/') + 1));

const PIECES = 20;

export async function derivePieces(iterations) {
  let keys = '';
  for (let i = 0; i < PIECES; i++) {
    keys += derive(iterations);
    await turn();
  }
  return keys;
}

const field = (length) => [
  ['Content-Type', 'text/plain'],
  ['Content-Length', String(length)],
];

export function sync({ PATH_INFO: path }, startResponse) {
  const body = path === '/hello' ? hello : Buffer.from(derive(lastPart(path)));
  startResponse('200 OK', field(body.length));
  return [body];
}

export async function asynchronous({ PATH_INFO: path }, startResponse) {
  const body = path === '/hello' ? hello : Buffer.from(await derivePieces(lastPart(path)));
  startResponse('200 OK', field(body.length));
  return [body];
}

/** Iterations that take a millisecond of CPU here. */
export function iterationsPerMillisecond() {
  // Long enough for a system that counts by its ticks.
  const TRIAL = 100_000;
  const before = process.cpuUsage();
  derive(TRIAL);
  const { user, system } = process.cpuUsage(before);
  return Math.round((TRIAL * 1000) / (user + system));
}

const expected = (body) => ({ status: 200, body: Buffer.from(body) });

export const requests = {
  sync: { path: '/sync/hello', expect: expected(hello) },
  async: { path: '/async/hello', expect: expected(hello) },
  burn: (iterations) => ({ path: `/sync/burn/${iterations}`, expect: expected(derive(iterations)) }),
  pieces: (iterations) => ({
    path: `/async/pieces/${iterations}`,
    expect: expected(derive(iterations).repeat(PIECES)),
  }),
};
