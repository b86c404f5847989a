import { writeSync } from 'node:fs';
import type { Writable } from 'node:stream';

/**
 * Lets `console.log` of this thread write to the process's standard output and error themselves. Node passes a worker's
 * output through the event loops of both threads, where it stays as long as this one blocks (G-72).
 */
export function writeOutputDirectly(): void {
  direct(process.stdout, 1);
  direct(process.stderr, 2);
}

function direct(stream: Writable, descriptor: number): void {
  const write = (chunk: Uint8Array): void => {
    for (let at = 0; at < chunk.length; ) {
      try {
        at += writeSync(descriptor, chunk, at);
      } catch (error) {
        // A pipe that is full for the moment is waited for; one that is gone takes the text with it.
        if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return;
        // Ends: by the time limit, a millisecond.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
    }
  };
  stream._write = (chunk: Buffer | string, encoding, done) => {
    write(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
    done();
  };
  // Without it a stream falls back to `_write`.
  Object.defineProperty(stream, '_writev', { value: null, configurable: true });
}
