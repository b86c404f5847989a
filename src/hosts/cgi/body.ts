/** The request body on the standard input of a CGI program (G-170). */
import { ClientDisconnected } from '../../interface/errors.ts';
import type { BodySource } from '../../interface/transport.ts';
import { readSome, readSomeSync } from './descriptors.ts';

/** Bytes. */
const LARGEST_READ = 65536;

/** A body of `length` bytes: what lies behind them stays unread. */
abstract class CgiBody {
  protected readonly stdin: number;
  protected left: number;

  constructor(stdin: number, length: number) {
    this.stdin = stdin;
    this.left = length;
  }

  /** Most bytes of the next read. */
  protected size(max: number): number {
    return Math.min(max, this.left, LARGEST_READ);
  }

  protected took(block: Uint8Array): Uint8Array {
    if (block.length === 0) throw new ClientDisconnected('the request body ended before CONTENT_LENGTH'); // G-63
    this.left -= block.length;
    return block;
  }
}

export class SyncCgiBody extends CgiBody implements BodySource<false> {
  read(max: number): Uint8Array | null {
    return this.left === 0 ? null : this.took(readSomeSync(this.stdin, this.size(max)));
  }
}

export class AsyncCgiBody extends CgiBody implements BodySource<true> {
  async read(max: number): Promise<Uint8Array | null> {
    return this.left === 0 ? null : this.took(await readSome(this.stdin, this.size(max)));
  }
}
