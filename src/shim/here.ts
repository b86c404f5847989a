/**
 * A sync application on an async gateway's own event loop, at its owner's explicit wish (B-20): the request body is collected
 * first, then the application runs one step for each chunk that is asked for, and the loop has a turn in between.
 */
import { isPromise } from 'node:util/types';
import { disregard, isPlainArray, nothing, refuseNoBody } from '../engine/body.ts';
import { SyncInput } from '../engine/sync-input.ts';
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
  Lifespan,
  StartResponse,
  Write,
} from '../interface/types.ts';
import { fileOf, fileWrapper } from '../toolbox/file-wrapper.ts';
import { onEventLoop } from './blocking.ts';
import { keepContext, type Within } from './context.ts';
import { BodyTooLarge, collect, type Spool } from './spool.ts';

/** Limits of the request body (B-21); bytes. */
export interface HereOptions {
  /** Bytes of a request body kept in memory; a temporary file takes larger ones. 65536 by default. */
  memory?: number;
  /** The largest request body; more is answered with 413. 64 MiB by default. */
  limit?: number;
}

const DEFAULT_MEMORY = 65536;
const DEFAULT_LIMIT = 64 * 1024 * 1024;

type Closable = { close?: unknown };

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

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
    const writer = new Writer(limit, environ['quaich.signal']);
    const start: StartResponse = (status, headers, error) => {
      const write = error === undefined ? startResponse(status, headers) : startResponse(status, headers, error);
      return writer.over(write);
    };
    let body: unknown;
    try {
      body = within(() => onEventLoop(() => app(environHere(environ, spool), start)));
    } catch (error) {
      spool.close();
      throw error;
    }
    if (isPromise(body)) {
      spool.close();
      body.then(closeLate, nothing);
      throw new ApplicationError('a sync application returned a promise: declare it with markAsync (B-02)');
    }
    // What was written goes out first; then an array is as good as any (G-117).
    if (writer.settled !== null && isPlainArray(body)) await writer.settle();
    return bodyHere(body, spool, writer, within);
  };
  const async: AsyncApplication = markAsync(bridged);
  return passHooks(app, async);
}

function closeLate(late: unknown): void {
  const close = typeof late === 'object' && late !== null ? (late as Closable).close : undefined;
  if (typeof close === 'function') disregard(Reflect.apply(close, late, []));
}

/** Gives a bridge the hooks of its application, called on that application (L-14, L-15). */
export function passHooks<B extends Lifespan>(app: Lifespan, bridge: B): B {
  const { startup, shutdown } = app;
  if (startup !== undefined) bridge.startup = (state) => startup.call(app, state);
  if (shutdown !== undefined) bridge.shutdown = (state) => shutdown.call(app, state);
  return bridge;
}

/** B-31, B-64: what differs on this side of the bridge. A copy, since it is for the inner application only (M-12). */
function environHere(environ: AsyncEnviron, spool: Spool): Environ {
  const { 'quaich.signal': signal } = environ;
  const inner = copyEnviron(environ) as Environ;
  delete inner['quaich.signal'];
  inner['wsgi.input'] = new SyncInput(spool.empty ? null : spool);
  inner['wsgi.input_terminated'] = true;
  inner['quaich.async'] = false;
  if (inner['wsgi.file_wrapper'] !== undefined) inner['wsgi.file_wrapper'] = fileWrapper;
  if (signal !== undefined) inner['quaich.client_disconnected'] = () => signal.aborted;
  return inner;
}

/** A shallow copy with null prototype (G-05). */
function copyEnviron(environ: Record<string, unknown>): Record<string, unknown> {
  const copy: Record<string, unknown> = Object.create(null);
  for (const key of Object.keys(environ)) copy[key] = environ[key];
  return copy;
}

/** `write` where nothing can wait: chunks queue up in the outer `write`, within bounds. */
class Writer {
  readonly #limit: number;
  readonly #signal: AbortSignal | undefined;
  #queued = 0;
  #failed = false;
  #failure: unknown;
  /** Settles, never rejects, when the last write is through. */
  settled: Promise<void> | null = null;

  constructor(limit: number, signal: AbortSignal | undefined) {
    this.#limit = limit;
    this.#signal = signal;
  }

  over(write: AsyncWrite): Write {
    return (chunk) => {
      this.throwFailure();
      if (this.#signal?.aborted) throw this.#signal.reason;
      const size = chunk?.byteLength ?? 0;
      if (this.#queued > 0 && this.#queued + size > this.#limit) {
        throw new ApplicationError(
          `write cannot wait on an event loop, and ${this.#queued} bytes are queued: yield them, or use where: 'worker' (B-26)`,
        );
      }
      this.#queued += size;
      this.settled = write(chunk).then(
        () => {
          this.#queued -= size;
        },
        (error) => {
          this.#failed = true;
          this.#failure = error;
        },
      );
    };
  }

  /** Waits for what was written; a failure is kept for the first step of the body. */
  async settle(): Promise<void> {
    await this.settled;
    if (!this.#failed) this.settled = null;
  }

  /** What an earlier write failed of. */
  throwFailure(): void {
    if (this.#failed) throw this.#failure;
  }
}

function bodyHere(body: unknown, spool: Spool, writer: Writer, within: Within): AsyncBody {
  if (writer.settled === null && isObject(body)) {
    if (isPlainArray(body)) {
      const close: unknown = (body as Closable).close;
      if (!spool.onDisk || typeof close !== 'function') {
        if (typeof close !== 'function') spool.close();
        return body as AsyncBody; // the outer gateway does with an array what it always does (G-123)
      }
    } else if (fileOf(body) !== null) {
      spool.close();
      return body as AsyncBody; // M-16
    }
  }
  return new SteppedBody(body, spool, writer, within);
}

function isObject(body: unknown): body is object {
  return typeof body === 'object' && body !== null;
}

/** A sync body as an async one: one step for each pull (B-27), with the loop's turn between two. */
class SteppedBody implements AsyncIterable<Uint8Array> {
  readonly #body: unknown;
  readonly #spool: Spool;
  readonly #writer: Writer;
  readonly #within: Within;
  /** `return` or `close` was called: a step that waits for its turn is not taken any more (B-35, G-112). */
  #ended = false;

  constructor(body: unknown, spool: Spool, writer: Writer, within: Within) {
    this.#body = body;
    this.#spool = spool;
    this.#writer = writer;
    this.#within = within;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const step = <T>(run: () => T): T => this.#within(() => onEventLoop(run));
    const writer = this.#writer;
    const body = this.#body;
    let iterator: Iterator<Uint8Array> | null = null;
    const next = async (): Promise<IteratorResult<Uint8Array>> => {
      if (iterator === null) {
        if (writer.settled !== null) {
          await writer.settled;
          if (this.#ended) return { done: true, value: undefined };
          writer.throwFailure();
        }
        iterator = step(() => iteratorOf(body));
      } else {
        await turn();
        if (this.#ended) return { done: true, value: undefined };
      }
      const current = iterator;
      const result: unknown = step(() => current.next());
      if (isPromise(result)) disregard(result);
      if (!isObject(result) || isPromise(result)) {
        throw new ApplicationError('next() of the body returned no result object; a sync body yields chunks (B-02)');
      }
      return result as IteratorResult<Uint8Array>;
    };
    return {
      next,
      return: async () => {
        this.#ended = true;
        const current = iterator;
        const method: unknown = current?.return;
        if (typeof method === 'function') disregard(step((): unknown => Reflect.apply(method, current, [])));
        return { done: true, value: undefined };
      },
    };
  }

  close(): void {
    this.#ended = true;
    try {
      const body = this.#body;
      const close = isObject(body) ? (body as Closable).close : undefined;
      if (typeof close === 'function') {
        disregard(this.#within(() => onEventLoop(() => Reflect.apply(close, body, []) as unknown)));
      }
    } finally {
      this.#spool.close();
    }
  }
}

/** The iterator of a sync body; refuses what is none (G-100, B-02). */
export function iteratorOf(body: unknown): Iterator<Uint8Array> {
  refuseNoBody(body, 'a sync application');
  const iterate = (body as Partial<Iterable<Uint8Array>>)[Symbol.iterator];
  if (typeof iterate === 'function') return Reflect.apply(iterate, body, []) as Iterator<Uint8Array>;
  if (typeof (body as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function') {
    throw new ApplicationError(
      'a sync application returned an async iterable: declare it with markAsync, or mount it as async (B-02)',
    );
  }
  throw new ApplicationError('the application returned an object that is not iterable; return [chunk] (G-100)');
}
