import type { Writable } from 'node:stream';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { redirectOutput, writeOutput } from '../engine/error-stream.ts';
import { type SharedLogFile, ThreadLogFile } from './log-file.ts';
import type { OpenFiles } from './open-files.ts';

/** The name under which a thread hands its log file on to the threads that it starts. */
const LOG_FILE = 'quaich.log-file';

/**
 * Lets `console.log` of this thread write to the process's standard output and error themselves. Node passes a worker's
 * output through the event loops of both threads, where it stays as long as this one blocks (G-72), without limit as
 * long as nobody reads it, and for good once a reader was gone. A pipe that is full is waited for as `wsgi.errors`
 * does.
 *
 * @param file where both go instead, with `wsgi.errors`; also those of the threads that this one starts
 * @param files where its descriptor is noted
 */
export function writeOutputDirectly(file?: SharedLogFile, files?: OpenFiles): void {
  if (file !== undefined) {
    const log = new ThreadLogFile(file, files);
    redirectOutput((bytes) => log.write(bytes));
    setEnvironmentData(LOG_FILE, { ...file });
  }
  direct(process.stdout, 1);
  direct(process.stderr, 2);
}

/** The log file of the thread that has started this one. */
export function inheritedLogFile(): SharedLogFile | undefined {
  // Set above alone.
  return getEnvironmentData(LOG_FILE) as SharedLogFile | undefined;
}

function direct(stream: Writable, descriptor: number): void {
  stream._write = (chunk: Buffer | string, encoding, done) => {
    writeOutput(descriptor, typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
    done();
  };
  // Without it a stream falls back to `_write`.
  Object.defineProperty(stream, '_writev', { value: null, configurable: true });
}
