/**
 * A log file that several threads append to. Each opens it for itself: a descriptor that another thread has closed may
 * be the socket of a client the moment after. A write is a call of the system, which adds all of it in one place.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { writeFully } from '../engine/error-stream.ts';
import { note, type OpenFiles } from './open-files.ts';

/** What the threads know of it together. */
export interface SharedLogFile {
  readonly path: string;
  /** Shared memory: GENERATION, LOST. */
  readonly words: Int32Array;
}

/** How often it is to be opened anew, for all threads. */
const GENERATION = 0;
/** Lines that threads could not write, until somebody has counted them. */
const LOST = 1;

const LINE_FEED = 0x0a;

const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK = 0 } = constants;

/** Non-blocking, so that a FIFO without a reader is an error and not a wait without end. */
export const APPENDING = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK;
/** Access rights of a log file, before the umask. */
export const MODE = 0o644;

export function shareLogFile(path: string): SharedLogFile {
  return { path, words: new Int32Array(new SharedArrayBuffer(8)) };
}

/** Has all threads open it anew before they write the next time. */
export function reopenLogFile({ words }: SharedLogFile): void {
  Atomics.add(words, GENERATION, 1);
}

/** Lines lost since the last call. */
export function lostLines({ words }: SharedLogFile): number {
  return Atomics.exchange(words, LOST, 0);
}

/** The file as one thread has it. Never throws: what it does not take is dropped and counted. */
export class ThreadLogFile {
  readonly #shared: SharedLogFile;
  readonly #files: OpenFiles | undefined;
  #descriptor = -1;
  #generation = -1;
  /** It ends within a line. */
  #torn = false;

  /** @param files where its descriptor is noted, for the end of the thread */
  constructor(shared: SharedLogFile, files: OpenFiles | undefined) {
    this.#shared = shared;
    this.#files = files;
  }

  write(bytes: Uint8Array): void {
    const { words } = this.#shared;
    const generation = Atomics.load(words, GENERATION);
    if (generation !== this.#generation || this.#descriptor < 0) this.#open(generation);
    if (this.#torn) this.#torn = writeFully(this.#descriptor, Buffer.of(LINE_FEED)) === 0;
    const taken = this.#torn ? 0 : writeFully(this.#descriptor, bytes);
    if (taken === bytes.length) return;
    this.#torn ||= taken > 0;
    Atomics.add(words, LOST, countLines(bytes));
  }

  /** Where that fails the file of before goes on; where there is none, what is written is lost. */
  #open(generation: number): void {
    this.#generation = generation;
    try {
      const descriptor = openSync(this.#shared.path, APPENDING, MODE);
      if (this.#files !== undefined) note(this.#files, descriptor, true);
      if (this.#descriptor >= 0) closeSync(this.#descriptor);
      this.#descriptor = descriptor;
      this.#torn = false;
    } catch {
      // The server's own thread meets the same when it opens the file, and tells it.
    }
  }
}

/** A text that ends within a line has that one more. */
function countLines(bytes: Uint8Array): number {
  let count = bytes.at(-1) === LINE_FEED ? 0 : 1;
  for (const byte of bytes) if (byte === LINE_FEED) count++;
  return count;
}
