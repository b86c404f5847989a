/** Reading and writing the descriptors of a CGI program: pipes, sockets or files, in blocking mode or not. */
import { read, readSync, write, writeSync } from 'node:fs';
import { untilReady, whenReady } from '../../engine/descriptors.ts';
import { ClientDisconnected } from '../../interface/errors.ts';
import { property } from '../../rules/property.ts';

/** An error of a write: the web server does not listen any more, or something else. */
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
  try {
    for (let at = 0; at < bytes.length; ) {
      at += whenReady(() => writeSync(descriptor, bytes, at, bytes.length - at));
    }
  } catch (error) {
    throw writeError(error);
  }
}

/** At most `max` bytes, as soon as there are any; an empty array at the end. */
export function readSomeSync(descriptor: number, max: number): Uint8Array {
  const block = new Uint8Array(max);
  try {
    return block.subarray(
      0,
      whenReady(() => readSync(descriptor, block, 0, max, null)),
    );
  } catch (error) {
    if (property(error, 'code') === 'EOF') return block.subarray(0, 0); // a pipe of Windows
    throw error;
  }
}

/** As `writeAllSync`, without blocking the event loop. */
export async function writeAll(descriptor: number, bytes: Uint8Array): Promise<void> {
  let at = 0;
  while (at < bytes.length) {
    at += await untilReady((done) => write(descriptor, bytes, at, bytes.length - at, null, done)).catch((error) => {
      throw writeError(error);
    });
  }
}

/** As `readSomeSync`, without blocking the event loop. */
export async function readSome(descriptor: number, max: number): Promise<Uint8Array> {
  const block = new Uint8Array(max);
  const count = await untilReady((done) => read(descriptor, block, 0, max, null, done)).catch((error) => {
    if (property(error, 'code') === 'EOF') return 0;
    throw error;
  });
  return block.subarray(0, count);
}
