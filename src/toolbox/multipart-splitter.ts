/**
 * Cuts a multipart/form-data body (RFC 7578; RFC 2046, 5.1) into the heads and the data of its parts, block by block
 * and without waiting. What it finds does not depend on how the blocks are cut. The parsers are those of `multipasta`:
 * one that finds delimiters, and one for heads, both as fit for code that blocks as for code that does not.
 *
 * Preamble and epilogue are ignored, as they have to be (RFC 2046, 5.1.1). Everything else is understood or refused,
 * also a line that begins with a delimiter and goes on with anything but blanks.
 */
import { type FailureReason, make as headersParser } from 'multipasta/HeadersParser';
import { make as search } from 'multipasta/Search';
import { latin1Decode } from '../rules/native-strings.ts';
import { type PartHead, partHead } from './multipart-head.ts';
import { limit, malformed, tooLarge } from './request-data-error.ts';

/** Sizes in bytes. Above a limit: 413. */
export interface MultipartLimits {
  /** Most parts; 1000 by default. */
  maxParts?: number;
  /** Largest part without a file name; 1 MiB by default. */
  maxFieldSize?: number;
  /** Largest part with a file name; 64 MiB by default. */
  maxFileSize?: number;
  /** Largest head of a part; 8 KiB by default, 16 KiB at most. */
  maxHeaderSize?: number;
  /** Largest body; 128 MiB by default. */
  maxTotalSize?: number;
}

/** The data of a part are complete. */
export const PART_END = Symbol('end of part');
/** No part follows. */
export const BODY_END = Symbol('end of body');

export type MultipartEvent = PartHead | Uint8Array | typeof PART_END | typeof BODY_END;

const DEFAULTS: Required<MultipartLimits> = {
  maxParts: 1000,
  maxFieldSize: 1048576,
  maxFileSize: 67108864,
  maxHeaderSize: 8192,
  maxTotalSize: 134217728,
};

/** Limits with the defaults for those left out. */
export function multipartLimits(limits: MultipartLimits): Required<MultipartLimits> {
  const all = { ...DEFAULTS };
  // They are the keys of the literal above.
  for (const name of Object.keys(DEFAULTS) as (keyof MultipartLimits)[]) {
    all[name] = limit(limits[name], all[name], name);
  }
  return all;
}

/** The boundary of a body, checked for what delimiters may be made of (RFC 2046, 5.1.1). */
export function checkBoundary(boundary: string | undefined): string {
  if (boundary === undefined || !/^[\x20-\x7e]{0,69}[\x21-\x7e]$/.test(boundary)) {
    throw malformed('the Content-Type of the form has no proper boundary');
  }
  return boundary;
}

const CRLF = Buffer.from('\r\n');
const NOTHING = Buffer.alloc(0);

/** The most blanks behind a delimiter on its line; clients write none. */
const MOST_PADDING = 256;

const TOO_LARGE: ReadonlySet<FailureReason> = new Set(['HeaderTooLarge', 'TooManyHeaders']);

/** What the next bytes belong to. */
type State = 'preamble' | 'delimiter' | 'head' | 'data' | 'epilogue';

export class MultipartSplitter {
  readonly #limits: Required<MultipartLimits>;
  readonly #search: ReturnType<typeof search>;
  readonly #parseHead = headersParser();
  /** What was found, in order; an Error ends it. */
  #found: (MultipartEvent | Error)[] = [];
  #at = 0;
  #state: State = 'preamble';
  /** Delimiters so far. */
  #delimiters = 0;
  /** What stands behind a delimiter on its line, as far as it has come. */
  #line: Buffer = NOTHING;
  #total = 0;
  #parts = 0;
  #headSize = 0;
  /** Bytes that the part may still have. */
  #left = 0;
  #isFile = false;
  /** A limit was passed, something was malformed, or all is over. */
  #over = false;

  constructor(boundary: string, limits: Required<MultipartLimits>) {
    this.#limits = limits;
    this.#search = search(`\r\n--${boundary}`, (delimiters, bytes) => this.#between(delimiters, bytes));
    // The first delimiter needs no line end before it; so it gets one.
    this.#search.write(CRLF);
  }

  /** The next thing found; null when more of the body is needed. Throws RequestDataError. */
  next(): MultipartEvent | null {
    if (this.#at === this.#found.length) {
      this.#found = [];
      this.#at = 0;
      return null;
    }
    const event = this.#found[this.#at];
    if (event instanceof Error) throw event;
    if (event !== BODY_END) this.#at++;
    return event;
  }

  /** Takes the next block of the body, which is the splitter's from now on; an empty one is the end. */
  feed(block: Uint8Array): void {
    if (this.#over) return;
    const { maxTotalSize } = this.#limits;
    const room = maxTotalSize - this.#total;
    this.#total += block.byteLength;
    try {
      if (block.byteLength === 0) {
        this.#end();
        return;
      }
      if (room > 0) this.#search.write(block.byteLength <= room ? block : block.subarray(0, room));
      if (block.byteLength > room) {
        this.#search.end(); // gives what it has held back
        throw tooLarge(`the request body is larger than ${maxTotalSize} bytes`);
      }
    } catch (error) {
      this.#over = true;
      this.#found.push(error as Error); // a RequestDataError, or what a parser has thrown
    }
  }

  #end(): void {
    this.#search.end();
    if (this.#state === 'delimiter' && /^--[ \t]*$/.test(latin1Decode(this.#line))) this.#state = 'epilogue';
    if (this.#state !== 'epilogue') throw malformed('the multipart body ends before its closing delimiter');
    this.#over = true;
    this.#found.push(BODY_END);
  }

  /** Bytes that stand behind so many delimiters. */
  #between(delimiters: number, given: Uint8Array): void {
    while (this.#delimiters < delimiters) {
      this.#delimiters++;
      this.#endPart();
    }
    let bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
    if (this.#state === 'delimiter') bytes = this.#delimiterLine(bytes);
    if (this.#state === 'head') bytes = this.#head(bytes);
    if (this.#state === 'data' && bytes.byteLength > 0) this.#data(bytes);
  }

  /** A delimiter: its first CR LF may have been the end of a line that is still open (RFC 2046, 5.1.1). */
  #endPart(): void {
    if (this.#state === 'delimiter') this.#endLine(latin1Decode(this.#line));
    if (this.#is('epilogue')) return;
    if (this.#is('head')) {
      this.#head(CRLF);
      if (this.#is('head')) throw malformed('the head of a part has no end');
    }
    if (this.#is('data')) this.#found.push(PART_END);
    this.#state = 'delimiter';
    this.#line = NOTHING;
  }

  /** For the compiler, which does not see that methods change the state. */
  #is(state: State): boolean {
    return this.#state === state;
  }

  /** The rest of the line that a delimiter begins. Returns the bytes behind it. */
  #delimiterLine(bytes: Buffer): Buffer {
    const line = Buffer.concat([this.#line, bytes]);
    const end = line.indexOf(CRLF);
    if (end < 0 && line.byteLength <= MOST_PADDING + 1) {
      this.#line = line;
      return NOTHING;
    }
    this.#endLine(line.toString('latin1', 0, end < 0 || end > MOST_PADDING ? MOST_PADDING + 1 : end));
    return line.subarray(end + 2);
  }

  /** Two dashes close the body, blanks mean nothing. */
  #endLine(line: string): void {
    const match = line.length > MOST_PADDING ? null : /^(--)?[ \t]*$/.exec(line);
    if (match === null) {
      throw malformed('a line of the multipart body begins with the delimiter and goes on with something else');
    }
    if (match[1] !== undefined) {
      this.#state = 'epilogue';
      return;
    }
    const { maxParts } = this.#limits;
    if (++this.#parts > maxParts) throw tooLarge(`the form has more than ${maxParts} parts`);
    this.#headSize = 0;
    this.#state = 'head';
  }

  /** More of a head. Returns the bytes behind it. */
  #head(bytes: Buffer): Buffer {
    const { maxHeaderSize, maxFileSize, maxFieldSize } = this.#limits;
    const room = maxHeaderSize - this.#headSize;
    // The parser decodes UTF-8. Given each byte as the character of its number, it returns native strings.
    const text = Buffer.from(bytes.toString('latin1', 0, Math.min(room, bytes.byteLength)));
    const result = this.#parseHead(text, 0);
    if (result._tag === 'Failure' && !TOO_LARGE.has(result.reason)) {
      throw malformed('the head of a part has a line that is no header field');
    }
    if (result._tag === 'Failure' || (result._tag === 'Continue' && bytes.byteLength > room)) {
      throw tooLarge(`the head of a part is larger than ${maxHeaderSize} bytes`);
    }
    if (result._tag === 'Continue') {
      this.#headSize += bytes.byteLength;
      return NOTHING;
    }
    const head = partHead(result.headers);
    this.#isFile = head.filename !== undefined;
    this.#left = this.#isFile ? maxFileSize : maxFieldSize;
    this.#found.push(head);
    this.#state = 'data';
    return bytes.subarray(text.toString('utf8', 0, result.endPosition).length);
  }

  #data(bytes: Buffer): void {
    const size = Math.min(bytes.byteLength, this.#left);
    if (size > 0) this.#found.push(new Uint8Array(bytes.buffer, bytes.byteOffset, size));
    this.#left -= size;
    if (size < bytes.byteLength) {
      const { maxFileSize, maxFieldSize } = this.#limits;
      throw tooLarge(`a part of the form is larger than ${this.#isFile ? maxFileSize : maxFieldSize} bytes`);
    }
  }
}
