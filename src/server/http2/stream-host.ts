import type { ServerHttp2Stream } from 'node:http2';
import type { Exchange } from '../../protocols/exchange.ts';
import type { Parser } from '../../protocols/http/parser.ts';
import { Http2Connection, type StreamOptions } from '../../protocols/http2/connection.ts';
import { type OpenConnection, type SocketContext, SocketHost } from '../socket-host.ts';

/** What the streams of a session have in common. */
export interface StreamContext {
  readonly sockets: SocketContext;
  readonly parser: Parser;
  readonly options: StreamOptions;
  /** That of the connection. */
  readonly info: OpenConnection['info'];
  readonly refusal: string;
  /** Bytes of heads and bodies have come or gone. */
  carried(length: number): void;
  /** The request of a stream is over, as far as its application is concerned. */
  finished(): void;
  /** The stream is gone and its connection told so. */
  closed(host: StreamHost): void;
}

/** Joins a connection to a stream of HTTP/2, as SocketHost does with a socket. */
export class StreamHost extends SocketHost {
  private readonly stream: ServerHttp2Stream;
  private readonly streams: StreamContext;
  private written = 0;

  constructor(stream: ServerHttp2Stream, streams: StreamContext) {
    const { sockets, parser, options, info, refusal } = streams;
    // One write at a time: how much its client has taken shows with each.
    Object.assign(stream, { _writev: null });
    super(stream, info, sockets, (host) => new Http2Connection(host, parser, options, stream), refusal);
    this.stream = stream;
    this.streams = streams;
  }

  /** The head of the request: names and values in turn. */
  begin(fields: readonly string[], hasBody: boolean): void {
    try {
      // The constructor has made it.
      (this.connection as Http2Connection).begin(fields, hasBody);
    } catch (error) {
      this.streams.sockets.defect(error);
      this.connection.abort();
    }
  }

  override get received(): number {
    return 0; // counted with the connection
  }

  override get sent(): number {
    return this.written - this.stream.writableLength;
  }

  override read(length: number): void {
    this.streams.carried(length);
    super.read(length);
  }

  /** Node tells of the end of a stream that was reset, too: its body would pass for complete. */
  override ended(): void {
    if (!this.stream.closed) super.ended();
  }

  override write(data: string | Uint8Array): boolean {
    this.written += data.length;
    this.streams.carried(data.length);
    return super.write(data);
  }

  /** The connection is one of many on its socket, whose end Node tells. */
  override halfClosed(): void {}

  override end(): void {
    super.end();
    // Of an end that came earlier, as that of a response to HEAD does, Node does not tell again.
    if (this.stream.writableFinished) this.connection.flushed();
  }

  override destroy(withReset: boolean): void {
    // With an error Node resets the stream (INTERNAL_ERROR), and does not end it properly just before, as `close` does.
    this.stream.destroy(withReset ? new Error('the response breaks off') : undefined);
  }

  override finished(exchange: Exchange): void {
    super.finished(exchange);
    this.streams.finished();
  }

  override closed(): void {
    this.connection.closed();
    this.streams.closed(this);
  }
}
