import { read } from 'node:fs';
import { shortFile } from '../interface/errors.ts';
import type { Exchange } from '../protocols/exchange.ts';
import { Gate } from '../rules/gate.ts';

/** Bytes read from the file at a time, each time by a thread of libuv's. */
const BLOCK = 131_072;

/** Ends: with the call of the system; of regular files, and on a thread of libuv's. */
function readBlock(descriptor: number, block: Buffer, length: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(descriptor, block, 0, length, null, (error, count) => (error === null ? resolve(count) : reject(error)));
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
 * @param drained waits until the client wants more, after `Connection.data` returned false; rejects when it has gone
 */
export async function sendFile(
  exchange: Exchange,
  descriptor: number,
  length: number,
  drained: () => Promise<void>,
): Promise<void> {
  const { connection } = exchange;
  const block = Buffer.allocUnsafeSlow(length < 0 ? BLOCK : Math.min(BLOCK, length));
  let left = length < 0 ? Number.POSITIVE_INFINITY : length;
  try {
    while (left > 0 && !exchange.isCut) {
      const count = await readBlock(descriptor, block, Math.min(block.length, left));
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
