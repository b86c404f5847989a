import { close, open, write } from 'node:fs';
import { ConfigurationError } from '../../interface/errors.ts';
import { APPENDING, MODE } from '../../pool/log-file.ts';
import type { Losses } from './losses.ts';
import { CLOSE_LIMIT, type LogOutput, MAX_WAITING, TOO_SLOW } from './output.ts';

/** A log file by its path. */
interface LogFile {
  readonly path: string;
  /** What messages call it. */
  readonly what: string;
  readonly open: OpenLog;
}

/** Opens a log to append to it, and calls back, maybe before it returns; the system does not make it wait. */
export type OpenLog = (path: string, done: (error: Error | null, descriptor: number) => void) => void;

export const openLog: OpenLog = (path, done) => open(path, APPENDING, MODE, done);

/** Milliseconds before a write is tried again for which there was no room (EAGAIN). */
const RETRY_AFTER = 50;

const LINE_FEED = Buffer.from('\n');

/** Writes to a descriptor on the pool of libuv, one write at a time. A file with a path can be opened anew. */
export class FileOutput implements LogOutput {
  readonly #file: LogFile | null;
  readonly #losses: Losses;
  readonly #written = (error: Error | null, bytes: number): void => this.#afterWrite(error, bytes);
  #descriptor: number;
  #waiting: Buffer[] = [];
  #waitingSize = 0;
  #waitingLines = 0;
  #chunk: Buffer | null = null;
  #chunkLines = 0;
  #offset = 0;
  #torn = false;
  #opening = false;
  #opened: number | null = null;
  #onIdle: (() => void) | null = null;

  /** @throws ConfigurationError when the file cannot be opened */
  static async open(file: LogFile, losses: Losses): Promise<FileOutput> {
    // Ends: with the call of the system, which does not block (see openLog).
    const descriptor = await new Promise<number>((resolve, reject) => {
      file.open(file.path, (error, opened) => (error ? reject(notOpened(file, error)) : resolve(opened)));
    });
    return new FileOutput(descriptor, file, losses);
  }

  /** @param file null where the descriptor is not ours: it is neither closed nor opened anew */
  constructor(descriptor: number, file: LogFile | null, losses: Losses) {
    this.#descriptor = descriptor;
    this.#file = file;
    this.#losses = losses;
  }

  write(text: Buffer, lines: number): void {
    if (this.#waitingSize + text.length > MAX_WAITING) {
      this.#losses.add(lines, TOO_SLOW);
      return;
    }
    this.#waiting.push(text);
    this.#waitingSize += text.length;
    this.#waitingLines += lines;
    this.#next();
  }

  reopen(): void {
    const file = this.#file;
    if (file === null || this.#opening) return;
    this.#opening = true; // what comes from here on waits for the new file
    file.open(file.path, (error, descriptor) => {
      this.#opening = false;
      if (error) this.#losses.add(0, notOpened(file, error).message);
      else this.#opened = descriptor;
      this.#next();
    });
  }

  async close(): Promise<void> {
    if (this.#chunk || this.#opening) {
      let timer: NodeJS.Timeout | undefined;
      // Ends: when all is written, and after CLOSE_LIMIT.
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
        timer = setTimeout(resolve, CLOSE_LIMIT);
      });
      clearTimeout(timer);
    }
    if (this.#chunk || this.#opening) {
      // Not closed: a write may still use the descriptor.
      this.#losses.add(this.#chunkLines + this.#waitingLines, TOO_SLOW);
    } else if (this.#file !== null) {
      await closeQuietly(this.#descriptor);
    }
  }

  #next(): void {
    if (this.#chunk || this.#opening) return;
    if (this.#opened !== null) {
      closeQuietly(this.#descriptor);
      this.#descriptor = this.#opened;
      this.#opened = null;
      this.#torn = false;
    }
    if (this.#waitingLines === 0) {
      this.#onIdle?.();
      return;
    }
    // After a failure in the middle of a line the next one still begins on a line of its own.
    if (this.#torn) this.#waiting.unshift(LINE_FEED);
    this.#chunk = this.#waiting.length === 1 ? this.#waiting[0] : Buffer.concat(this.#waiting);
    this.#chunkLines = this.#waitingLines;
    this.#offset = 0;
    this.#waiting = [];
    this.#waitingSize = 0;
    this.#waitingLines = 0;
    this.#writeChunk(this.#chunk);
  }

  #writeChunk(chunk: Buffer): void {
    write(this.#descriptor, chunk, this.#offset, chunk.length - this.#offset, null, this.#written);
  }

  #afterWrite(error: Error | null, bytes: number): void {
    const chunk = this.#chunk;
    if (!chunk) return;
    if (error) {
      if (Reflect.get(error, 'code') === 'EAGAIN') {
        setTimeout(() => this.#writeChunk(chunk), RETRY_AFTER).unref();
        return;
      }
      this.#losses.add(this.#chunkLines, error.message);
      this.#torn ||= this.#offset > 0;
    } else {
      this.#offset += bytes;
      if (this.#offset < chunk.length) {
        this.#writeChunk(chunk);
        return;
      }
      this.#torn = false;
    }
    this.#chunk = null;
    this.#chunkLines = 0;
    this.#next();
  }
}

function closeQuietly(descriptor: number): Promise<void> {
  // Ends: with the call of the system. Nothing is left to be done about a failure here.
  return new Promise((resolve) => close(descriptor, () => resolve()));
}

function notOpened({ what, path }: LogFile, error: Error): ConfigurationError {
  return new ConfigurationError(`cannot open the ${what} ${path}: ${error.message}`, { cause: error });
}
