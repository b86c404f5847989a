/** One request to a sync application on an event loop: its response, and `write` where nothing can wait. */
import { ApplicationError } from '../interface/errors.ts';
import type { AsyncEnviron, AsyncStartResponse, AsyncWrite, HeaderField, StartResponse } from '../interface/types.ts';
import { chunkOf } from '../rules/body.ts';
import { isDisconnect } from '../rules/failures.ts';
import { disregard } from '../rules/promises.ts';
import { tellsDisconnect } from './closing.ts';
import type { Within } from './link/context.ts';
import { ShadowResponse } from './shadow-response.ts';
import type { Spool } from './spool.ts';
import { onEventLoop } from './threads/deadlock.ts';

export class HereCall {
  readonly environ: AsyncEnviron;
  /** The body of the request. */
  readonly spool: Spool;
  readonly response: ShadowResponse;
  /** What a write failed of after it had returned; boxed, since anything may be thrown. */
  failure: { thrown: unknown } | null = null;
  /** Settles, never rejects, when the last write is through. */
  settled: Promise<void> | null = null;
  readonly #signal: AbortSignal | undefined;
  readonly #limit: number;
  readonly #within: Within;
  /** Bytes that were written, and are not through. */
  #queued = 0;

  /** @param limit bytes that may be queued */
  constructor(environ: AsyncEnviron, spool: Spool, limit: number, within: Within) {
    this.environ = environ;
    this.spool = spool;
    this.response = new ShadowResponse(environ, undefined);
    this.#signal = environ['quaich.signal'];
    this.#limit = limit;
    this.#within = within;
  }

  /** Runs a step of the application. */
  step<T>(run: () => T): T {
    return this.#within(() => onEventLoop(run));
  }

  /** `startResponse` of the application: checked here as the gateway would, which is then told what was read (G-96). */
  startOver(startResponse: AsyncStartResponse): StartResponse {
    const { response } = this;
    let told = false;
    const tell = (status: string, headers: HeaderField[], error: unknown): AsyncWrite => {
      // A call within a call, from a getter of its headers, was told first; the gateway takes another with an error
      // only.
      const replaces = told ? new ApplicationError('startResponse was called while it read its headers') : undefined;
      told = true;
      const given = error ?? replaces;
      return given === undefined ? startResponse(status, headers) : startResponse(status, headers, given);
    };
    return (status, headers, error) => {
      const stands = response.head !== null || !response.called;
      const read: HeaderField[] = [];
      try {
        response.start(status, headers, error, read);
      } catch (thrown) {
        // A head that is refused for what it is leaves none with the gateway either (G-83), which refuses it for its
        // last name.
        if (stands && response.called && response.head === null) refuse(() => tell(status, [...read, ['', '']], error));
        throw thrown;
      }
      const write = tell(status, read, error);
      return (chunk) => this.#queue(write, chunk);
    };
  }

  /** `write`: chunks queue up in the outer `write`, within bounds. */
  #queue(write: AsyncWrite, chunk: unknown): void {
    const { response } = this;
    const any = response.write(chunk);
    if (response.gone) return; // B-38
    if (any) this.#throwDisconnect();
    const bytes = chunkOf(chunk, -1);
    const size = bytes.byteLength;
    if (this.#queued > 0 && this.#queued + size > this.#limit) {
      throw new ApplicationError(
        `write cannot wait on an event loop, and ${this.#queued} bytes are queued: yield them, or use where: 'worker' (B-26)`,
      );
    }
    const surplus = response.writeSurplus();
    response.headSent = true;
    this.#queued += size;
    this.settled = write(bytes).then(
      () => {
        this.#queued -= size;
      },
      (error) => {
        // The surplus has been thrown where it belongs.
        if (surplus === null || isDisconnect(error)) this.failure ??= { thrown: error };
      },
    );
    if (surplus !== null) throw surplus; // G-121
  }

  /** A disconnect that was found after the write that met it had returned: said once, by the next one (B-38). */
  #throwDisconnect(): void {
    if (this.failure === null && this.#signal?.aborted !== true) return;
    this.response.disconnect();
    throw this.failure === null ? this.#signal?.reason : this.failure.thrown;
  }

  /** Waits for what was written; a failure is kept for the next step of the body. */
  async settle(): Promise<void> {
    while (this.settled !== null) {
      const last = this.settled;
      await last;
      if (this.settled === last) this.settled = null;
    }
  }

  /** The response is over: nothing can be written any more. */
  end(): void {
    if (this.failure !== null || tellsDisconnect(this.#signal)) this.response.disconnectAtClose();
    this.response.complete = true;
  }

  /** Ends the response, and closes its body and that of the request. */
  close(close: (() => unknown) | undefined): void {
    this.end();
    try {
      if (close !== undefined) disregard(this.step(close));
    } finally {
      this.spool.close();
    }
  }
}

function refuse(tell: () => void): void {
  try {
    tell();
  } catch {
    // What was refused is thrown already.
  }
}
