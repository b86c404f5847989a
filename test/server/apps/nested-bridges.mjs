// Bridges behind bridges: where one would wait for its own thread, and where none does.
import { asyncToSync, syncToAsync } from 'quaich/shim';

const here = import.meta.url;
const bytes = (text) => new TextEncoder().encode(text);

/** An environ of the other kind, as middleware that bridges by hand would make it. */
const asSync = (environ) => ({
  ...environ,
  'quaich.async': false,
  'wsgi.input': { read: () => bytes(''), readline: () => bytes(''), readlines: () => [], *[Symbol.iterator]() {} },
});

const told = (start, text) => {
  start('200 OK', []);
  return [bytes(text)];
};

export async function helloAsync(_environ, start) {
  return told(start, 'hello from an event loop');
}
export const hello = (_environ, start) => told(start, 'hello from a worker');

const helloBridge = asyncToSync(`${here}:helloAsync`);

/** Async, wherever it is mounted: blocks its event loop for a bridge, at the call or later. */
export async function blocks(environ, start) {
  if (environ.PATH_INFO.endsWith('/later')) await new Promise((resolve) => setTimeout(resolve, 5));
  const begun = performance.now();
  try {
    helloBridge(asSync(environ), () => () => {});
    return told(start, 'it blocked');
  } catch (error) {
    const quick = performance.now() - begun < 1000;
    return told(start, `${error.code} ${quick ? 'at once' : 'late'}: ${error.message}`);
  }
}

/** Sync: may block. */
export const mayBlock = (environ, start) => helloBridge(environ, start);

// To and fro for ever: each is on a thread of its own, which starts the other.
const pong = asyncToSync(`${here}:pongAsync`);
const ping = syncToAsync(`${here}:pingSync`, { threads: 1 });
export const pingSync = (environ, start) => pong(environ, start);
export const pongAsync = async (environ, start) => ping(environ, start);

// To and fro with an end.
const inner = syncToAsync(`${here}:hello`, { threads: 1 });
export const middle = async (environ, start) => inner(environ, start);
const outer = asyncToSync(`${here}:middle`);
export const toAndFro = (environ, start) => outer(environ, start);
