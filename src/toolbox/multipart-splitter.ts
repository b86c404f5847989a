/**
 * Cuts a multipart/form-data body (RFC 7578) into the heads and the data of its parts, block by block and without waiting:
 * the parser is Dicer of `@fastify/busboy`, which finds delimiters and heads however the blocks are cut.
 *
 * Dicer hands a part out as a stream and reports ends by events of a later turn, and a sync application has none. So
 * what it pushes into the stream is taken at once, by a `push` of our own; and whether the body was whole is asked with
 * one more delimiter, which Dicer ignores after the closing one, and only then.
 */
import { Dicer } from '@fastify/busboy';
import type { HeaderField } from '../interface/types.ts';
import { Headers } from './headers.ts';
import { parseParameterized } from './media-type.ts';
import { latin1Encode, nativeToText } from './native-strings.ts';
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

/** What is known of a part before its data. */
export interface PartHead {
  /** Of the form control. */
  readonly name: string;
  /** The last segment of the name that the client gave, which may be `''`; absent for parts that are no files. */
  readonly filename: string | undefined;
  /** Media type without parameters, in lower case; `text/plain` where the part names none. */
  readonly type: string;
  /** All fields of the part, as native strings with names in lower case. */
  readonly headers: Headers;
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

/** Fields of one part. */
const MOST_FIELDS = 32;

/** The part of a stream that Dicer uses. */
interface PartStream {
  push(chunk: unknown): boolean;
  on(event: 'header', listener: (fields: Record<string, string[]>) => void): unknown;
}

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

/** The escapes of browsers in names (HTML standard, multipart/form-data). */
function unescaped(native: string): string {
  return nativeToText(native.replace(/%22/g, '"').replace(/%0D/gi, '\r').replace(/%0A/gi, '\n'));
}

function partHead(fields: Readonly<Record<string, string[]>>, maxSize: number): PartHead {
  const list: HeaderField[] = [];
  let size = 0;
  for (const [name, values] of Object.entries(fields)) {
    for (const value of values) {
      list.push([name, value]);
      size += name.length + value.length + 4; // colon, space, CR LF
    }
  }
  if (size > maxSize) throw tooLarge(`the head of a part is larger than ${maxSize} bytes`);
  if (list.length > MOST_FIELDS) throw tooLarge(`a part has more than ${MOST_FIELDS} header fields`);
  let headers: Headers;
  try {
    headers = new Headers(list);
  } catch {
    throw malformed('the head of a part has a control character');
  }
  const disposition = parseParameterized(headers.get('content-disposition', ''));
  const name = disposition?.parameters.get('name');
  if (disposition?.value !== 'form-data' || name === undefined) {
    throw malformed('a part has no Content-Disposition: form-data with a name');
  }
  // `filename*` must not be used here (RFC 7578, 4.2).
  const filename = disposition.parameters.get('filename');
  return {
    name: unescaped(name),
    filename: filename === undefined ? undefined : unescaped(filename).replace(/^.*[/\\]/s, ''),
    type: parseParameterized(headers.get('content-type', ''))?.value ?? 'text/plain',
    headers,
  };
}

export class MultipartSplitter {
  readonly #dicer: Dicer;
  readonly #boundary: string;
  readonly #limits: Required<MultipartLimits>;
  /** What was found, in order; an Error ends it. */
  #found: (MultipartEvent | Error)[] = [];
  #at = 0;
  #parts = 0;
  #total = 0;
  /** Nothing more is looked for: a limit was passed, a part was malformed, or all is over. */
  #over = false;
  #block: Uint8Array | null = null;

  constructor(boundary: string, limits: Required<MultipartLimits>) {
    this.#boundary = boundary;
    this.#limits = limits;
    // Dicer cuts what is above its limits off without a word; so they are put where our own are passed before.
    this.#dicer = new Dicer({
      boundary,
      maxHeaderPairs: MOST_FIELDS + 1,
      maxHeaderSize: 2 * limits.maxHeaderSize + 256,
    } as ConstructorParameters<typeof Dicer>[0]);
    this.#dicer.on('preamble', (part) => {
      (part as unknown as PartStream).push = () => true;
    });
    this.#dicer.on('part', (part) => this.#part(part as unknown as PartStream));
    this.#dicer.on('error', () => this.#fail(malformed('the multipart body is malformed')));
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
    this.#total += block.byteLength;
    if (this.#total > this.#limits.maxTotalSize) {
      this.#fail(tooLarge(`the request body is larger than ${this.#limits.maxTotalSize} bytes`));
    } else if (block.byteLength > 0) {
      this.#block = block;
      this.#dicer.write(Buffer.from(block.buffer, block.byteOffset, block.byteLength));
    } else {
      this.#end();
    }
  }

  #end(): void {
    const parts = this.#parts;
    const kept = this.#found.length;
    this.#dicer.write(Buffer.from(`\r\n--${this.#boundary}\r\nX: y\r\n\r\n`, 'latin1'));
    if (this.#over) return;
    if (this.#parts !== parts || this.#found.length !== kept) {
      this.#found.length = kept;
      this.#fail(malformed('the multipart body ends before its closing delimiter'));
    } else {
      this.#found.push(BODY_END);
      this.#over = true;
    }
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#found.push(error);
  }

  #part(part: PartStream): void {
    const limits = this.#limits;
    let head: PartHead | null = null;
    let left = 0;
    if (++this.#parts > limits.maxParts) this.#fail(tooLarge(`the form has more than ${limits.maxParts} parts`));
    part.on('header', (fields) => {
      if (this.#over) return;
      try {
        head = partHead(fields, limits.maxHeaderSize);
      } catch (error) {
        this.#fail(error as Error);
        return;
      }
      left = head.filename === undefined ? limits.maxFieldSize : limits.maxFileSize;
      this.#found.push(head);
    });
    part.push = (chunk) => {
      if (this.#over) return true;
      if (head === null) {
        this.#fail(malformed('a part of the form has no complete head'));
      } else if (chunk === null) {
        this.#found.push(PART_END);
      } else {
        const data = chunk as Uint8Array;
        left -= data.byteLength;
        if (left < 0) {
          const most = head.filename === undefined ? limits.maxFieldSize : limits.maxFileSize;
          this.#fail(tooLarge(`a part of the form is larger than ${most} bytes`));
        } else {
          this.#found.push(this.#own(data));
        }
      }
      return true;
    };
  }

  /** Data of a part as bytes of its own: Dicer lends bytes that it has held back, and reuses their memory. */
  #own(data: Uint8Array): Uint8Array {
    if (this.#block !== null && data.buffer === this.#block.buffer) {
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    }
    return new Uint8Array(data);
  }
}

/** The boundary of a body, checked for what delimiters may be made of (RFC 2046, 5.1.1). */
export function checkBoundary(boundary: string | undefined): string {
  if (boundary === undefined || !/^[\x20-\x7e]{0,69}[\x21-\x7e]$/.test(boundary)) {
    throw malformed('the Content-Type of the form has no proper boundary');
  }
  latin1Encode(boundary);
  return boundary;
}
