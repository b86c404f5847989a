// Applications for tests of supervision: what goes wrong outside of the request that began it, and how it is mended.
import { execFileSync } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';

const breaks = (how) => existsSync(`${process.env.SUPERVISED}/${how}`);

if (breaks('load')) throw new RangeError('the module is broken');
if (breaks('reject')) Promise.reject(new RangeError('the module is broken'));
if (breaks('exit')) process.exit(5);

export function startup() {
  if (breaks('startup')) throw new RangeError('the database is down');
}

const text = (startResponse, body) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from(body)];
};

const late = {
  '/rejection': () => Promise.reject(new TypeError('forgotten', { cause: new Error('the cause') })),
  '/timer': () => setTimeout(() => null.foo, 1),
  '/microtask': () => queueMicrotask(() => null.foo),
  '/tick': () => process.nextTick(() => null.foo),
  '/object': () => void Promise.reject({ code: 7 }),
};

/** Leaves an error behind that nobody catches, or dies, and says which thread it was on. */
export function app(environ, startResponse) {
  late[environ.PATH_INFO]?.();
  switch (environ.PATH_INFO) {
    case '/exit':
      process.exit(3);
      break;
    case '/memory':
      for (const list = []; ; ) list.push(new Array(100_000).fill(list.length));
    case '/crash': // as a defect in native code does
      process.kill(process.pid, 'SIGSEGV');
      break;
    case '/stuck':
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      break;
    case '/native':
      execFileSync('sleep', [environ.QUERY_STRING]);
      break;
    case '/fifo': {
      // Closed by libuv, behind the back of `fs`.
      const socket = new Socket({ fd: openSync(environ.QUERY_STRING, 'r+') });
      socket.destroy();
      break;
    }
    case '/open':
      for (let i = 0; i < 20; i++) openSync(process.argv[1]);
  }
  return text(startResponse, `${threadId}`);
}

export const asyncApp = async (environ, startResponse) => {
  if (environ.PATH_INFO === '/slow') await sleep(Number(environ.QUERY_STRING));
  if (environ.PATH_INFO === '/never') {
    await new Promise(() => setTimeout(late['/timer'], 1));
  }
  if (environ.PATH_INFO === '/file') {
    startResponse('200 OK', []);
    return environ['wsgi.file_wrapper'](openSync(environ.QUERY_STRING));
  }
  if (environ.PATH_INFO === '/handle') {
    startResponse('200 OK', []);
    return environ['wsgi.file_wrapper'](await open(environ.QUERY_STRING));
  }
  return app(environ, startResponse);
};
asyncApp.startup = startup;

/** Their shutdown hooks never end. */
export const endless = (environ, startResponse) => app(environ, startResponse);
endless.shutdown = () => new Promise(() => {});
export const asyncEndless = async (environ, startResponse) => app(environ, startResponse);
asyncEndless.shutdown = endless.shutdown;

/** Their shutdown hooks end their threads. */
export const endlessExit = (environ, startResponse) => app(environ, startResponse);
endlessExit.shutdown = () => process.exit(0);
export const asyncEndlessExit = async (environ, startResponse) => app(environ, startResponse);
asyncEndlessExit.shutdown = endlessExit.shutdown;
