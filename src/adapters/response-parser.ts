/**
 * Reads the one response of a listener: as the bytes that Node's ServerResponse writes, or with the head apart and the
 * body unframed. The writer is trusted to keep HTTP's syntax, which it does even for the most careless listener, but
 * not to end what it began.
 */
import { ApplicationError } from '../interface/errors.ts';
import type { HeaderField } from '../interface/types.ts';
import { isApplicationField } from '../rules/grammar.ts';
import { copyOf, Memo } from '../rules/memo.ts';
import { trimmed } from '../rules/trimmed.ts';
import { statusOf } from './response-fields.ts';

/** A head, ready for `startResponse`. */
export interface ParsedHead {
  status: string;
  headers: HeaderField[];
}

/** What the first line of a head says. */
interface StatusLine {
  readonly code: number;
  /** As `startResponse` takes it. */
  readonly status: string;
}

/** What another line of a head says. */
interface FieldLine {
  readonly name: string;
  readonly lower: string;
  readonly value: string;
  /** Whether the application may give the field. */
  readonly passes: boolean;
}

// Most heads of an application have the same lines.
const KNOWN_STATUS_LINES = new Memo<StatusLine>();
const KNOWN_FIELD_LINES = new Memo<FieldLine>();

const HEAD = 0;
/** Of a known length, or up to the end of the connection. */
const BODY = 1;
const CHUNK_SIZE = 2;
const CHUNK_DATA = 3;
const CHUNK_END = 4;
const TRAILERS = 5;
const COMPLETE = 6;

const CR = 0x0d;
const LF = 0x0a;
const END_OF_HEAD = '\r\n\r\n';
/** Node writes a head in one piece. What is longer than this and has no end was never one. */
const MOST_HEAD_BYTES = 1 << 24;

/** Value of a hexadecimal digit by its code. */
const hex = (code: number): number => (code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57);

/** @throws ApplicationError for what is none */
function statusLine(line: string): StatusLine {
  const known = KNOWN_STATUS_LINES.get(line);
  if (known !== undefined) return known;
  const match = /^HTTP\/1\.[01] ([0-9]{3})(?: (.*))?$/s.exec(line);
  if (match === null) throw new ApplicationError('the listener wrote to the socket what is no HTTP response');
  const code = Number(match[1]);
  return KNOWN_STATUS_LINES.keep(copyOf(line), { code, status: statusOf(code, match[2] ?? '') });
}

function fieldLine(line: string): FieldLine {
  const known = KNOWN_FIELD_LINES.get(line);
  if (known !== undefined) return known;
  const own = copyOf(line);
  const colon = own.indexOf(':');
  const name = own.substring(0, colon);
  const lower = name.toLowerCase();
  const value = trimmed(own.substring(colon + 1));
  return KNOWN_FIELD_LINES.keep(own, { name, lower, value, passes: isApplicationField(lower) });
}

/** One response, fed with the bytes of a connection. */
export class ResponseParser {
  /** Null until it is there. Heads of interim responses (1xx) are dropped: they are the gateway's business (G-89). */
  head: ParsedHead | null = null;
  /** Code of the last interim head, 0 without one. */
  interim = 0;
  readonly #forHead: boolean;
  #state = HEAD;
  #pending: Uint8Array | null = null;
  /** Bytes still to come of the body or the chunk; -1: until the connection ends. */
  #left = -1;
  #lineLength = 0;
  #pieces: Uint8Array[] = [];

  /** @param forHead whether the request method was HEAD */
  constructor(forHead: boolean) {
    this.#forHead = forHead;
  }

  get complete(): boolean {
    return this.#state === COMPLETE;
  }

  /** Whether bytes of the body are there to be taken. */
  get hasPiece(): boolean {
    return this.#pieces.length > 0;
  }

  /** The bytes of the body that have come since the last call, in one piece; null for none. */
  takePiece(): Uint8Array | null {
    const pieces = this.#pieces;
    if (pieces.length === 0) return null;
    this.#pieces = [];
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
  }

  /** Takes a head apart from the body, which is then fed without its framing. */
  begin(head: string): void {
    if (this.#state !== HEAD) return; // one was written by hand
    this.#readHead(head.slice(0, -END_OF_HEAD.length), false);
  }

  /** @throws ApplicationError for what is no HTTP response: somebody wrote to the socket itself */
  feed(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.byteLength) {
      switch (this.#state) {
        case HEAD:
          at = this.#feedHead(at === 0 ? bytes : bytes.subarray(at)) + at;
          break;
        case BODY:
        case CHUNK_DATA:
          at = this.#feedData(bytes, at);
          break;
        case COMPLETE:
          return;
        default:
          this.#feedLine(bytes[at++]);
      }
    }
  }

  /** Nothing more will come. Returns whether the response is whole. */
  end(): boolean {
    if (this.#state === BODY && this.#left < 0) this.#state = COMPLETE;
    return this.#state === COMPLETE;
  }

  /** Returns the bytes that it has used. */
  #feedHead(bytes: Uint8Array): number {
    const before = this.#pending?.byteLength ?? 0;
    const all =
      this.#pending === null
        ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
        : Buffer.concat([this.#pending, bytes]);
    const end = all.indexOf(END_OF_HEAD, 0, 'latin1');
    if (end < 0) {
      if (all.byteLength > MOST_HEAD_BYTES) throw new ApplicationError('the head of the response does not end');
      this.#pending = before === 0 ? Buffer.from(all) : all;
      return bytes.byteLength;
    }
    this.#pending = null;
    this.#readHead(all.toString('latin1', 0, end), true);
    return end + END_OF_HEAD.length - before;
  }

  #readHead(text: string, framed: boolean): void {
    const lines = text.split('\r\n');
    const { code, status } = statusLine(lines[0]);
    if (code < 200) {
      this.interim = code;
      return;
    }
    const headers: HeaderField[] = [];
    let length = -1;
    let chunked = false;
    for (let i = 1; i < lines.length; i++) {
      const { name, lower, value, passes } = fieldLine(lines[i]);
      if (lower === 'transfer-encoding') chunked ||= /chunked/i.test(value);
      else if (lower === 'content-length') length = Number(value);
      if (passes) headers.push([name, value]);
    }
    this.head = { status, headers };
    if (this.#forHead || code === 204 || code === 304) this.#state = COMPLETE;
    else if (!chunked) this.#body(length);
    else if (!framed) this.#body(-1);
    else {
      this.#state = CHUNK_SIZE;
      this.#left = 0;
    }
  }

  #body(length: number): void {
    // A length that is none is for `startResponse` to refuse (G-94).
    this.#left = Number.isSafeInteger(length) && length >= 0 ? length : -1;
    this.#state = this.#left === 0 ? COMPLETE : BODY;
  }

  #feedData(bytes: Uint8Array, at: number): number {
    const here = bytes.byteLength - at;
    if (this.#state === BODY) {
      // More than was announced is for the gateway to cut, and to tell of (G-120).
      this.#pieces.push(at === 0 ? bytes : bytes.subarray(at));
      if (this.#left >= 0) this.#left = Math.max(0, this.#left - here);
      if (this.#left === 0) this.#state = COMPLETE;
      return bytes.byteLength;
    }
    const size = Math.min(this.#left, here);
    this.#pieces.push(at === 0 && size === here ? bytes : bytes.subarray(at, at + size));
    this.#left -= size;
    if (this.#left === 0) this.#state = CHUNK_END;
    return at + size;
  }

  /** A byte of the framing between chunks, or of the trailers, which nobody reads (B-68). */
  #feedLine(byte: number): void {
    if (byte === CR) return;
    if (byte !== LF) {
      if (this.#state === CHUNK_SIZE) this.#left = this.#left * 16 + hex(byte);
      this.#lineLength++;
      return;
    }
    const empty = this.#lineLength === 0;
    this.#lineLength = 0;
    if (this.#state === CHUNK_END) this.#state = CHUNK_SIZE;
    else if (this.#state === CHUNK_SIZE) this.#state = this.#left === 0 ? TRAILERS : CHUNK_DATA;
    else if (empty) this.#state = COMPLETE;
  }
}
