import { closeSync, openSync, read, readFileSync } from 'node:fs';
import { RequestAborted, shortFile } from '../interface/errors.ts';
import type { OpenFiles } from '../pool/open-files.ts';
import type { Exchange } from '../protocols/exchange.ts';
import { Gate } from '../rules/gate.ts';
import { Backlog } from './backlog.ts';
import type { SpoolSpace } from './body-spool.ts';

/** Bytes read from the file at a time, each time by a thread of libuv's. */
const BLOCK = 131_072;

/** A file, and where it is read from next; null: where its descriptor stands. */
interface Source {
  descriptor: number;
  position: number | null;
}

/** Ends: with the call of the system; of regular files, and on a thread of libuv's. */
function readBlock(source: Source, block: Buffer, length: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(source.descriptor, block, 0, length, source.position, (error, count) => {
      if (source.position !== null) source.position += count;
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}

/** Sends the beginning of a block as it lies there, and waits until it may be written over. */
async function lend(exchange: Exchange, block: Buffer, count: number, drained: () => Promise<void>): Promise<void> {
  const gate = new Gate();
  let inUse = true;
  const free = (): void => {
    inUse = false;
    gate.release();
  };
  if (!exchange.connection.lend(exchange, block, 0, count, free)) await drained();
  // Ends: with `free`, which is called whatever becomes of the connection.
  if (inUse) await gate.wait();
}

/**
 * Sends a file from its current position as the body of a response whose head has been given to the connection, and
 * ends the response: after `length` bytes, or at the end of the file where `length` is -1. A file that turns out
 * shorter, or cannot be read, breaks the connection, and the promise rejects for that to be told (G-164, G-122).
 *
 * @param drained waits until the client wants more, after `Connection.data` returned false; rejects when it has gone.
 *   Meanwhile the source may be changed for another one of the same file
 */
export async function sendFile(
  exchange: Exchange,
  source: Source,
  length: number,
  drained: () => Promise<void>,
): Promise<void> {
  const { connection } = exchange;
  const block = Buffer.allocUnsafeSlow(length < 0 ? BLOCK : Math.min(BLOCK, length));
  let left = length < 0 ? Number.POSITIVE_INFINITY : length;
  try {
    while (left > 0 && !exchange.isCut) {
      const count = await readBlock(source, block, Math.min(block.length, left));
      if (count === 0) break;
      left -= count;
      await lend(exchange, block, count, drained);
    }
    if (left > 0 && length >= 0 && !exchange.isCut) throw shortFile(length);
  } catch (error) {
    connection.breakResponse(exchange);
    throw error;
  }
  connection.end(exchange);
}

/**
 * A file that is sent for a worker, which keeps it open meanwhile; or does not, where the client is so slow that the
 * file is opened anew.
 */
export class FileTransfer extends Backlog {
  readonly isComplete = true;
  readonly takesMore = true;
  /** Held until the client has taken what was sent. */
  private readonly gate = new Gate();
  private readonly source: Source;
  /** In words, where the worker, which knows it, is not needed any more. */
  request = '';
  /** Of the thread that opened the file, where that has ended: closing it is left to us. */
  orphanOf: OpenFiles | null = null;

  constructor(exchange: Exchange, descriptor: number) {
    super(exchange);
    this.source = { descriptor, position: null };
  }

  get descriptor(): number {
    return this.source.descriptor;
  }

  /** It does not need the worker. */
  get isOwn(): boolean {
    return this.source.position !== null;
  }

  /** See `sendFile`. Ends: when the client has taken what was sent, and with `close`. */
  async send(length: number): Promise<void> {
    const { source } = this;
    try {
      await sendFile(this.exchange, source, length, () => this.gate.wait());
    } finally {
      this.sent();
      this.free();
      if (this.isOwn) closeSync(source.descriptor);
    }
  }

  /** The worker, which is still there, waits for the client. */
  get isBehind(): boolean {
    return this.gate.isAwaited && this.orphanOf === null;
  }

  /** Goes on without the descriptor of the worker; false where that cannot be: only Linux has a way. */
  takeOver(space: SpoolSpace, request: string): boolean {
    const { source } = this;
    if (!this.reserve(space)) return false;
    try {
      // `pos:`, a tab and the number.
      const [, position] = readFileSync(`/proc/self/fdinfo/${source.descriptor}`, 'latin1').split(/\s+/, 2);
      source.descriptor = openSync(`/proc/self/fd/${source.descriptor}`, 'r');
      source.position = Number(position);
      this.request = request;
    } catch {
      this.free(); // no such system, not allowed, or too many files are open
    }
    return this.isOwn;
  }

  close(): void {
    this.gate.refuse(new RequestAborted());
  }

  drained(): void {
    this.gate.release();
  }
}
