/** A response on the standard output of a CGI program (RFC 3875, 6; G-141, G-170). */
import { DONE, type Final, type ResponseHead, type Transport } from '../../interface/transport.ts';
import { partOf } from '../../rules/bytes.ts';
import { isDisconnect } from '../../rules/failures.ts';
import { Gate } from '../../rules/gate.ts';
import { cgiHead } from '../../rules/head-parts.ts';
import { writeAll, writeAllSync } from './descriptors.ts';

/** Head and chunk as one block, so that a small response is one write. */
function block(head: ResponseHead | null, chunk: Uint8Array | null, size: number): Uint8Array | null {
  const bytes = chunk === null ? null : partOf(chunk, 0, size);
  if (head === null) return bytes;
  const text = Buffer.from(cgiHead(head), 'latin1');
  return bytes === null ? text : Buffer.concat([text, bytes]);
}

/** What sync and async responses have in common. */
abstract class CgiResponse {
  /** The response was broken off, and the web server still reads. */
  broken = false;
  /** The web server does not read any more. */
  protected gone = false;
  protected readonly stdout: number;

  constructor(stdout: number) {
    this.stdout = stdout;
  }

  /** CGI has no connection to break: nothing more comes, and the exit status tells. */
  abort(): void {
    this.broken = !this.gone;
  }

  /** A write has failed: nobody reads, or part of it went out, so that nothing may follow. */
  protected failed(error: unknown): void {
    if (isDisconnect(error)) this.gone = true;
    else this.broken = true;
  }
}

export class SyncCgiResponse extends CgiResponse implements Transport<false> {
  send(head: ResponseHead | null, chunk: Uint8Array | null, _final: Final, size: number): undefined {
    const bytes = block(head, chunk, size);
    if (bytes === null || this.broken) return;
    try {
      writeAllSync(this.stdout, bytes);
    } catch (error) {
      this.failed(error);
      throw error;
    }
  }

  done(): void {}
}

export class AsyncCgiResponse extends CgiResponse implements Transport<true> {
  private readonly gate = new Gate();
  /** Fulfils when the request is done and everything written. Ends: with the engine, whatever the application does. */
  readonly whenDone = this.gate.wait();
  /** Called when the web server does not read any more. */
  onDisconnect: ((reason: Error) => void) | null = null;

  send(head: ResponseHead | null, chunk: Uint8Array | null, final: Final, size: number): Promise<void> | undefined {
    const bytes = block(head, chunk, size);
    if (bytes === null || this.broken) {
      if (final === DONE) this.gate.release();
      return undefined;
    }
    // Copied: the chunk is the application's again when this returns (G-115).
    const written = writeAll(this.stdout, head === null ? new Uint8Array(bytes) : bytes);
    written.then(
      () => {
        if (final === DONE) this.gate.release();
      },
      (error) => {
        this.failed(error);
        if (this.gone) this.onDisconnect?.(error); // and the engine calls `done`
      },
    );
    return written;
  }

  done(): void {
    this.gate.release();
  }
}
