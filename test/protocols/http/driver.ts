/**
 * Drives a parser over the bytes of one connection and tells what a server would see: for tests of parsers and servers.
 */
import {
  FIELD_NAME,
  FIELD_NAME_START,
  FIELD_VALUE_LENGTH,
  FIELD_VALUE_START,
  FIELD_WORDS,
  FLAG_CHUNKED,
  FLAG_CONTENT_LENGTH,
  FLAG_HTTP_1_0,
  FLAG_KEEP_ALIVE,
  HEAD_FIELD_COUNT,
  HEAD_FLAGS,
  HEAD_METHOD_LENGTH,
  HEAD_RECORD,
  HEAD_TARGET_LENGTH,
  HEAD_TARGET_START,
  HEAD_WORDS,
  READ_AREA,
  READ_SIZE,
} from '../../../assembly/layout.ts';
import { type Parser, rule, type SuspendedBody, type SuspendedHead } from '../../../src/protocols/http/parser.ts';

/** A request as a server would hand it on; texts are latin-1. */
export interface ParsedRequest {
  method: string;
  target: string;
  version: string;
  headers: [string, string][];
  body: string;
  trailers: [string, string][];
  keepAlive: boolean;
}

/** How the input ended: nothing left over, in the middle of a request, refused by a rule, or closed by a request. */
export interface Outcome {
  end: 'clean' | 'incomplete' | 'refused' | 'closed';
  /** Name of the rule broken. */
  rule: string;
  status: number;
  requests: ParsedRequest[];
}

/** What was found of the head in the parser's record. */
export function readHead(parser: Parser): ParsedRequest {
  const { bytes, words, headStart } = parser;
  const at = HEAD_RECORD >> 2;
  const text = (start: number, length: number) =>
    bytes.toString('latin1', headStart + start, headStart + start + length);
  const flags = words[at + HEAD_FLAGS];
  const headers: [string, string][] = [];
  for (let i = 0; i < words[at + HEAD_FIELD_COUNT]; i++) {
    const field = at + HEAD_WORDS + i * FIELD_WORDS;
    headers.push([
      text(words[field + FIELD_NAME_START], words[field + FIELD_NAME] & 0xffff),
      text(words[field + FIELD_VALUE_START], words[field + FIELD_VALUE_LENGTH]),
    ]);
  }
  return {
    method: text(0, words[at + HEAD_METHOD_LENGTH]),
    target: text(words[at + HEAD_TARGET_START], words[at + HEAD_TARGET_LENGTH]),
    version: flags & FLAG_HTTP_1_0 ? 'HTTP/1.0' : 'HTTP/1.1',
    headers,
    body: '',
    trailers: [],
    keepAlive: (flags & FLAG_KEEP_ALIVE) !== 0,
  };
}

const HEAD = 0;
const LENGTH = 1;
const CHUNKED = 2;

/**
 * Parses `pieces` as they would arrive on one connection: head, body, next head, until one closes the connection, a
 * rule is broken, or the input ends. State is suspended and resumed between pieces, and the read area is overwritten in
 * between.
 */
export function drive(parser: Parser, pieces: Iterable<Uint8Array>): Outcome {
  const outcome: Outcome = { end: 'clean', rule: '', status: 0, requests: [] };
  let phase = HEAD;
  let left = 0;
  let request: ParsedRequest | null = null;
  let head: SuspendedHead | null = null;
  let body: SuspendedBody | null = null;

  const complete = () => {
    outcome.requests.push(request!);
    if (!request!.keepAlive) outcome.end = 'closed';
    request = null;
    phase = HEAD;
    return outcome.end === 'closed';
  };
  const refused = (result: number) => {
    outcome.end = 'refused';
    outcome.rule = rule(result).name;
    outcome.status = rule(result).status;
    return outcome;
  };

  for (const piece of pieces) {
    if (piece.length > READ_SIZE) throw new Error('A piece is larger than the read area');
    parser.bytes.set(piece, READ_AREA);
    const to = READ_AREA + piece.length;
    let from = READ_AREA;
    if (head !== null) from = parser.resumeHead(head);
    if (body !== null) parser.resumeBody(body);
    head = null;
    body = null;
    while (from < to) {
      if (phase === HEAD) {
        const after = parser.head(from, to);
        if (after < 0) return refused(after);
        if (after === 0) {
          head = parser.suspendHead();
          break;
        }
        request = readHead(parser);
        from = after;
        const flags = parser.words[(HEAD_RECORD >> 2) + HEAD_FLAGS];
        if (flags & FLAG_CHUNKED) {
          phase = CHUNKED;
          parser.beginBody();
          if (from === to) body = parser.suspendBody();
          continue;
        }
        left = flags & FLAG_CONTENT_LENGTH ? parser.contentLength() : 0;
        phase = LENGTH;
      } else if (phase === CHUNKED) {
        const result = parser.body(from, to);
        if (result < 0) return refused(result);
        request!.body += parser.bytes.toString('latin1', from, from + parser.dataLength);
        if (result === 0) {
          body = parser.suspendBody();
          break;
        }
        request!.trailers = parser.trailers();
        from = parser.bodyEnd;
        if (complete()) return outcome;
      }
      if (phase === LENGTH) {
        const length = Math.min(left, to - from);
        request!.body += parser.bytes.toString('latin1', from, from + length);
        from += length;
        left -= length;
        if (left === 0 && complete()) return outcome;
      }
    }
    // Another connection reads: nothing of this one may be left in shared places.
    parser.bytes.fill(0x58, READ_AREA - 256, READ_AREA + piece.length + 64);
    parser.beginBody();
  }
  if (phase !== HEAD || (head !== null && head.text.length > 0)) outcome.end = 'incomplete';
  return outcome;
}

/** The pieces of `input` that end at each of the offsets `cuts`, and at its end. */
export function split(input: Uint8Array, ...cuts: number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const to of [...cuts, input.length]) {
    for (; to - from > READ_SIZE; from += READ_SIZE) pieces.push(input.subarray(from, from + READ_SIZE));
    if (to > from) pieces.push(input.subarray(from, to));
    from = to;
  }
  return pieces;
}
