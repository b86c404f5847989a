/**
 * Content codings over Node's zlib, whole bodies and streams.
 *
 * A stream in a sync application is the hard case, since Node has no compressor that works on in a thread without an
 * event loop. For gzip there is an honest way: raw deflate data that ends in a sync flush may be followed by more of
 * it, and the window before may be given to the next piece as its dictionary; header, checksum and length around it are
 * written here. Brotli and zstd have no such seam (zstd frames can be joined, but not every client reads on after the
 * first), so they serve only whole bodies there.
 */
import zlib from 'node:zlib';
import type { BodyMapping, Bytes } from './types.ts';

export type ContentCoding = 'gzip' | 'br' | 'zstd';

/** Compression levels: gzip 1 to 9, br 0 to 11, zstd 1 to 19. */
export type Levels = Readonly<Record<ContentCoding, number>>;

type Stream = zlib.Gzip;
type Callback = (error: Error | null, result: Buffer) => void;
interface ZstdOptions {
  params: Record<number, number>;
}

/** What newer versions of Node add (22.15, 23.8): optional, so that its absence is seen. */
interface MaybeZstd {
  crc32: typeof zlib.crc32;
  createZstdCompress?: (options: ZstdOptions) => Stream;
  zstdCompress?: (data: Uint8Array, options: ZstdOptions, callback: Callback) => void;
  zstdCompressSync?: (data: Uint8Array, options: ZstdOptions) => Buffer;
}
const node: MaybeZstd = zlib;

/** ZSTD_c_compressionLevel of zstd.h; the types of Node 20 do not have it. */
const ZSTD_LEVEL = 100;
/** ZSTD_e_flush */
const ZSTD_FLUSH = 1;

/** Whether this Node has zstd. */
export const hasZstd = node.createZstdCompress !== undefined;

const EMPTY = new Uint8Array(0);
/** Bytes that deflate looks back. */
const WINDOW = 32768;
/** RFC 1952: deflate, no flags, no time, no extra flags, unknown system. */
const GZIP_HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);
/** A last, empty block with fixed codes. */
const LAST_BLOCK = Uint8Array.of(3, 0);

function join(chunks: readonly Uint8Array[]): Uint8Array {
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
}

function brotliParams(level: number, size?: number): zlib.BrotliOptions {
  return {
    params: {
      [zlib.constants.BROTLI_PARAM_QUALITY]: level,
      ...(size !== undefined && { [zlib.constants.BROTLI_PARAM_SIZE_HINT]: size }),
    },
  };
}

function zstdParams(level: number): ZstdOptions {
  return { params: { [ZSTD_LEVEL]: level } };
}

/** gzip piece by piece, without an event loop. */
class SyncGzip implements BodyMapping {
  readonly #level: number;
  #begun = false;
  #crc = 0;
  #size = 0;
  #window: Uint8Array = EMPTY;

  constructor(level: number) {
    this.#level = level;
  }

  chunk(chunk: Uint8Array): Uint8Array {
    if (chunk.byteLength === 0) return EMPTY;
    this.#crc = zlib.crc32(chunk, this.#crc);
    this.#size += chunk.byteLength;
    const packed = zlib.deflateRawSync(chunk, {
      level: this.#level,
      finishFlush: zlib.constants.Z_SYNC_FLUSH,
      ...(this.#window.byteLength > 0 && { dictionary: this.#window }),
    });
    this.#slide(chunk);
    return this.#headed(packed);
  }

  /** Copies: the application may fill its buffer anew. */
  #slide(chunk: Uint8Array): void {
    const kept = Math.max(0, WINDOW - chunk.byteLength);
    this.#window = Buffer.concat([
      this.#window.subarray(Math.max(0, this.#window.byteLength - kept)),
      chunk.subarray(-WINDOW),
    ]);
  }

  #headed(bytes: Uint8Array): Uint8Array {
    if (this.#begun) return bytes;
    this.#begun = true;
    return Buffer.concat([GZIP_HEADER, bytes]);
  }

  end(): Uint8Array {
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#crc, 0);
    trailer.writeUInt32LE(this.#size % 2 ** 32, 4);
    return this.#headed(Buffer.concat([LAST_BLOCK, trailer]));
  }
}

/** Any coding through a stream of zlib, which works in Node's thread pool, on copies (G-118); flushed at each chunk. */
class StreamMapping implements BodyMapping {
  readonly #stream: Stream;
  readonly #flush: number;
  #output: Buffer[] = [];
  #reject: ((error: Error) => void) | null = null;

  constructor(stream: Stream, flush: number) {
    this.#stream = stream;
    this.#flush = flush;
    stream.on('readable', () => this.#drain());
    stream.on('error', (error) => this.#reject?.(error));
    stream.on('close', () => this.#reject?.(new Error('the compressor was closed')));
  }

  #drain(): void {
    for (let block: Buffer | null = this.#stream.read(); block !== null; block = this.#stream.read()) {
      this.#output.push(block);
    }
  }

  #take(): Uint8Array {
    this.#drain();
    const output = this.#output;
    this.#output = [];
    return join(output);
  }

  #run(operation: (done: () => void) => void): Promise<Uint8Array> {
    // Ends: when the compressor has done it; rejects when it fails or is closed.
    return new Promise<Uint8Array>((resolve, reject) => {
      this.#reject = reject;
      operation(() => resolve(this.#take()));
    }).finally(() => {
      this.#reject = null;
    });
  }

  chunk(chunk: Uint8Array): Bytes {
    if (chunk.byteLength === 0) return EMPTY;
    return this.#run((done) => {
      this.#stream.write(new Uint8Array(chunk));
      this.#stream.flush(this.#flush, done);
    });
  }

  end(): Promise<Uint8Array> {
    return this.#run((done) => {
      this.#stream.once('end', done);
      this.#stream.end();
    });
  }

  close(): void {
    this.#stream.destroy();
  }
}

function createStream(coding: ContentCoding, level: number): StreamMapping {
  if (coding === 'gzip') return new StreamMapping(zlib.createGzip({ level }), zlib.constants.Z_SYNC_FLUSH);
  if (coding === 'br') {
    return new StreamMapping(zlib.createBrotliCompress(brotliParams(level)), zlib.constants.BROTLI_OPERATION_FLUSH);
  }
  return new StreamMapping(node.createZstdCompress!(zstdParams(level)), ZSTD_FLUSH);
}

function wholeSync(coding: ContentCoding, level: number, bytes: Uint8Array): Uint8Array {
  if (coding === 'gzip') return zlib.gzipSync(bytes, { level });
  if (coding === 'br') return zlib.brotliCompressSync(bytes, brotliParams(level, bytes.byteLength));
  return node.zstdCompressSync!(bytes, zstdParams(level));
}

/** Works on a copy, which nobody takes away from zlib's thread (G-118). */
function wholeAsync(coding: ContentCoding, level: number, given: Uint8Array): Promise<Uint8Array> {
  const bytes = new Uint8Array(given);
  // Ends: when zlib calls back, with a result or an error.
  return new Promise((resolve, reject) => {
    const done: Callback = (error, result) => (error === null ? resolve(result) : reject(error));
    if (coding === 'gzip') zlib.gzip(bytes, { level }, done);
    else if (coding === 'br') zlib.brotliCompress(bytes, brotliParams(level, bytes.byteLength), done);
    else node.zstdCompress!(bytes, zstdParams(level), done);
  });
}

/** Makes the compressor only when the first chunk comes: a body that is an array needs none. */
class Lazy implements BodyMapping {
  readonly #make: () => BodyMapping;
  readonly whole: (chunks: readonly Uint8Array[]) => Bytes;
  #mapping: BodyMapping | null = null;

  constructor(make: () => BodyMapping, whole: (bytes: Uint8Array) => Bytes) {
    this.#make = make;
    const joined = (chunks: readonly Uint8Array[]): Bytes => whole(join(chunks));
    this.whole = joined;
  }

  get #made(): BodyMapping {
    this.#mapping ??= this.#make();
    return this.#mapping;
  }

  chunk(chunk: Uint8Array): Bytes {
    return this.#made.chunk(chunk);
  }

  end(): Bytes {
    return this.#made.end?.() ?? EMPTY;
  }

  close(): void {
    this.#mapping?.close?.();
  }
}

/** Whether a coding can be applied to a body in steps in this convention. */
export function canStream(coding: ContentCoding, async: boolean): boolean {
  return async || coding === 'gzip';
}

/** Compresses a body; every chunk comes out in full at once. */
export function encoder(coding: ContentCoding, level: number, async: boolean): BodyMapping {
  return async
    ? new Lazy(
        () => createStream(coding, level),
        (bytes) => wholeAsync(coding, level, bytes),
      )
    : new Lazy(
        () => new SyncGzip(level),
        (bytes) => wholeSync(coding, level, bytes),
      );
}
