import { ClientDisconnected } from '../../interface/errors.ts';
import { type BodySource, DONE, type Final, type ResponseHead, type Transport } from '../../interface/transport.ts';
import { cgiHead } from '../../rules/head-parts.ts';
import { readSome, readSomeSync, writeAll, writeAllSync } from './descriptors.ts';

/** Bytes. */
const LARGEST_READ = 65536;
const CUT = 'the request body ended before CONTENT_LENGTH';

/** Head and chunk as one block, so that a small response is one write. */
function block(head: ResponseHead | null, chunk: Uint8Array | null): Uint8Array | null {
  if (head === null) return chunk;
  const text = Buffer.from(cgiHead(head), 'latin1');
  return chunk === null ? text : Buffer.concat([text, chunk]);
}

/** What the response of a CGI program came to. */
abstract class CgiResponse {
  /** The response was broken off, before a web server that still reads. */
  broken = false;
  /** Nothing can be written any more. */
  protected gone = false;
  protected readonly stdout: number;

  constructor(stdout: number) {
    this.stdout = stdout;
  }

  /** CGI has no connection to break: nothing more comes, and the exit status tells. */
  abort(): void {
    this.broken = !this.gone;
  }
}

export class SyncCgiResponse extends CgiResponse implements Transport<false> {
  send(head: ResponseHead | null, chunk: Uint8Array | null): undefined {
    const bytes = block(head, chunk);
    if (bytes === null || this.broken) return;
    try {
      writeAllSync(this.stdout, bytes);
    } catch (error) {
      this.gone = true;
      throw error;
    }
  }

  done(): void {}
}

export class AsyncCgiResponse extends CgiResponse implements Transport<true> {
  /** Fulfils when the request is over and everything written. */
  readonly finished: Promise<void>;
  /** Called when nobody reads the response any more. */
  onDisconnect: ((reason: Error) => void) | null = null;
  private finish: () => void = () => {};

  constructor(stdout: number) {
    super(stdout);
    // Ends: with `done` of the engine, which comes whatever the application does.
    this.finished = new Promise((resolve) => {
      this.finish = resolve;
    });
  }

  send(head: ResponseHead | null, chunk: Uint8Array | null, final: Final): Promise<void> | undefined {
    const bytes = block(head, chunk);
    if (bytes === null || this.broken) {
      if (final === DONE) this.finish();
      return undefined;
    }
    // Copied: the chunk is the application's again when this returns (G-115).
    const written = writeAll(this.stdout, head === null ? new Uint8Array(bytes) : bytes);
    written.then(
      () => {
        if (final === DONE) this.finish();
      },
      (error) => {
        this.gone = true;
        this.onDisconnect?.(error); // and the engine calls `done`
      },
    );
    return written;
  }

  done(): void {
    this.finish();
  }
}

/** A request body of `length` bytes from a descriptor (G-170). */
abstract class CgiBody {
  protected readonly stdin: number;
  protected left: number;

  constructor(stdin: number, length: number) {
    this.stdin = stdin;
    this.left = length;
  }

  /** Most bytes of the next read: never any behind the body. */
  protected size(max: number): number {
    return Math.min(max, this.left, LARGEST_READ);
  }

  protected took(block: Uint8Array): Uint8Array {
    if (block.length === 0) throw new ClientDisconnected(CUT); // G-63
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
