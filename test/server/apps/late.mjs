// Applications that leave something behind: errors that nobody catches, and inputs of requests that are over.
import { threadId } from 'node:worker_threads';
import { asyncToSync, syncToAsync } from 'quaich/shim';

const bytes = (text) => new TextEncoder().encode(text);

const failure = () => new TypeError('expected: late', { cause: new RangeError('expected: the cause') });
const fail = () => {
  throw failure();
};

/** By path: how an error gets away. */
const LATE = {
  '/timeout': () => setTimeout(fail, 0),
  '/immediate': () => setImmediate(fail),
  '/tick': () => process.nextTick(fail),
  '/microtask': () => queueMicrotask(fail),
  '/rejection': () => void Promise.reject(failure()),
  '/event': () => {
    const target = new EventTarget();
    target.addEventListener('x', fail);
    target.dispatchEvent(new Event('x'));
  },
};

let kept = null;
let release = () => {};

const earlier = {
  '/read': () => kept['wsgi.input'].read(),
  '/readline': () => kept['wsgi.input'].readline(),
  '/poll': () => String(kept['quaich.client_disconnected']?.() ?? kept['quaich.signal'].aborted),
};

function failed(error) {
  return `${error.name}: ${error.message}`;
}

export function sync(environ, start) {
  const { PATH_INFO: path } = environ;
  start('200 OK', []);
  LATE[path]?.();
  let said = `thread ${threadId}`;
  if (path in earlier) {
    try {
      said = String(earlier[path]());
    } catch (error) {
      said = failed(error);
    }
  }
  if (path === '/keep') kept = environ;
  else if (environ.REQUEST_METHOD === 'POST') said += `, ${Buffer.from(environ['wsgi.input'].read())}`;
  return [bytes(said)];
}

export async function async_(environ, start) {
  const { PATH_INFO: path } = environ;
  start('200 OK', []);
  LATE[path]?.();
  let said = `thread ${threadId}`;
  if (path in earlier) {
    try {
      said = String(await earlier[path]());
    } catch (error) {
      said = failed(error);
    }
  }
  if (path === '/keep') kept = environ;
  else if (environ.REQUEST_METHOD === 'POST') said += `, ${Buffer.from(await environ['wsgi.input'].read())}`;
  return [bytes(said)];
}

/** Yields twice: between the two others may fail. */
export async function* waits(environ, start) {
  const { PATH_INFO: path } = environ;
  start('200 OK', []);
  if (path === '/release') release();
  yield bytes(`thread ${threadId}`);
  if (path === '/wait') {
    await new Promise((resolve) => {
      release = resolve;
    });
    yield bytes(', whole');
  }
  if (path in LATE) LATE[path]();
}

const here = import.meta.url;
export const syncThere = syncToAsync(sync, { where: 'here' });
export const asyncThere = asyncToSync(`${here}:async_`);

/** Fails over and over, and answers never. */
export async function floods(environ) {
  const timer = setInterval(fail, 0);
  await new Promise((resolve) => {
    environ['quaich.signal'].addEventListener('abort', resolve);
  });
  clearInterval(timer);
}
