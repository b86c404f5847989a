import { AsyncInput } from '../engine/async-input.ts';
import { asyncFileWrapper } from '../engine/file-wrapper.ts';
import { type RunningRequest, runAsync } from '../engine/run-async.ts';
import { ClientDisconnected } from '../interface/errors.ts';
import type { AsyncApplication, AsyncEnviron } from '../interface/types.ts';
import { nothing } from '../rules/promises.ts';
import { awaitSteps } from '../rules/steps.ts';
import { AsyncBodySource } from './body-source.ts';
import { type ClientOptions, prepareBody, type RequestOptions, TestClient } from './client.ts';
import { type BodyPiece, buildEnviron, type WholeBody } from './request.ts';
import { Recording, ResponseBroken, type ResponseStart, TestResponse } from './response.ts';
import { AsyncTransport } from './transports.ts';
import { watchingClose } from './watch-close.ts';

/** A request to an async application. */
export interface AsyncRequest extends RequestOptions {
  /**
   * Whole, or in pieces that are taken one by one as the application reads. An iterator that throws breaks the body
   * off: the read rejects with the same.
   */
  body?: WholeBody | Iterable<BodyPiece> | AsyncIterable<BodyPiece>;
  /** The client leaves when it aborts. */
  signal?: AbortSignal;
}

interface TestExchangeOptions {
  recording: Recording;
  body: AsyncBodySource | null;
  /** The test asks for chunk after chunk. */
  pulling: boolean;
  /** Chunks after which the client leaves. */
  leaveAfter: number;
  /** Called when the exchange is done. */
  settle: () => TestResponse;
}

/**
 * A response of an async application as it comes, chunk by chunk. The application is asked for its next chunk only when
 * the client asks for one; the first it may make beforehand (G-105).
 */
export interface StreamingResponse extends AsyncIterable<Uint8Array> {
  /** Fulfils when the head has been sent; rejects with ResponseBroken when that will never be. */
  readonly started: Promise<ResponseStart>;
  /** Fulfils when the request is over and its body closed. Never rejects. */
  readonly finished: Promise<TestResponse>;
  /** The next chunk, null at the end. Rejects with ResponseBroken when the response breaks off. */
  next(): Promise<Uint8Array | null>;
  /** The client leaves, now (B-36). Fulfils as `finished`. */
  disconnect(reason?: Error): Promise<TestResponse>;
}

/** Begun by `AsyncTestClient`, handed to the test, and done when the engine says so. */
class TestExchange implements StreamingResponse {
  readonly started: Promise<ResponseStart>;
  readonly finished: Promise<TestResponse>;
  readonly transport: AsyncTransport;
  readonly recording: Recording;
  private readonly body: AsyncBodySource | null;
  private running: RunningRequest | undefined;
  /** The engine calls nothing for this request any more. */
  private done = false;
  private given = 0;
  private resolveStarted: (start: ResponseStart) => void = nothing;
  private rejectStarted: (error: Error) => void = nothing;
  private resolveFinished: (response: TestResponse) => void = nothing;
  private wake: () => void = nothing;
  private readonly leaveAfter: number;
  private readonly settle: () => TestResponse;

  constructor({ recording, body, pulling, leaveAfter, settle }: TestExchangeOptions) {
    this.recording = recording;
    this.body = body;
    this.leaveAfter = leaveAfter;
    this.settle = settle;
    this.transport = new AsyncTransport(
      recording,
      pulling,
      () => this.happened(),
      () => this.finish(),
    );
    // Ends: with the head; rejects when the exchange is done without one.
    this.started = new Promise((resolve, reject) => {
      this.resolveStarted = resolve;
      this.rejectStarted = reject;
    });
    this.started.catch(nothing);
    // Ends: when the exchange is done, which the engine says of every one; an application that hangs is up to its test.
    this.finished = new Promise((resolve) => {
      this.resolveFinished = resolve;
    });
  }

  run(app: AsyncApplication, environ: AsyncEnviron, options: { closeTimeout?: number }): void {
    const { counters } = this.recording;
    this.running = runAsync(app, environ, this.transport, { ...options, counters });
    if (this.leaveAfter <= 0) this.disconnect();
    else if (this.recording.gone !== null) this.running?.disconnect(this.recording.gone);
  }

  async next(): Promise<Uint8Array | null> {
    const { chunks } = this.recording;
    if (this.given === chunks.length) this.transport.want();
    while (this.given === chunks.length) {
      if (this.recording.complete) return null;
      if (this.done || this.transport.broken || this.recording.gone !== null) throw new ResponseBroken();
      // Ends: with the next chunk, when the exchange is done, and when the client goes.
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return chunks[this.given++];
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (let chunk = await this.next(); chunk !== null; chunk = await this.next()) yield chunk;
    } finally {
      await this.disconnect();
    }
  }

  disconnect(reason: Error = new ClientDisconnected()): Promise<TestResponse> {
    const { recording } = this;
    if (!this.done && !recording.complete && recording.gone === null) {
      recording.gone = reason;
      this.running?.disconnect(reason);
      this.body?.disconnect(reason);
      this.transport.disconnect(reason);
      this.wake();
    }
    return this.finished;
  }

  private happened(): void {
    const { recording } = this;
    if (recording.start !== null) this.resolveStarted(recording.start);
    if (recording.chunks.length >= this.leaveAfter) this.disconnect();
    this.wake();
  }

  private finish(): void {
    this.done = true;
    this.rejectStarted(new ResponseBroken());
    this.body?.close();
    this.resolveFinished(this.settle());
    this.wake();
  }
}

/** Calls an async application, on this thread. Many requests may be in progress at a time. */
export class AsyncTestClient extends TestClient<AsyncRequest, Promise<TestResponse>> {
  private readonly app: AsyncApplication;

  constructor(app: AsyncApplication, options: ClientOptions = {}) {
    super(app, options);
    this.app = app;
  }

  /**
   * Fulfils when the request is over and its body closed. Takes chunks as fast as they come, so it never fulfils for a
   * response without end, unless the client leaves.
   *
   * Rejects with ConfigurationError for a request that a server would refuse.
   */
  override request(request: AsyncRequest): Promise<TestResponse> {
    return awaitSteps(this.exchanges(request));
  }

  protected override once(request: AsyncRequest): Promise<TestResponse> {
    return this.exchange(request, false).finished;
  }

  /**
   * Begins a request whose response is taken chunk by chunk, with backpressure.
   *
   * @throws ConfigurationError for a request that a server would refuse
   */
  open(request: AsyncRequest): StreamingResponse {
    return this.exchange(request, true);
  }

  private exchange(request: AsyncRequest, pulling: boolean): TestExchange {
    const template = this.template();
    const recording = new Recording();
    const prepared = prepareBody<Iterable<BodyPiece> | AsyncIterable<BodyPiece>>(request, this.options.headers ?? {});
    const { headers, source, length } = prepared;
    const body = source === null ? null : new AsyncBodySource(source, length, this.options.limitBody ?? Infinity);
    const environ = buildEnviron(
      request,
      headers,
      { ...template, async: true, multithread: true, fileWrapper: asyncFileWrapper },
      this.prefix,
      new AsyncInput(body),
    );
    const watched = watchingClose(this.app, recording);
    const { signal } = request;
    const leave = (): void => void exchange.disconnect();
    const exchange = new TestExchange({
      recording,
      body,
      pulling,
      leaveAfter: request.disconnectAfter ?? Infinity,
      settle() {
        watched.undo();
        signal?.removeEventListener('abort', leave);
        return new TestResponse(recording, template.errors.text, body?.pieces.taken ?? 0);
      },
    });
    const { closeTimeout } = this.options;
    exchange.run(watched.app, environ, closeTimeout === undefined ? {} : { closeTimeout });
    if (signal?.aborted) leave();
    else signal?.addEventListener('abort', leave);
    return exchange;
  }
}
