/**
 * A sync application on an async gateway's own event loop, at its owner's explicit wish (B-20): the request body is
 * collected first, then the application runs one step for each chunk that is asked for, and the loop has a turn in
 * between.
 */
import { isPromise, isUint8Array } from 'node:util/types';
import { fileOf, fileWrapper, isFileWrapper } from '../engine/file-wrapper.ts';
import { SyncInput } from '../engine/sync-input.ts';
import { copyEnviron } from '../environ/copy.ts';
import { ApplicationError } from '../interface/errors.ts';
import { markAsync } from '../interface/kind.ts';
import type {
  Application,
  AsyncApplication,
  AsyncBody,
  AsyncEnviron,
  AsyncStartResponse,
  AsyncWrite,
  Environ,
  HeaderField,
  Lifespan,
  StartResponse,
  Write,
} from '../interface/types.ts';
import {
  chunkOf,
  closeLate,
  closeOf,
  isPlainArray,
  noStepFault,
  notIterable,
  notSyncFault,
  refuseNoBody,
  refusePromise,
} from '../rules/body.ts';
import { turn } from '../rules/event-loop.ts';
import { isDisconnect } from '../rules/failures.ts';
import { faultError } from '../rules/fault.ts';
import { disregard } from '../rules/promises.ts';
import { reportClose, reportReturn, tellsDisconnect } from './closing.ts';
import { keepContext, type Within } from './link/context.ts';
import { ShadowResponse } from './shadow-response.ts';
import { BodyTooLarge, collect, type Spool } from './spool.ts';
import { onEventLoop } from './threads/deadlock.ts';

/** Limits of the request body (B-21); bytes. */
export interface HereOptions {
  /** Bytes of a request body kept in memory; a temporary file takes larger ones. 65536 by default. */
  memory?: number;
  /** The largest request body; more is answered with 413. 64 MiB by default. */
  limit?: number;
}

const DEFAULT_MEMORY = 65536;
const DEFAULT_LIMIT = 64 * 1024 * 1024;

/** An error page of the bridge itself. */
export function refusal(startResponse: AsyncStartResponse, status: string): AsyncBody {
  startResponse(status, [['Content-Type', 'text/plain; charset=utf-8']]);
  return [new TextEncoder().encode(`${status}\n`)];
}

/** The bridge; the application's hooks are those of the result (L-15). */
export function bridgeHere(app: Application, { memory = DEFAULT_MEMORY, limit = DEFAULT_LIMIT }: HereOptions = {}) {
  const bridged = async (environ: AsyncEnviron, startResponse: AsyncStartResponse): Promise<AsyncBody> => {
    // B-60: whatever context the gateway's call has is that of every step.
    const within: Within = keepContext();
    let spool: Spool;
    try {
      spool = await collect(environ, memory, limit);
    } catch (error) {
      if (error instanceof BodyTooLarge) return refusal(startResponse, '413 Content Too Large');
      throw error;
    }
    const writer = new Writer(new ShadowResponse(environ, undefined), limit, environ['quaich.signal']);
    const start = startHere(writer, startResponse);
    const step = <T>(run: () => T): T => within(() => onEventLoop(run));
    let body: unknown;
    try {
      body = step(() => app(environHere(environ, spool), start));
      if (isPromise(body)) {
        closeLate(body, (error) => reportClose(environ, error));
        throw faultError(notSyncFault('a promise'));
      }
    } catch (error) {
      spool.close();
      writer.response.failWith(error);
      throw error;
    }
    if (isArray(body)) {
      // What was written goes out first; then an array is as good as any (G-117).
      await writer.settle();
      if (!writer.failed) return arrayHere(body, spool, writer, step);
    } else if (writer.settled === null && isFile(body)) {
      spool.close();
      writer.end();
      return body as AsyncBody; // M-16
    }
    return new SteppedBody(body, spool, writer, step, environ);
  };
  const async: AsyncApplication = markAsync(bridged);
  return passHooks(app, async);
}

/** `startResponse` of the application: checked here as the gateway would, which is then told what was read (G-96). */
function startHere(writer: Writer, startResponse: AsyncStartResponse): StartResponse {
  const { response } = writer;
  let told = false;
  const tell = (status: string, headers: HeaderField[], error: unknown): AsyncWrite => {
    // A call within a call, from a getter of its headers, was told first; the gateway takes another with an error only.
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
      // A head that is refused for what it is leaves none with the gateway either (G-83), which refuses it for its last
      // name.
      if (stands && response.called && response.head === null) refuse(() => tell(status, [...read, ['', '']], error));
      throw thrown;
    }
    return writer.over(tell(status, read, error));
  };
}

function refuse(tell: () => void): void {
  try {
    tell();
  } catch {
    // What was refused is thrown already.
  }
}

/** As `isPlainArray`; what throws when it is asked fails when it is iterated. */
function isArray(body: unknown): body is unknown[] {
  try {
    return isPlainArray(body);
  } catch {
    return false;
  }
}

/** Whether the gateway can send a body as a file. One that cannot be asked for its size fails there, and is closed. */
function isFile(body: unknown): boolean {
  try {
    return fileOf(body) !== null;
  } catch {
    return isFileWrapper(body);
  }
}

/** Gives a bridge the hooks of its application, called on that application (L-14, L-15). */
function passHooks<B extends Lifespan>(app: Lifespan, bridge: B): B {
  const { startup, shutdown } = app;
  if (startup !== undefined) bridge.startup = (state) => startup.call(app, state);
  if (shutdown !== undefined) bridge.shutdown = (state) => shutdown.call(app, state);
  return bridge;
}

/** B-31, B-64: what differs on this side of the bridge. A copy, since it is for the inner application only (M-12). */
function environHere(environ: AsyncEnviron, spool: Spool): Environ {
  const { 'quaich.signal': signal } = environ;
  const inner = copyEnviron<Record<string, unknown>>(environ) as Environ;
  delete inner['quaich.signal'];
  inner['wsgi.input'] = new SyncInput(spool.empty ? null : spool);
  inner['wsgi.input_terminated'] = true;
  inner['quaich.async'] = false;
  if (inner['wsgi.file_wrapper'] !== undefined) inner['wsgi.file_wrapper'] = fileWrapper;
  if (signal !== undefined) inner['quaich.client_disconnected'] = () => tellsDisconnect(signal);
  return inner;
}

/** `write` where nothing can wait: chunks queue up in the outer `write`, within bounds. */
class Writer {
  readonly response: ShadowResponse;
  readonly #limit: number;
  readonly #signal: AbortSignal | undefined;
  #queued = 0;
  /** What a write failed of after it had returned; boxed, since anything may be thrown. */
  #failure: { thrown: unknown } | null = null;
  /** Settles, never rejects, when the last write is through. */
  settled: Promise<void> | null = null;

  constructor(response: ShadowResponse, limit: number, signal: AbortSignal | undefined) {
    this.response = response;
    this.#limit = limit;
    this.#signal = signal;
  }

  over(write: AsyncWrite): Write {
    return (chunk) => {
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
          if (surplus === null || isDisconnect(error)) this.#failure ??= { thrown: error };
        },
      );
      if (surplus !== null) throw surplus; // G-121
    };
  }

  /** A disconnect that was found after the write that met it had returned: said once, by the next one (B-38). */
  #throwDisconnect(): void {
    if (this.#failure === null && this.#signal?.aborted !== true) return;
    this.response.disconnect();
    throw this.#failure === null ? this.#signal?.reason : this.#failure.thrown;
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
    const { response } = this;
    if (this.#failure !== null || (this.#signal !== undefined && tellsDisconnect(this.#signal)))
      response.disconnectAtClose();
    response.complete = true;
  }

  get failed(): boolean {
    return this.#failure !== null;
  }

  /** What an earlier write failed of, thrown. */
  throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.thrown;
  }
}

type Step = <T>(run: () => T) => T;

/**
 * The elements of an array go to the gateway as they are, which does with them what it always does (G-123). Only its
 * `close` is ours.
 */
function arrayHere(body: readonly unknown[], spool: Spool, writer: Writer, step: Step): AsyncBody {
  const chunks: unknown[] = [];
  const close = step(() => {
    try {
      for (let i = 0, count = body.length; i < count; i++) {
        const chunk = body[i];
        chunks.push(chunk);
        // The gateway gets no further, and there may be billions of them.
        if (!isUint8Array(chunk)) break;
      }
    } catch (thrown) {
      // The gateway comes upon it, too, and closes the body.
      Object.defineProperty(chunks, chunks.length, {
        get() {
          throw thrown;
        },
      });
    }
    return closeOf(body);
  });
  writer.response.headSent = true;
  writer.response.complete = true;
  if (close === undefined) spool.close();
  else Object.assign(chunks, { close: () => closeHere(close, spool, writer, step) });
  return chunks as Uint8Array[]; // checked by the gateway
}

function closeHere(close: (() => unknown) | undefined, spool: Spool, writer: Writer, step: Step): void {
  writer.end();
  try {
    if (close !== undefined) disregard(step(close));
  } finally {
    spool.close();
  }
}

function isObject(body: unknown): body is object {
  return typeof body === 'object' && body !== null;
}

/** A sync body as an async one: one step for each pull (B-27), with the loop's turn between two. */
class SteppedBody implements AsyncIterable<Uint8Array> {
  readonly #body: unknown;
  readonly #spool: Spool;
  readonly #writer: Writer;
  readonly #step: Step;
  readonly #environ: AsyncEnviron;
  #iterator: Iterator<Uint8Array> | null = null;
  /** `return` or `close` was called: a step that waits for its turn is not taken any more (B-35, G-112). */
  #ended = false;
  /** What the gateway will say about the last chunk, once it has called `return()`; boxed. */
  #refused: { error: unknown } | null = null;

  constructor(body: unknown, spool: Spool, writer: Writer, step: Step, environ: AsyncEnviron) {
    this.#body = body;
    this.#spool = spool;
    this.#writer = writer;
    this.#step = step;
    this.#environ = environ;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () => this.#next(),
      return: async () => {
        this.#ended = true;
        this.#return();
        return { done: true, value: undefined };
      },
    };
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    const writer = this.#writer;
    if (this.#iterator !== null) await turn();
    await writer.settle();
    if (this.#ended) return { done: true, value: undefined };
    if (writer.failed) {
      // The gateway, which is told of the failure, will not call `return()`.
      try {
        this.#return();
      } catch (error) {
        reportReturn(this.#environ, error, true);
      }
      writer.throwFailure();
    }
    try {
      return this.#take();
    } catch (error) {
      writer.response.failWith(error);
      throw error;
    }
  }

  /** One step of the application's body. */
  #take(): IteratorResult<Uint8Array> {
    const { response } = this.#writer;
    this.#iterator ??= this.#step(() => iteratorOf(this.#body));
    const iterator = this.#iterator;
    const result: unknown = this.#step(() => iterator.next());
    if (!isObject(result)) {
      throw faultError(noStepFault(result));
    }
    if ((result as IteratorResult<Uint8Array>).done) {
      response.end(undefined);
      response.headSent = true;
      return { done: true, value: undefined };
    }
    const { value } = result as IteratorResult<Uint8Array>;
    if (value === undefined) refusePromise(result);
    try {
      response.accept(value);
      response.takeHead();
    } catch (error) {
      this.#refused = { error };
    }
    return { done: false, value };
  }

  #return(): void {
    const iterator = this.#iterator;
    const method: unknown = iterator?.return;
    if (typeof method === 'function') disregard(this.#step((): unknown => Reflect.apply(method, iterator, [])));
  }

  close(): void {
    this.#ended = true;
    if (this.#refused !== null) this.#writer.response.failWith(this.#refused.error);
    closeHere(closeOf(this.#body), this.#spool, this.#writer, this.#step);
  }
}

/** The iterator of a sync body; refuses what is none (G-100, B-02). */
function iteratorOf(body: unknown): Iterator<Uint8Array> {
  refuseNoBody(body, 'a sync application');
  const iterate = (body as Partial<Iterable<Uint8Array>>)[Symbol.iterator];
  if (typeof iterate === 'function') return Reflect.apply(iterate, body, []) as Iterator<Uint8Array>;
  if (typeof (body as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function') {
    throw faultError(notSyncFault('an async iterable'));
  }
  throw notIterable(body);
}
