// Sync applications whose responses are larger than what a system takes for a client that does not read.
import { closeSync, openSync, statSync, writeFileSync } from 'node:fs';

export const SIZE = 24_000_000;
const all = Buffer.from(Array.from({ length: SIZE / 8 }, (_, i) => String(i).padStart(8, '0')).join(''));
const TEXT = [['Content-Type', 'text/plain']];

/** As many bytes, in chunks of the size that the query says; `close` is noted in a file where X-Outcome names one. */
export function app(environ, startResponse) {
  const size = Number(environ.QUERY_STRING);
  const announced = environ.PATH_INFO === '/announced';
  startResponse('200 OK', announced ? [...TEXT, ['Content-Length', String(SIZE)]] : TEXT);
  if (environ.PATH_INFO === '/quick') return [Buffer.from('quick')];
  return {
    *[Symbol.iterator]() {
      for (let at = 0; at < SIZE; at += size) yield all.subarray(at, at + size);
      if (environ.PATH_INFO === '/broken') throw new Error('behind its last chunk');
    },
    close() {
      if (environ.HTTP_X_OUTCOME !== undefined) writeFileSync(environ.HTTP_X_OUTCOME, 'closed');
      if (environ.PATH_INFO === '/lasting') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
      // Ends: with its thread.
      if (environ.PATH_INFO === '/endless') for (;;);
    },
  };
}

/** The file that the query names, which the worker closes again. */
export function file(environ, startResponse) {
  const fd = openSync(environ.QUERY_STRING);
  startResponse('200 OK', [...TEXT, ['Content-Length', String(statSync(environ.QUERY_STRING).size)]]);
  return environ['wsgi.file_wrapper']({ fd, read: () => new Uint8Array(), close: () => closeSync(fd) });
}

export function write(path) {
  writeFileSync(path, all);
}
