import { READ_AREA, READ_SIZE } from '../../../assembly/layout.ts';
import type { Connection } from '../../../src/protocols/connection.ts';
import type { Exchange, ExchangeOwner } from '../../../src/protocols/exchange.ts';
import type { ConnectionHost, RefusedLine } from '../../../src/protocols/host.ts';
import { HttpConnection, type HttpConnectionOptions } from '../../../src/protocols/http/connection.ts';
import { Parser } from '../../../src/protocols/http/parser.ts';

export const parser = new Parser();

const OPTIONS: HttpConnectionOptions = {
  serverLine: '',
  limitBody: 1 << 20,
  limitDiscard: 65536,
  pipelined: 16,
  keepAlive: true,
};
const DATE = 'Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n';

/** Stands behind one exchange, in place of an application: records what comes, and answers when it is told to. */
export class Recorder implements ExchangeOwner {
  readonly exchange: Exchange;
  readonly head: string;
  received = '';
  bodyState: 'open' | 'ended' | number = 'open';
  gone = false;
  drains = 0;
  /** Body bytes that it takes; the rest is refused. */
  room = Number.POSITIVE_INFINITY;
  isFull = false;

  constructor(exchange: Exchange, head: string) {
    this.exchange = exchange;
    this.head = head;
  }

  body(address: number, length: number): number {
    const taken = Math.min(length, this.room);
    this.room -= taken;
    this.isFull = this.room === 0;
    this.received += parser.bytes.latin1Slice(address, address + taken);
    return taken;
  }

  bodyEnd(): void {
    this.bodyState = 'ended';
  }

  bodyFailed(status: number): void {
    this.bodyState = status;
  }

  disconnected(): void {
    this.gone = true;
  }

  drained(): void {
    this.drains++;
  }

  start(length = -1, lines = '', flags = 0, complete = false): void {
    const head = { status: 200, text: `200 OK\r\n${lines}`, length, flags };
    this.exchange.connection.respond(this.exchange, head, complete);
  }

  data(text: string): boolean {
    const bytes = Buffer.from(text, 'latin1');
    return this.exchange.connection.data(this.exchange, bytes, 0, bytes.length);
  }

  /** Tells by `freed` when the bytes are no longer in use. */
  lend(text: string, freed: () => void): boolean {
    const bytes = Buffer.from(text, 'latin1');
    return this.exchange.connection.lend(this.exchange, bytes, 0, bytes.length, freed);
  }

  end(): void {
    this.exchange.connection.end(this.exchange);
  }

  done(): void {
    this.exchange.connection.done(this.exchange);
  }

  /** The whole response in one go. */
  answer(text = 'ok'): void {
    this.start(text.length, '', 0, true);
    this.data(text);
    this.end();
    this.done();
  }
}

/**
 * A connection without a network: every event is called, everything that comes out is kept. After each turn its states
 * are held to go together.
 */
export class HostDriver implements ConnectionHost {
  /** The `free` of all bytes that were lent, where the system takes none at once. */
  readonly lent: (() => void)[] = [];
  /** The system takes at once what it is lent. */
  takesAtOnce = true;
  readonly connection: Connection;
  readonly requests: Recorder[] = [];
  readonly finishedStatuses: number[] = [];
  readonly refusedLines: string[] = [];
  out = '';
  paused = false;
  fin = false;
  /** The client has ended its side while an answer is due. */
  watched = false;
  destroyed: 'no' | 'destroyed' | 'reset' = 'no';
  /** What `write` answers: false means over the high-water mark. */
  writable = true;
  /** FIN goes out at once. */
  flushing = true;
  /** What `request` answers. */
  accepting = true;
  onRequest: (recorder: Recorder) => void = () => {};
  private pending = false;

  constructor(connect: (host: ConnectionHost) => Connection) {
    this.connection = connect(this);
  }

  /** Bytes from the client, in pieces of at most `size`. */
  feed(text: string, size = READ_SIZE): this {
    for (let at = 0; at < text.length; at += size) {
      const piece = text.slice(at, at + size);
      parser.bytes.latin1Write(piece, READ_AREA, piece.length);
      this.connection.receive(piece.length);
      this.turn();
    }
    return this;
  }

  /** The end of a turn of the event loop. */
  turn(): this {
    while (this.pending) {
      this.pending = false;
      this.connection.flush();
    }
    this.connection.invariant();
    return this;
  }

  get last(): Recorder {
    return this.requests[this.requests.length - 1];
  }

  /** Takes what was written so far, without the Date lines. */
  take(): string {
    this.turn();
    const { out } = this;
    this.out = '';
    return out.replaceAll(DATE, '');
  }

  request(exchange: Exchange): boolean {
    if (!this.accepting) return false;
    const end = parser.headStart + parser.words[65536 >> 2];
    const recorder = new Recorder(exchange, parser.bytes.latin1Slice(parser.headStart, end));
    exchange.owner = recorder;
    this.requests.push(recorder);
    this.onRequest(recorder);
    return true;
  }

  refused(_exchange: Exchange, { method, target }: RefusedLine): void {
    this.refusedLines.push(`${method} ${target}`);
  }

  finished(exchange: Exchange): void {
    this.finishedStatuses.push(exchange.status);
  }

  write(data: string | Uint8Array): boolean {
    this.out += typeof data === 'string' ? data : Buffer.from(data).toString('latin1');
    return this.writable;
  }

  lend(before: string, bytes: Uint8Array, after: string, free: () => void): boolean {
    this.out += before + Buffer.from(bytes).toString('latin1') + after;
    if (this.takesAtOnce) free();
    else this.lent.push(free);
    return this.writable;
  }

  schedule(): void {
    this.pending = true;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  halfClosed(): void {
    this.watched = true;
  }

  end(): void {
    this.fin = true;
    if (this.flushing) this.connection.flushed();
  }

  destroy(reset: boolean): void {
    this.destroyed = reset ? 'reset' : 'destroyed';
  }

  date(): string {
    return DATE;
  }
}

/** The same for HTTP. */
export class Driver extends HostDriver {
  constructor(options: Partial<HttpConnectionOptions> = {}) {
    super((host) => new HttpConnection(host, parser, { ...OPTIONS, ...options }));
  }
}

export const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

export function post(body: string, lines = ''): string {
  return `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n${lines}\r\n${body}`;
}

export function chunked(body: string, lines = ''): string {
  return `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n${lines}\r\n${body}`;
}
