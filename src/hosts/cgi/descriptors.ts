/** Reading and writing the descriptors of a CGI program: pipes, sockets or files, in blocking mode or not. */
import { read, readSync, write, writeSync } from 'node:fs';
import { ClientDisconnected } from '../../interface/errors.ts';
import { property } from '../../rules/property.ts';

/** Milliseconds between two tries where a descriptor in non-blocking mode is not ready. */
const PAUSE = 5;
const paused = new Int32Array(new SharedArrayBuffer(4));

/** An error of a write: the web server does not read any more, or something else. */
function writeError(error: unknown): unknown {
  const code = property(error, 'code');
  return code === 'EPIPE' || code === 'ECONNRESET' ? new ClientDisconnected() : error;
}

/**
 * Writes all of it (U-43: a partial write is completed).
 *
 * @throws ClientDisconnected when nobody reads any more
 */
export function writeAllSync(descriptor: number, bytes: Uint8Array): void {
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(descriptor, bytes, at, bytes.length - at);
    } catch (error) {
      if (property(error, 'code') !== 'EAGAIN') throw writeError(error);
      // Ends: by time; the loop, when the descriptor takes more, or is an error (EPIPE).
      Atomics.wait(paused, 0, 0, PAUSE);
    }
  }
}

/** At most `max` bytes, as soon as there are any; an empty array at the end. */
export function readSomeSync(descriptor: number, max: number): Uint8Array {
  const block = new Uint8Array(max);
  for (;;) {
    try {
      return block.subarray(0, readSync(descriptor, block, 0, max, null));
    } catch (error) {
      if (property(error, 'code') === 'EOF') return block.subarray(0, 0); // a pipe of Windows
      if (property(error, 'code') !== 'EAGAIN') throw error;
      // Ends: by time; the loop, when bytes come, at the end, and with an error.
      Atomics.wait(paused, 0, 0, PAUSE);
    }
  }
}

/** As `writeAllSync`, without blocking the event loop. */
export async function writeAll(descriptor: number, bytes: Uint8Array): Promise<void> {
  let at = 0;
  while (at < bytes.length) {
    at += await again((done) => write(descriptor, bytes, at, bytes.length - at, null, done)).catch((error) => {
      throw writeError(error);
    });
  }
}

/** As `readSomeSync`, without blocking the event loop. */
export async function readSome(descriptor: number, max: number): Promise<Uint8Array> {
  const block = new Uint8Array(max);
  const count = await again((done) => read(descriptor, block, 0, max, null, done)).catch((error) => {
    if (property(error, 'code') === 'EOF') return 0;
    throw error;
  });
  return block.subarray(0, count);
}

/**
 * Repeats an operation until its descriptor is ready. Ends: with it, or with an error, such as that of a pipe whose
 * other end is closed.
 */
function again(operation: (done: (error: Error | null, count: number) => void) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const attempt = (): void =>
      operation((error, count) => {
        if (error === null) resolve(count);
        else if (property(error, 'code') === 'EAGAIN') setTimeout(attempt, PAUSE);
        else reject(error);
      });
    attempt();
  });
}
