/**
 * The access log: a line for each request. A record is formatted at once (record.ts). A lone line travels with the end
 * of its turn to a file (file.ts) or a stream (stream.ts), those that come soon after it together; lines that are lost
 * on the way are counted (losses.ts).
 */
import { fstatSync } from 'node:fs';
import { nothing } from '../../rules/promises.ts';
import { FileOutput, openLog } from './file.ts';
import { LineBytes } from './line-bytes.ts';
import { Losses } from './losses.ts';
import type { LogOutput } from './output.ts';
import type { AccessFormat, AccessRecord, Facts } from './record.ts';
import { StreamOutput, type TextSink } from './stream.ts';

export interface AccessLogSettings {
  format: AccessFormat;
  /** A path, or `-` for standard output; `stream` goes before it. */
  file?: string;
  stream?: TextSink;
  /**
   * Called with what went wrong and how many lines were lost: at once, then every ten seconds while it goes on, and at
   * the end. Nothing is ever thrown at the server.
   */
  onError?: (error: Error) => void;
}

export interface AccessLog {
  /** Whether it wants to be told of requests. */
  readonly isKept: boolean;
  /** What it is to be told of them. */
  readonly facts: Facts;
  /** Lines lost so far: the output failed, or was too slow for the memory allowed. */
  readonly dropped: number;
  /** Takes one request. Formats at once, writes later: many lines travel in one call of the system. Never throws. */
  write(record: AccessRecord): void;
  /** Opens the file anew, under the same name: what log rotation needs. Nothing happens for other outputs. */
  reopen(): void;
  /** Writes what is left, for at most a second, and closes the file. */
  close(): Promise<void>;
}

/** Keeps nothing. */
export const noAccessLog: AccessLog = {
  isKept: false,
  facts: { fields: [], responseHead: false, worker: false },
  dropped: 0,
  write: nothing,
  reopen: nothing,
  close: async () => {},
};

/** Milliseconds after a write in which lines gather: each wakes a thread that writes, and this one again. */
const GATHER = 10;
/** Bytes of lines that are written without waiting for more. */
const MAX_BATCH = 64 * 1024;

/**
 * Opens an access log.
 *
 * @throws ConfigurationError when the file cannot be opened
 */
export async function openAccessLog(settings: AccessLogSettings): Promise<AccessLog> {
  const losses = new Losses(settings.onError ?? nothing);
  return new BatchedAccessLog(settings.format, await openOutput(settings, losses), losses);
}

async function openOutput({ stream, file = '-' }: AccessLogSettings, losses: Losses): Promise<LogOutput> {
  if (stream) return new StreamOutput(stream, losses);
  if (file !== '-') return FileOutput.open({ path: file, what: 'access log', open: openLog }, losses);
  // A write to a pipe that nobody empties would hold a thread of libuv's pool, and with it the end of the process:
  // process.stdout polls there. For a file it would block this thread, so files go to the pool.
  return fstatSync(1).isFile() ? new FileOutput(1, null, losses) : new StreamOutput(process.stdout, losses);
}

class BatchedAccessLog implements AccessLog {
  readonly isKept = true;
  readonly #output: LogOutput;
  readonly #losses: Losses;
  readonly #format: AccessFormat;
  readonly #flush = (): void => this.#send();
  readonly #endGathering = (): void => {
    this.#gathering = null;
    this.#send();
  };
  /** While lines gather. */
  #gathering: NodeJS.Timeout | null = null;
  readonly #batch = new LineBytes();
  #lines = 0;
  #closed = false;

  constructor(format: AccessFormat, output: LogOutput, losses: Losses) {
    this.#format = format;
    this.#output = output;
    this.#losses = losses;
  }

  get facts(): Facts {
    return this.#format.facts;
  }

  get dropped(): number {
    return this.#losses.lines;
  }

  write(record: AccessRecord): void {
    if (this.#closed) {
      this.#losses.add(1, 'the log is closed');
      return;
    }
    if (this.#lines === 0 && this.#gathering === null) setImmediate(this.#flush);
    this.#format.write(record, this.#batch);
    this.#lines++;
    if (this.#batch.size >= MAX_BATCH) this.#send();
  }

  reopen(): void {
    this.#send();
    this.#output.reopen();
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#gathering !== null) clearTimeout(this.#gathering);
    this.#send();
    await this.#output.close();
    this.#losses.finish();
  }

  #send(): void {
    if (this.#lines === 0) return;
    const lines = this.#lines;
    this.#lines = 0;
    this.#output.write(this.#batch.take(), lines);
    if (!this.#closed) this.#gathering ??= setTimeout(this.#endGathering, GATHER);
  }
}
