/**
 * Calls an application as a gateway does, without one: enough of the rules to catch an application that breaks them.
 */
import type {
  Application,
  AsyncApplication,
  AsyncBody,
  AsyncEnviron,
  AsyncFileLike,
  AsyncInputStream,
  Environ,
  FileLike,
  HeaderField,
  InputStream,
} from '../../src/index.ts';

export interface RequestOptions {
  method?: string;
  script?: string;
  path?: string;
  query?: string;
  headers?: Record<string, string>;
  /** Pieces as they would arrive. */
  body?: (Uint8Array | string)[];
  /** Leave CONTENT_LENGTH out, as for a chunked body. */
  chunked?: boolean;
  state?: Record<string, unknown>;
  signal?: AbortSignal;
  disconnected?: () => boolean;
  /** Leave wsgi.file_wrapper out. */
  plain?: boolean;
}

export interface Result {
  status: string;
  headers: HeaderField[];
  body: Uint8Array;
  text: string;
  /** Bytes of the request body that the application took. */
  read: number;
  errors: string;
}

const NATIVE = /^[\0-\xff]*$/;
const FORBIDDEN = /^(connection|keep-alive|proxy-.*|te|trailers?|transfer-encoding|upgrade|status)$/i;

/** The value of a header field that must not be repeated. */
export function field(result: { headers: HeaderField[] }, name: string): string | undefined {
  const found = result.headers.filter(([each]) => each.toLowerCase() === name.toLowerCase());
  if (found.length > 1) throw new Error(`${name} was given ${found.length} times`);
  return found[0]?.[1];
}

/** Keeps the head, and refuses one that a gateway would refuse (G-88 to G-94). */
class Head {
  status = '';
  headers: HeaderField[] = [];

  start = (status: string, headers: HeaderField[], error?: Error | null) => {
    if (this.status !== '' && !error) throw new Error('startResponse was called twice');
    if (!/^[2-5]\d\d [ -~\xa0-\xff]*$/.test(status)) throw new Error(`bad status ${JSON.stringify(status)}`);
    for (const [name, value] of headers) {
      if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name) || FORBIDDEN.test(name))
        throw new Error(`bad field name ${name}`);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
      if (!NATIVE.test(value) || /[\0-\x1f\x7f]/.test(value)) throw new Error(`bad value of ${name}`);
    }
    this.status = status;
    this.headers = headers.map(([name, value]) => [name, value]);
    return () => {
      throw new Error('write is not for new code (A-15)');
    };
  };

  /** Checks the finished response, and drops the body of HEAD as a gateway does. */
  finish(method: string, chunks: Uint8Array[], read: number, errors: string): Result {
    if (this.status === '') throw new Error('startResponse was not called');
    const body = Buffer.concat(chunks);
    const length = field(this, 'Content-Length');
    const bodiless = /^(204|304)/.test(this.status);
    if (bodiless && body.length > 0) throw new Error('a body where none may be');
    if (length !== undefined && method !== 'HEAD' && !bodiless && Number(length) !== body.length) {
      throw new Error(`Content-Length ${length}, but ${body.length} bytes`);
    }
    if (body.length > 0 && field(this, 'Content-Type') === undefined) throw new Error('no Content-Type');
    const sent = method === 'HEAD' ? new Uint8Array() : body;
    return { status: this.status, headers: this.headers, body: sent, text: Buffer.from(sent).toString(), read, errors };
  }
}

/** A request body in pieces. */
class Source {
  taken = 0;
  #rest: Buffer;
  constructor(pieces: (Uint8Array | string)[]) {
    this.#rest = Buffer.concat(pieces.map((piece) => Buffer.from(piece as string)));
  }

  get length() {
    return this.#rest.length;
  }

  take(size?: number | null): Uint8Array {
    const count = size === undefined || size === null || size < 0 ? this.#rest.length : size;
    const block = new Uint8Array(this.#rest.subarray(0, count));
    this.#rest = this.#rest.subarray(block.length);
    this.taken += block.length;
    return block;
  }
}

function unused(): never {
  throw new Error('no example reads lines');
}

function syncInput(source: Source): InputStream {
  return {
    read: (size) => source.take(size),
    readline: unused,
    readlines: unused,
    [Symbol.iterator]: unused,
  };
}

function asyncInput(source: Source, piece = 7): AsyncInputStream {
  return {
    read: async (size) => source.take(size),
    readline: unused,
    readlines: unused,
    stream: unused,
    [Symbol.asyncIterator]: unused,
    async *chunks() {
      while (source.length > 0) yield source.take(piece);
    },
  };
}

function variables(options: RequestOptions, source: Source, errors: string[]) {
  const { method = 'GET', script = '/mount', path = '/', query = '', headers = {} } = options;
  const environ: Record<`HTTP_${string}`, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    environ[`HTTP_${name.toUpperCase().replaceAll('-', '_')}`] = value;
  }
  const { HTTP_CONTENT_TYPE: type, ...rest } = environ;
  const length = source.length > 0 && !options.chunked ? { CONTENT_LENGTH: String(source.length) } : {};
  return {
    ...rest,
    ...(type === undefined ? {} : { CONTENT_TYPE: type }),
    ...length,
    REQUEST_METHOD: method,
    SCRIPT_NAME: script,
    PATH_INFO: path,
    QUERY_STRING: query,
    SERVER_NAME: 'localhost',
    SERVER_PORT: '8000',
    SERVER_PROTOCOL: 'HTTP/1.1',
    REMOTE_ADDR: '192.0.2.7',
    'wsgi.version': [1, 0] as const,
    'wsgi.url_scheme': 'http' as const,
    'wsgi.errors': {
      write: (text: string) => void errors.push(text),
      writelines: (lines: Iterable<string>) => void errors.push(...lines),
      flush() {},
    },
    'wsgi.multithread': false,
    'wsgi.multiprocess': true,
    'wsgi.run_once': false,
    'wsgi.input_terminated': true,
    ...(options.state ? { 'quaich.state': { ...options.state } } : {}),
  };
}

/** The file wrapper of G-160, without the quick way. */
function fileWrapper(file: FileLike | AsyncFileLike | number, size = 8192) {
  if (typeof file === 'number') throw new Error('no example passes a descriptor');
  return {
    *[Symbol.iterator]() {
      for (;;) {
        const block = file.read(size);
        if (block instanceof Promise) throw new Error('a promise from a sync file');
        if (block.length === 0) return;
        yield block;
      }
    },
    close: () => void file.close?.(),
  };
}

/**
 * One request to a sync application. Closes the body, also for HEAD, of which only the first chunk is asked for
 * (G-128).
 */
export function callSync(app: Application, options: RequestOptions = {}): Result {
  const errors: string[] = [];
  const source = new Source(options.body ?? []);
  const environ: Environ = Object.assign(Object.create(null), variables(options, source, errors), {
    'wsgi.input': syncInput(source),
    'quaich.async': false,
    ...(options.plain ? {} : { 'wsgi.file_wrapper': fileWrapper }),
    ...(options.disconnected ? { 'quaich.client_disconnected': options.disconnected } : {}),
  });
  const head = new Head();
  const body = app(environ, head.start);
  const chunks: Uint8Array[] = [];
  try {
    for (const chunk of body) {
      if (!(chunk instanceof Uint8Array)) throw new Error('a chunk that is not bytes');
      chunks.push(chunk);
      if (environ.REQUEST_METHOD === 'HEAD' && chunk.length > 0) break;
    }
  } finally {
    body.close?.();
  }
  return head.finish(environ.REQUEST_METHOD, chunks, source.taken, errors.join(''));
}

/** A response of an async application that is still going on. */
export class Exchange {
  readonly head = new Head();
  readonly #errors: string[] = [];
  readonly #source: Source;
  readonly #environ: AsyncEnviron;
  readonly #app: AsyncApplication;
  #body: AsyncBody | undefined;
  #iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array> | undefined;

  constructor(app: AsyncApplication, options: RequestOptions = {}) {
    this.#app = app;
    this.#source = new Source(options.body ?? []);
    this.#environ = Object.assign(Object.create(null), variables(options, this.#source, this.#errors), {
      'wsgi.input': asyncInput(this.#source),
      'quaich.async': true,
      ...(options.signal ? { 'quaich.signal': options.signal } : {}),
    });
  }

  /** The next chunk, or undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    if (this.#iterator === undefined) {
      const body = await this.#app(this.#environ, this.head.start);
      this.#body = body;
      this.#iterator = Symbol.asyncIterator in body ? body[Symbol.asyncIterator]() : body[Symbol.iterator]();
    }
    const step = await this.#iterator.next();
    if (step.done) return undefined;
    if (!(step.value instanceof Uint8Array)) throw new Error('a chunk that is not bytes');
    return step.value;
  }

  /** Gives up on the body, as after a disconnect (G-110). */
  async stop(): Promise<void> {
    await this.#iterator?.return?.();
    await this.#body?.close?.();
  }

  async finish(): Promise<Result> {
    const chunks: Uint8Array[] = [];
    for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next()) {
      chunks.push(chunk);
      if (this.#environ.REQUEST_METHOD === 'HEAD' && chunk.length > 0) break;
    }
    await this.stop();
    return this.head.finish(this.#environ.REQUEST_METHOD, chunks, this.#source.taken, this.#errors.join(''));
  }
}

/** One request to an async application, from beginning to end. */
export function callAsync(app: AsyncApplication, options: RequestOptions = {}): Promise<Result> {
  return new Exchange(app, options).finish();
}
