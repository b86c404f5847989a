import type { Writable } from 'node:stream';
import { writeFully } from '../engine/error-stream.ts';

/**
 * Lets `console.log` of this thread write to the process's standard output and error themselves. Node passes a worker's
 * output through the event loops of both threads, where it stays as long as this one blocks (G-72), without limit as
 * long as nobody reads it, and for good once a reader was gone. A pipe that is full is waited for as `wsgi.errors`
 * does.
 */
export function writeOutputDirectly(): void {
  direct(process.stdout, 1);
  direct(process.stderr, 2);
}

function direct(stream: Writable, descriptor: number): void {
  stream._write = (chunk: Buffer | string, encoding, done) => {
    writeFully(descriptor, typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
    done();
  };
  // Without it a stream falls back to `_write`.
  Object.defineProperty(stream, '_writev', { value: null, configurable: true });
}
