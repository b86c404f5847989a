/**
 * llhttp compiled to wasm, as undici ships it, in strict mode and driven like our own parser: the partner of the fuzz
 * runs.
 */
import { createRequire } from 'node:module';
import { wasm } from '../../src/protocols/http/webassembly.ts';
import type { Outcome, ParsedRequest } from '../protocols/http/driver.ts';

const require = createRequire(import.meta.url);

interface Exports {
  memory: { buffer: ArrayBuffer };
  _initialize(): void;
  malloc(size: number): number;
  llhttp_alloc(type: number): number;
  llhttp_free(parser: number): void;
  llhttp_execute(parser: number, at: number, length: number): number;
  llhttp_get_error_pos(parser: number): number;
  llhttp_get_errno(parser: number): number;
  llhttp_get_error_reason(parser: number): number;
  llhttp_get_method(parser: number): number;
  llhttp_get_http_major(parser: number): number;
  llhttp_get_http_minor(parser: number): number;
  llhttp_should_keep_alive(parser: number): number;
  llhttp_resume_after_upgrade(parser: number): void;
}

const REQUEST = 1;
const OK = 0;
const PAUSED = 21;
const PAUSED_UPGRADE = 22;
const INPUT_SIZE = 1 << 20;

const methods = new Map<number, string>(
  Object.entries((require('undici/lib/llhttp/constants.js') as { METHODS: Record<string, number> }).METHODS).map(
    ([name, number]) => [number, name],
  ),
);

/** Blanks around a value are left to llhttp's user. */
const trim = (value: string) => value.replace(/^[ \t]+|[ \t]+$/g, '');

// The callbacks of the one instance work on these.
let exports: Exports;
let outcome: Outcome;
let request: ParsedRequest;
let headersComplete = false;
let last: 'name' | 'value' = 'value';

const text = (at: number, length: number) => Buffer.from(exports.memory.buffer, at, length).toString('latin1');
const fields = () => (headersComplete ? request.trailers : request.headers);
const env = {
  wasm_on_message_begin: () => {
    request = { method: '', target: '', version: '', headers: [], body: '', trailers: [], keepAlive: false };
    headersComplete = false;
    last = 'value';
    return 0;
  },
  wasm_on_url: (_: number, at: number, length: number) => {
    request.target += text(at, length);
    return 0;
  },
  wasm_on_status: () => 0,
  wasm_on_header_field: (_: number, at: number, length: number) => {
    if (last === 'value') fields().push(['', '']);
    last = 'name';
    fields().at(-1)![0] += text(at, length);
    return 0;
  },
  wasm_on_header_value: (_: number, at: number, length: number) => {
    last = 'value';
    fields().at(-1)![1] += text(at, length);
    return 0;
  },
  wasm_on_headers_complete: (parser: number) => {
    headersComplete = true;
    last = 'value';
    request.method = methods.get(exports.llhttp_get_method(parser)) ?? '';
    request.version = `HTTP/${exports.llhttp_get_http_major(parser)}.${exports.llhttp_get_http_minor(parser)}`;
    return 0;
  },
  wasm_on_body: (_: number, at: number, length: number) => {
    request.body += text(at, length);
    return 0;
  },
  wasm_on_message_complete: (parser: number) => {
    request.headers = request.headers.map(([name, value]) => [name, trim(value)]);
    request.trailers = request.trailers.map(([name, value]) => [name, trim(value)]);
    request.keepAlive = exports.llhttp_should_keep_alive(parser) !== 0;
    outcome.requests.push(request);
    // What follows a request that closes the connection is never looked at.
    if (request.keepAlive) return 0;
    outcome.end = 'closed';
    return PAUSED;
  },
};

exports = new wasm.Instance(new wasm.Module(require('undici/lib/llhttp/llhttp_simd-wasm.js') as Buffer), { env })
  .exports as unknown as Exports;
exports._initialize();
const input = exports.malloc(INPUT_SIZE);

/**
 * What llhttp makes of the pieces; `rule` is its reason in words. An unfinished request shows in `end` only by absence.
 */
export function driveLlhttp(pieces: Iterable<Uint8Array>): Outcome {
  outcome = { end: 'clean', rule: '', status: 0, requests: [] };
  const parser = exports.llhttp_alloc(REQUEST);
  try {
    for (const piece of pieces) {
      if (piece.length > INPUT_SIZE) throw new Error('A piece is too large');
      new Uint8Array(exports.memory.buffer).set(piece, input);
      const to = input + piece.length;
      let at = input;
      while (at < to) {
        const result = exports.llhttp_execute(parser, at, to - at);
        if (result === OK) break;
        if ((outcome.end as string) === 'closed') return outcome;
        if (result !== PAUSED_UPGRADE) {
          const reason = exports.llhttp_get_error_reason(parser);
          const memory = Buffer.from(exports.memory.buffer);
          outcome.end = 'refused';
          outcome.rule = memory.toString('latin1', reason, memory.indexOf(0, reason));
          return outcome;
        }
        // Nobody takes the upgrade: the next request follows (RFC 9110, 7.8).
        at = exports.llhttp_get_error_pos(parser);
        exports.llhttp_resume_after_upgrade(parser);
      }
    }
    return outcome;
  } finally {
    exports.llhttp_free(parser);
  }
}
