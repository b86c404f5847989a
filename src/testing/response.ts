import type { EngineCounters } from '../engine/response.ts';
import { QuaichError } from '../interface/errors.ts';
import type { ResponseHead } from '../interface/transport.ts';
import type { HeaderField } from '../interface/types.ts';
import { Headers } from '../toolbox/headers.ts';

/** What a client knows when the head has arrived. */
export interface ResponseStart {
  /** Three digits. */
  readonly status: number;
  readonly reason: string;
  /**
   * As the application gave them, plus `Content-Length` where the engine derived it (G-123, G-127). Fields of the
   * connection, `Date` and `Server` are a server's.
   */
  readonly headers: Headers;
}

export function responseStart(head: ResponseHead): ResponseStart {
  const [status, ...lines] = head.text.split('\r\n');
  const list = lines.slice(0, -1).map((line): HeaderField => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 2)];
  });
  const headers = new Headers(list);
  if (head.length >= 0 && head.status !== 204 && head.status !== 304) {
    headers.setdefault('Content-Length', String(head.length));
  }
  return { status: head.status, reason: status.slice(4), headers };
}

/** What the transports write down. */
export class Recording {
  start: ResponseStart | null = null;
  readonly chunks: Uint8Array[] = [];
  /** The response was whole, as far as the client can tell. */
  complete = false;
  /** Set when the client has gone. */
  gone: Error | null = null;
  closed = 0;
  readonly counters: EngineCounters = { failures: 0, disconnects: 0 };
}

/** The body broke off, or the client had left: there is no whole response. */
export class ResponseBroken extends QuaichError {
  constructor(message = 'the connection broke before the response was complete') {
    super('QUAICH_RESPONSE_BROKEN', message);
  }
}

/** A response to a test, when the request is over. */
export class TestResponse implements ResponseStart {
  readonly status: number;
  readonly reason: string;
  readonly headers: Headers;
  /** The chunks as they were sent: neither empty ones nor those that the server dropped (HEAD, 204). */
  readonly chunks: readonly Uint8Array[];
  /** What was written to `wsgi.errors`, by the application and about it. */
  readonly errors: string;
  /** How often `close` of the body was called; 0 also where it has none. */
  readonly closed: number;
  /** The connection was broken, so that the client cannot take the response for complete (G-141, G-122). */
  readonly broken: boolean;
  /** The client left before the response was complete. */
  readonly disconnected: boolean;
  /** The request counts as failed: the application broke a rule or threw. */
  readonly failed: boolean;
  /** Bytes of the request body that the application read. */
  readonly read: number;

  constructor(recording: Recording, errors: string, read: number) {
    const { start } = recording;
    this.status = start?.status ?? 0;
    this.reason = start?.reason ?? '';
    this.headers = start?.headers ?? new Headers();
    this.chunks = recording.chunks;
    this.errors = errors;
    this.closed = recording.closed;
    this.disconnected = recording.gone !== null && !recording.complete;
    this.broken = !recording.complete && !this.disconnected;
    this.failed = recording.counters.failures > 0;
    this.read = read;
  }

  /** Status and reason: `200 OK`. */
  get statusLine(): string {
    return `${this.status} ${this.reason}`;
  }

  /** The bytes of the body. */
  get body(): Uint8Array {
    const bytes = new Uint8Array(this.chunks.reduce((size, chunk) => size + chunk.byteLength, 0));
    let at = 0;
    for (const chunk of this.chunks) {
      bytes.set(chunk, at);
      at += chunk.byteLength;
    }
    return bytes;
  }

  /** The body as UTF-8. */
  get text(): string {
    return new TextDecoder().decode(this.body);
  }

  /** The body as JSON. */
  json(): unknown {
    return JSON.parse(this.text);
  }
}
