/**
 * Cuts a multipart/form-data body (RFC 7578; RFC 2046, 5.1) into the heads and the data of its parts, block by block and
 * without waiting. What it finds does not depend on how the blocks are cut.
 *
 * Preamble and epilogue are ignored, as they have to be (RFC 2046, 5.1.1). Everything else is understood or refused: also a
 * line that begins with a delimiter and goes on with anything but blanks, a line of a head that is no header field, and
 * a lone CR or LF for the end of a line.
 */
import { PartFields, type PartHead } from './multipart-head.ts';
import { latin1Decode, latin1Encode } from './native-strings.ts';
import { malformed, tooLarge } from './request-data-error.ts';

/** Sizes in bytes. Above a limit: 413. */
export interface MultipartLimits {
  /** Most parts; 1000 by default. */
  maxParts?: number;
  /** Largest part without a file name; 1 MiB by default. */
  maxFieldSize?: number;
  /** Largest part with a file name; 64 MiB by default. */
  maxFileSize?: number;
  /** Largest head of a part; 8 KiB by default. */
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
  for (const name of Object.keys(DEFAULTS) as (keyof MultipartLimits)[]) {
    const value = limits[name];
    if (value === undefined) continue;
    if (typeof value !== 'number' || !(value >= 0)) throw new TypeError(`${name} must be a number of at least 0`);
    all[name] = value;
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

const CR = 13;
const CRLF = Buffer.from('\r\n');
const NOTHING = Buffer.alloc(0);

/** Blanks behind a delimiter on its line that are waited for; nobody writes any. */
const MOST_PADDING = 256;

/** What the bytes at hand belong to. */
type State = 'preamble' | 'delimiter' | 'head' | 'empty line' | 'data' | 'epilogue';

export class MultipartSplitter {
  /** CR LF, two dashes, the boundary. */
  readonly #delimiter: Buffer;
  readonly #limits: Required<MultipartLimits>;
  /** What was found, in order; an Error ends it. */
  #found: (MultipartEvent | Error)[] = [];
  #at = 0;
  /** Bytes that are not told yet. The first delimiter needs no line end before it; so it gets one. */
  #rest: Buffer = CRLF;
  #state: State = 'preamble';
  #total = 0;
  #parts = 0;
  #fields = new PartFields();
  #headSize = 0;
  /** Bytes that the part may still have. */
  #left = 0;
  #isFile = false;
  /** A limit was passed, something was malformed, or all is over. */
  #over = false;

  constructor(boundary: string, limits: Required<MultipartLimits>) {
    this.#delimiter = Buffer.from(latin1Encode(`\r\n--${boundary}`));
    this.#limits = limits;
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
      const bytes = Buffer.from(block.buffer, block.byteOffset, Math.min(block.byteLength, room));
      this.#rest = this.#rest.byteLength === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
      while (this.#advance());
      if (block.byteLength > room) throw tooLarge(`the request body is larger than ${maxTotalSize} bytes`);
    } catch (error) {
      this.#over = true;
      this.#found.push(error as Error);
    }
  }

  #end(): void {
    const closed =
      this.#state === 'epilogue' || (this.#state === 'delimiter' && /^--[ \t]*$/.test(latin1Decode(this.#rest)));
    if (!closed) throw malformed('the multipart body ends before its closing delimiter');
    this.#over = true;
    this.#found.push(BODY_END);
  }

  /** Does what can be done with the bytes at hand; false when more are needed. */
  #advance(): boolean {
    switch (this.#state) {
      case 'preamble':
        return this.#toDelimiter(() => {});
      case 'delimiter':
        return this.#delimiterLine();
      case 'head':
        return this.#headLine();
      case 'empty line':
        return this.#emptyLine();
      case 'data':
        return this.#toDelimiter((data) => this.#data(data));
      case 'epilogue':
        this.#rest = NOTHING;
        return false;
    }
  }

  /** Gives what comes before the next delimiter to `take`, and keeps back what may be the beginning of one. */
  #toDelimiter(take: (bytes: Buffer) => void): boolean {
    const rest = this.#rest;
    const found = rest.indexOf(this.#delimiter);
    if (found < 0) {
      const told = this.#mayBegin(rest);
      if (told > 0) take(rest.subarray(0, told));
      this.#rest = rest.subarray(told);
      return false;
    }
    if (found > 0) take(rest.subarray(0, found));
    this.#rest = rest.subarray(found + this.#delimiter.byteLength);
    if (this.#state === 'data') this.#found.push(PART_END);
    this.#state = 'delimiter';
    return true;
  }

  /** Where the last bytes may be the beginning of a delimiter; else their end. A boundary has no CR. */
  #mayBegin(rest: Buffer): number {
    const delimiter = this.#delimiter;
    const last = rest.lastIndexOf(CR);
    const size = rest.byteLength - last;
    return last >= 0 && size < delimiter.byteLength && rest.compare(delimiter, 0, size, last) === 0
      ? last
      : rest.byteLength;
  }

  /** The rest of the line that a delimiter begins: two dashes close the body, blanks mean nothing. */
  #delimiterLine(): boolean {
    const end = this.#rest.indexOf(CRLF);
    if (end < 0 && this.#rest.byteLength <= MOST_PADDING + 1) return false;
    const line = end < 0 || end > MOST_PADDING ? null : /^(--)?[ \t]*$/.exec(this.#rest.toString('latin1', 0, end));
    if (line === null) {
      throw malformed('a line of the multipart body begins with the delimiter and goes on with something else');
    }
    if (line[1] !== undefined) {
      this.#state = 'epilogue';
      return true;
    }
    const { maxParts } = this.#limits;
    if (++this.#parts > maxParts) throw tooLarge(`the form has more than ${maxParts} parts`);
    this.#fields = new PartFields();
    this.#headSize = 0;
    this.#state = 'head';
    this.#rest = this.#rest.subarray(end + 2);
    return true;
  }

  /** One line of a head; the empty one ends it. */
  #headLine(): boolean {
    const rest = this.#rest;
    const end = rest.indexOf(CRLF);
    if (end === 0) {
      this.#begin(this.#fields.head());
      this.#state = 'empty line';
      return true;
    }
    if (rest.byteLength < 2) return false; // a CR may be that of the empty line, which does not count
    const size = end < 0 ? rest.byteLength : end + 2;
    const { maxHeaderSize } = this.#limits;
    if (this.#headSize + size > maxHeaderSize) {
      throw tooLarge(`the head of a part is larger than ${maxHeaderSize} bytes`);
    }
    if (end < 0) return false;
    this.#headSize += size;
    if (rest.subarray(0, end).indexOf(this.#delimiter.subarray(2)) === 0)
      throw malformed('the head of a part has no end');
    this.#fields.add(rest.toString('latin1', 0, end));
    this.#rest = rest.subarray(end + 2);
    return true;
  }

  /** The line end of the empty line may be the one of a delimiter already: a part without data (RFC 2046, 5.1.1). */
  #emptyLine(): boolean {
    const rest = this.#rest;
    const size = Math.min(rest.byteLength, this.#delimiter.byteLength);
    const same = rest.compare(this.#delimiter, 0, size, 0, size) === 0;
    if (same && size < this.#delimiter.byteLength) return false;
    if (!same) this.#rest = rest.subarray(2);
    this.#state = 'data';
    return true;
  }

  #begin(head: PartHead): void {
    this.#isFile = head.filename !== undefined;
    this.#left = this.#isFile ? this.#limits.maxFileSize : this.#limits.maxFieldSize;
    this.#found.push(head);
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
