import { read } from 'node:fs';
import { shortFile } from '../interface/errors.ts';
import type { Exchange } from '../protocols/exchange.ts';

/** Bytes read from the file at a time. */
const BLOCK = 65536;

/** Ends: with the call of the system; of regular files, and on a thread of libuv's. */
function readBlock(descriptor: number, block: Buffer, length: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(descriptor, block, 0, length, null, (error, count) => (error === null ? resolve(count) : reject(error)));
  });
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
  const block = Buffer.allocUnsafe(BLOCK);
  let left = length < 0 ? Number.POSITIVE_INFINITY : length;
  try {
    while (left > 0 && !exchange.isCut) {
      const count = await readBlock(descriptor, block, Math.min(BLOCK, left));
      if (count === 0) break;
      left -= count;
      if (!connection.data(exchange, block, 0, count)) await drained();
    }
    if (left > 0 && length >= 0 && !exchange.isCut) throw shortFile(length);
  } catch (error) {
    connection.breakResponse(exchange);
    throw error;
  }
  connection.end(exchange);
}
