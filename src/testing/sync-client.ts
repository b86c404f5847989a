import { fileWrapper } from '../engine/file-wrapper.ts';
import { runSync } from '../engine/run-sync.ts';
import { SyncInput } from '../engine/sync-input.ts';
import { ClientDisconnected } from '../interface/errors.ts';
import type { Application } from '../interface/types.ts';
import { runSteps } from '../rules/steps.ts';
import { SyncBodySource } from './body-source.ts';
import { type ClientOptions, prepareBody, type RequestOptions, TestClient } from './client.ts';
import { type BodyPiece, buildEnviron, type WholeBody } from './request.ts';
import { Recording, type ResponseStart, TestResponse } from './response.ts';
import { SyncTransport } from './transports.ts';
import { watchingClose } from './watch-close.ts';

/** A request to a sync application. */
export interface SyncRequest extends RequestOptions {
  /**
   * Whole, or in pieces that are taken one by one as the application reads. An iterator that throws breaks the body
   * off: the read throws the same.
   */
  body?: WholeBody | Iterable<BodyPiece>;
  /**
   * Called with every chunk as it is sent, while the application stands still. Where it returns `false`, the client
   * leaves (B-35).
   */
  onChunk?(chunk: Uint8Array, response: ResponseStart): unknown;
}

/** Calls a sync application, on this thread: when `request` returns, the request is over and its body closed. */
export class SyncTestClient extends TestClient<SyncRequest, TestResponse> {
  private readonly app: Application;

  constructor(app: Application, options: ClientOptions = {}) {
    super(app, options);
    this.app = app;
  }

  /** @throws ConfigurationError for a request that a server would refuse */
  override request(request: SyncRequest): TestResponse {
    return runSteps(this.exchanges(request));
  }

  protected override once(request: SyncRequest): TestResponse {
    const template = this.template();
    const recording = new Recording();
    const { headers, source, length } = prepareBody<Iterable<BodyPiece>>(request, this.options.headers ?? {});
    const body = source === null ? null : new SyncBodySource(source, length, this.options.limitBody ?? Infinity);
    const disconnected = (): boolean => recording.gone !== null;
    const environ = buildEnviron(
      request,
      headers,
      { ...template, async: false, multithread: false, fileWrapper, clientDisconnected: disconnected },
      this.prefix,
      new SyncInput(body),
    );
    const leaveAfter = request.disconnectAfter ?? Infinity;
    const leave = (): void => {
      recording.gone = new ClientDisconnected();
      body?.disconnect(recording.gone);
    };
    const transport = new SyncTransport(recording, (chunk) => {
      const { start } = recording; // there with the first chunk, at the latest
      const answer = start === null ? undefined : request.onChunk?.(chunk, start);
      if (!recording.complete && (answer === false || recording.chunks.length >= leaveAfter)) leave();
    });
    if (leaveAfter <= 0) leave();
    const watched = watchingClose(this.app, recording);
    try {
      const { counters } = recording;
      runSync(watched.app, environ, transport, { disconnected, counters });
    } finally {
      watched.undo();
      body?.close();
    }
    return new TestResponse(recording, template.errors.text, body?.pieces.taken ?? 0);
  }
}
