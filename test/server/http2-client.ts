/** Clients of HTTP/2: Node's own, and one that writes any frame. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import tls from 'node:tls';
import type { Server } from 'quaich';

export interface Http2Answer {
  /** With `:status`. */
  headers: IncomingHttpHeaders & { ':status'?: number };
  /** Of interim responses, in their order. */
  interim: (number | undefined)[];
  /** A unit a byte. */
  body: string;
}

/** @param ca file with the certificate of the authority */
export function http2(server: Server, ca: string): ClientHttp2Session {
  const session = connect(server.url, { ca: readFileSync(ca), servername: 'a.example' });
  session.on('error', () => {});
  return session;
}

/** Begins a request; `body` undefined: the stream goes on, and its end is the caller's. */
export function begin(session: ClientHttp2Session, fields: OutgoingHttpHeaders, endStream: boolean): ClientHttp2Stream {
  return session.request({ ':authority': 'a.example', ...fields }, { endStream });
}

/** The answer to a request that has begun; rejects where its stream is reset. */
export async function answerOf(stream: ClientHttp2Stream): Promise<Http2Answer> {
  const answer: Http2Answer = { headers: {}, interim: [], body: '' };
  stream.setEncoding('latin1');
  stream.on('headers', (fields: Http2Answer['headers']) => answer.interim.push(fields[':status']));
  stream.on('response', (fields) => {
    answer.headers = fields;
  });
  stream.on('data', (text: string) => {
    answer.body += text;
  });
  await once(stream, 'close');
  return answer;
}

export function ask(session: ClientHttp2Session, fields: OutgoingHttpHeaders, body?: string): Promise<Http2Answer> {
  const stream = begin(session, fields, body === undefined);
  if (body !== undefined) stream.end(body, 'latin1');
  return answerOf(stream);
}

// Types and flags of frames (RFC 9113, 6).
export const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;
export const END_STREAM = 1;
export const END_HEADERS = 4;

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

/** A field for HPACK, neither indexed nor Huffman-coded (RFC 7541, 6.2.2). Up to 126 bytes each, latin-1. */
export function field(name: string, value: string): Buffer {
  const sized = (text: string): string => String.fromCharCode(text.length) + text;
  return Buffer.from(`\0${sized(name)}${sized(value)}`, 'latin1');
}

/** A head: pseudo-header fields of a GET, those given in their place where they have the name of one, and others. */
export function head(fields: Readonly<Record<string, string>> = {}): Buffer {
  const all = { ':method': 'GET', ':scheme': 'https', ':authority': 'a.example', ':path': '/none', ...fields };
  return Buffer.concat(Object.entries(all).map(([name, value]) => field(name, value)));
}

/** A connection of which the test writes every frame, and sees those that come. */
export class RawClient {
  readonly socket: tls.TLSSocket;
  /** What has come, but for answers to PING and SETTINGS. */
  readonly frames: { type: number; flags: number; stream: number; payload: Buffer }[] = [];
  readonly closed: Promise<unknown>;
  private bytes = Buffer.alloc(0);

  private constructor(socket: tls.TLSSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {});
    socket.on('data', (more: Buffer) => this.take(more));
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(frame(SETTINGS, 0, 0));
  }

  static async connect(server: Server, ca: string): Promise<RawClient> {
    const port = Number(new URL(server.url).port);
    const trust = { ca: readFileSync(ca), servername: 'a.example', ALPNProtocols: ['h2'] };
    const socket = tls.connect({ port, host: '127.0.0.1', ...trust });
    await once(socket, 'secureConnect');
    return new RawClient(socket);
  }

  /** Fulfils when the server has taken it, or has closed. */
  send(...frames: Buffer[]): Promise<void> {
    // Ends: when it is written, and with the socket.
    return new Promise((resolve) => {
      this.socket.write(Buffer.concat(frames), () => resolve());
    });
  }

  /** The code of the reset of a stream, or of the end of the connection (stream 0). */
  codeOf(stream: number): number | undefined {
    const type = stream === 0 ? GOAWAY : RST_STREAM;
    const found = this.frames.find((one) => one.type === type && one.stream === stream);
    return found?.payload.readUInt32BE(stream === 0 ? 4 : 0);
  }

  private take(more: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, more]);
    while (this.bytes.length >= 9) {
      const end = 9 + this.bytes.readUIntBE(0, 3);
      if (this.bytes.length < end) return;
      const [, , , type, flags] = this.bytes;
      const one = { type, flags, stream: this.bytes.readUInt32BE(5), payload: this.bytes.subarray(9, end) };
      if (type !== PING && type !== SETTINGS) this.frames.push(one);
      this.bytes = this.bytes.subarray(end);
    }
  }
}
