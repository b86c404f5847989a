/**
 * The binding of the parser in `assembly/`: request heads and chunked bodies of HTTP/1.0 and 1.1, strict by RFC 9112.
 *
 * Bytes are parsed where they lie, in the memory of the instance, and the results lie there too: see
 * `assembly/layout.ts` for the map. Many connections share one parser. Fresh bytes are read to READ_AREA; a connection
 * whose head or body is unfinished takes its state away with `suspendHead` or `suspendBody` before another connection
 * reads, and brings it back with `resumeHead` or `resumeBody` when more of its bytes have been read to READ_AREA:
 *
 * ```ts
 * let from = suspended === null ? READ_AREA : parser.resumeHead(suspended);
 * const after = parser.head(from, to);
 * if (after > 0) { // parser.headStart, the head record in parser.words; the body or the next head begins at `after`
 * } else if (after === 0) suspended = parser.suspendHead();
 * else refuse(rule(after));
 * ```
 */
import '../../rules/latin1.ts';
import {
  CHUNK_DATA_LENGTH,
  CHUNK_END,
  CHUNK_TRAILER_COUNT,
  CHUNK_TRAILER_LENGTH,
  CHUNK_TRAILER_START,
  CHUNKED_STATE,
  CHUNKED_WORDS,
  FIELD_NAME,
  FIELD_NAME_START,
  FIELD_VALUE_LENGTH,
  FIELD_VALUE_START,
  FIELD_WORDS,
  HEAD_CONTENT_LENGTH_HIGH,
  HEAD_CONTENT_LENGTH_LOW,
  HEAD_FIELD_COUNT,
  HEAD_LENGTH,
  HEAD_STATE,
  HEAD_WORDS,
  LIMITS,
  PARSER_END,
  PHASE_LEADING,
  READ_AREA,
  STATE_END,
  STATE_PHASE,
  STATE_RESUME,
  STATE_START,
  STATE_WORDS,
  TRAILER_RECORD,
} from '../../../assembly/layout.ts';
import { PARSED_HEAD } from '../../environ/head-record.ts';
import { copyBytes } from '../../rules/bytes.ts';
import { createSharedMemory, type SharedMemory, type WasmModule, wasm } from '../../rules/webassembly.ts';
import { DEFAULT_LIMITS, LIMIT_TABLE, type ParserLimits } from './limits.ts';
import { scalar, simd } from './wasm/base64.ts';
import { RULES } from './wasm/tables.ts';

/** A rule of HTTP that a peer has broken: what to answer, and why. */
interface Rule {
  /** Constant name, such as `HOST_MISSING`. */
  readonly name: string;
  /** Suggested status: 400, 413, 414, 417, 431, 501 or 505. */
  readonly status: number;
  /** One English sentence. */
  readonly text: string;
  /** Where the rule stands, such as `RFC 9112, 3.2`. */
  readonly section: string;
}

/** The rule behind a negative result of `head` or `body`. */
export function rule(result: number): Rule {
  return RULES[-result];
}

type ParserBuild = 'simd' | 'scalar';

interface ParserOptions {
  /** Memory of at least PARSER_END bytes whose size is fixed, for this parser alone; made where absent. */
  memory?: SharedMemory;
  /** Default: `simd` where the engine has it. */
  build?: ParserBuild;
  limits?: Partial<ParserLimits>;
}

/** What an incomplete head has left: private to its connection. */
export interface SuspendedHead {
  /** False: only empty lines have come. */
  readonly begun: boolean;
  /** A native string. */
  readonly text: string;
  readonly state: Int32Array;
  readonly record: Int32Array;
}

/** The decoder's registers in the middle of a body, and what is there of a trailer section. */
export interface SuspendedBody {
  readonly registers: Int32Array;
  readonly fields: Int32Array;
  /** A native string. */
  readonly trailer: string;
}

interface ParserExports {
  head(from: number, to: number): number;
  body(from: number, to: number): number;
  beginBody(): void;
}

/** The smallest module that uses a vector instruction. */
const SIMD_PROBE = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
);

/** The build that this engine can run. */
const defaultBuild: ParserBuild = wasm.validate(SIMD_PROBE) ? 'simd' : 'scalar';

const modules = new Map<ParserBuild, WasmModule>();

function compiled(build: ParserBuild): WasmModule {
  let module = modules.get(build);
  if (module === undefined) {
    // As text it stays with this code, whatever a bundler makes of it.
    module = new wasm.Module(Buffer.from(build === 'simd' ? simd : scalar, 'base64'));
    modules.set(build, module);
  }
  return module;
}

export class Parser {
  readonly memory: SharedMemory;
  /** The whole memory. */
  readonly bytes: Buffer;
  /** The whole memory in 32-bit words; index = address / 4. */
  readonly words: Int32Array;
  /**
   * Address of the first byte of the method, after `head`, also of a refused one; where what is left begins, after an
   * incomplete one.
   */
  headStart = 0;
  /** Bytes of payload at `from`, after `body`. */
  dataLength = 0;
  /** Address of the first byte that `body` has not consumed. */
  bodyEnd = 0;
  /** A connection is at work: the bytes at READ_AREA are its own. */
  busy = false;
  readonly #head: (from: number, to: number) => number;
  readonly #body: (from: number, to: number) => number;
  readonly #beginBody: () => void;

  /** Throws `RangeError` for a limit that is no positive integer or above what the memory map allows. */
  constructor(options: ParserOptions = {}) {
    this.memory = options.memory ?? createSharedMemory(PARSER_END);
    this.bytes = Buffer.from(this.memory.buffer);
    this.words = new Int32Array(this.memory.buffer);
    const module = compiled(options.build ?? defaultBuild);
    const exports = new wasm.Instance(module, { env: { memory: this.memory } }).exports;
    ({ head: this.#head, body: this.#body, beginBody: this.#beginBody } = exports as unknown as ParserExports);
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    for (const name of Object.keys(LIMIT_TABLE) as (keyof ParserLimits)[]) {
      const [word, most] = LIMIT_TABLE[name];
      const limit = limits[name];
      if (!Number.isInteger(limit) || limit < 1 || limit > most) {
        throw new RangeError(`The limit ${name} must be an integer from 1 to ${most}, not ${limit}`);
      }
      this.words[(LIMITS >> 2) + word] = limit;
    }
  }

  /**
   * Parses the request head that begins at `from`, in input that ends at `to`. Returns the address after the head; 0
   * when it is incomplete; or minus the number of the rule that is broken (see `rule`). Empty lines before it are
   * skipped.
   */
  head(from: number, to: number): number {
    const after = this.#head(from, to);
    this.headStart =
      after > 0 ? after - this.words[PARSED_HEAD + HEAD_LENGTH] : this.words[(HEAD_STATE >> 2) + STATE_START];
    return after;
  }

  /** The head just parsed as a native string; the offsets of its record count from the first unit. */
  headText(): string {
    return this.bytes.latin1Slice(this.headStart, this.headStart + this.words[PARSED_HEAD + HEAD_LENGTH]);
  }

  /** Content-Length of the head just parsed, in bytes; meaningful with FLAG_CONTENT_LENGTH. */
  contentLength(): number {
    const low = this.words[PARSED_HEAD + HEAD_CONTENT_LENGTH_LOW] >>> 0;
    return this.words[PARSED_HEAD + HEAD_CONTENT_LENGTH_HIGH] * 4294967296 + low;
  }

  /** Takes away what an incomplete head (`head` returned 0) has left. */
  suspendHead(): SuspendedHead {
    const state = this.words.slice(HEAD_STATE >> 2, (HEAD_STATE >> 2) + STATE_WORDS);
    const fields = this.words[PARSED_HEAD + HEAD_FIELD_COUNT];
    return {
      begun: state[STATE_PHASE] !== PHASE_LEADING,
      text: this.bytes.latin1Slice(state[STATE_START], state[STATE_END]),
      state,
      record: this.words.slice(PARSED_HEAD, PARSED_HEAD + HEAD_WORDS + fields * FIELD_WORDS),
    };
  }

  /**
   * Puts back what a head has left, just before READ_AREA, where the next bytes of the connection are. Returns the
   * address to call `head` with, which then goes on where it stopped.
   */
  resumeHead(suspended: SuspendedHead): number {
    const { text } = suspended;
    const from = READ_AREA - text.length;
    this.bytes.latin1Write(text, from, text.length);
    this.words.set(suspended.record, PARSED_HEAD);
    this.words.set(suspended.state, HEAD_STATE >> 2);
    this.words[(HEAD_STATE >> 2) + STATE_RESUME] = 1;
    return from;
  }

  /** Readies the decoder for the first byte of a chunked body. */
  beginBody(): void {
    this.#beginBody();
  }

  /**
   * Decodes chunked input from `from` to `to` in place: the payload of this run is `dataLength` bytes at `from`.
   * Returns 0 when the body goes on (all input is consumed), 1 at its end (`bodyEnd` is the address after it), or minus
   * the number of the rule that is broken. After 0, the next bytes of the body must be at READ_AREA.
   */
  body(from: number, to: number): number {
    const result = this.#body(from, to);
    this.dataLength = this.words[(CHUNKED_STATE >> 2) + CHUNK_DATA_LENGTH];
    this.bodyEnd = this.words[(CHUNKED_STATE >> 2) + CHUNK_END];
    return result;
  }

  /** Takes away the decoder's registers (`body` returned 0). */
  suspendBody(): SuspendedBody {
    const registers = this.words.slice(CHUNKED_STATE >> 2, (CHUNKED_STATE >> 2) + CHUNKED_WORDS);
    const fields = TRAILER_RECORD >> 2;
    return {
      registers,
      fields: this.words.slice(fields, fields + registers[CHUNK_TRAILER_COUNT] * FIELD_WORDS),
      trailer: this.bytes.latin1Slice(READ_AREA - registers[CHUNK_TRAILER_LENGTH], READ_AREA),
    };
  }

  /** Brings the registers back; the next bytes of the body are at READ_AREA. */
  resumeBody(suspended: SuspendedBody): void {
    this.words.set(suspended.registers, CHUNKED_STATE >> 2);
    const { trailer } = suspended;
    if (trailer.length > 0) {
      this.words.set(suspended.fields, TRAILER_RECORD >> 2);
      this.bytes.latin1Write(trailer, READ_AREA - trailer.length, trailer.length);
    }
  }

  /**
   * Trailer fields of the body just completed (`body` returned 1), as native strings; never part of the header fields.
   */
  trailers(): [name: string, value: string][] {
    const { bytes, words } = this;
    const start = words[(CHUNKED_STATE >> 2) + CHUNK_TRAILER_START];
    const found: [string, string][] = [];
    for (
      let i = words[(CHUNKED_STATE >> 2) + CHUNK_TRAILER_COUNT], at = TRAILER_RECORD >> 2;
      i > 0;
      i--, at += FIELD_WORDS
    ) {
      const name = start + words[at + FIELD_NAME_START];
      const value = start + words[at + FIELD_VALUE_START];
      found.push([
        bytes.toString('latin1', name, name + (words[at + FIELD_NAME] & 0xffff)),
        bytes.toString('latin1', value, value + words[at + FIELD_VALUE_LENGTH]),
      ]);
    }
    return found;
  }

  /** A private copy of the bytes from address `from` to `to`. */
  copy(from: number, to: number): Buffer {
    const copy = Buffer.allocUnsafeSlow(to - from);
    copyBytes(copy, 0, this.bytes, from, to);
    return copy;
  }
}
