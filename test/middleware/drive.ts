/**
 * Calls applications of both kinds through the engine, as a gateway does, with a transport in memory. Applications are
 * written once, as sync ones, and turned into async ones that await at every step.
 */

import { AsyncInput } from '../../src/engine/async-input.ts';
import { asyncFileWrapper, fileWrapper } from '../../src/engine/file-wrapper.ts';
import { runAsync } from '../../src/engine/run-async.ts';
import { runSync } from '../../src/engine/run-sync.ts';
import { SyncInput } from '../../src/engine/sync-input.ts';
import type {
  AsyncApplication,
  AsyncBody,
  AsyncEnviron,
  Body,
  Environ,
  HeaderField,
  Kind,
  StartResponse,
} from '../../src/index.ts';
import { ClientDisconnected, markAsync, markSync } from '../../src/index.ts';
import { DONE, type Final, MORE, type ResponseHead, type Transport } from '../../src/interface/transport.ts';
import type { AnyApplication, AnyEnviron, Middleware } from '../../src/middleware/index.ts';
import { copyOfPart } from '../../src/rules/bytes.ts';

export const KINDS: readonly Kind[] = ['sync', 'async'];

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export interface RequestOptions {
  method?: string;
  /** Decoded, a native string. */
  path?: string;
  script?: string;
  query?: string;
  headers?: Record<string, string>;
  body?: string;
  /** Without a CONTENT_LENGTH. */
  chunked?: boolean;
  environ?: Record<string, unknown>;
  /** The client goes at the send with this number, counted from 0. */
  disconnectAt?: number;
  /** The transport can send files itself. */
  sendFile?: boolean;
}

export interface Reply {
  status: string;
  code: number;
  headers: HeaderField[];
  body: Buffer;
  text: string;
  /** The chunks as they were sent. */
  sends: string[];
  errors: string;
  /** The connection was broken. */
  broken: boolean;
  /** A file that the transport was asked to send: its length. */
  file: number | null;
  /** Length that the engine settled, -1 for chunked. */
  length: number;
  field(name: string): string | undefined;
  all(name: string): string[];
}

class Recorder {
  head: ResponseHead | null = null;
  readonly sends: Buffer[] = [];
  broken = false;
  file: number | null = null;
  readonly over: Promise<void>;
  #resolve: () => void = () => {};
  #count = 0;
  readonly #disconnectAt: number;

  constructor(options: RequestOptions) {
    this.#disconnectAt = options.disconnectAt ?? Number.POSITIVE_INFINITY;
    this.over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  take(head: ResponseHead | null, chunk: Uint8Array | null, final: Final, size: number): void {
    if (this.#count++ >= this.#disconnectAt) {
      if (final === DONE) this.#resolve(); // `done` does not follow
      throw new ClientDisconnected();
    }
    if (head !== null) this.head = { ...head };
    if (chunk !== null) this.sends.push(Buffer.from(copyOfPart(chunk, 0, size)));
    if (final === DONE) this.#resolve();
  }

  takeFile(head: ResponseHead, length: number): void {
    this.head = { ...head };
    this.file = length;
  }

  abort(): void {
    this.broken = true;
  }

  done(): void {
    this.#resolve();
  }

  reply(errors: string): Reply {
    const [status = '', ...lines] = this.head?.text.split('\r\n').slice(0, -1) ?? [];
    const headers = lines.map((line): HeaderField => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)];
    });
    const all = (name: string) =>
      headers.filter((field) => field[0].toLowerCase() === name.toLowerCase()).map((field) => field[1]);
    const body = Buffer.concat(this.sends);
    return {
      status,
      code: this.head?.status ?? 0,
      headers,
      body,
      text: body.toString(),
      sends: this.sends.map(String),
      errors,
      broken: this.broken,
      file: this.file,
      length: this.head?.length ?? -1,
      all,
      field(name) {
        const found = all(name);
        if (found.length > 1) throw new Error(`${name} was sent ${found.length} times`);
        return found[0];
      },
    };
  }
}

function variables(options: RequestOptions, errors: string[]) {
  const { method = 'GET', script = '', path = '/', query = '', headers = {}, body, chunked = false } = options;
  const fields: Record<`HTTP_${string}`, string> = {};
  for (const [name, value] of Object.entries(headers))
    fields[`HTTP_${name.toUpperCase().replaceAll('-', '_')}`] = value;
  return {
    ...fields,
    ...(body !== undefined && !chunked && { CONTENT_LENGTH: String(Buffer.byteLength(body)) }),
    REQUEST_METHOD: method,
    SCRIPT_NAME: script,
    PATH_INFO: path,
    QUERY_STRING: query,
    SERVER_NAME: 'localhost',
    SERVER_PORT: '8000',
    SERVER_PROTOCOL: 'HTTP/1.1',
    HTTP_HOST: 'localhost:8000',
    REMOTE_ADDR: '127.0.0.1',
    REMOTE_PORT: '50000',
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
    ...options.environ,
  };
}

/** Blocks of at most 5 bytes. */
function source(options: RequestOptions) {
  let rest = Buffer.from(options.body ?? '');
  return {
    read(max: number): Uint8Array | null {
      const block = new Uint8Array(rest.subarray(0, Math.min(max, 5)));
      rest = rest.subarray(block.length);
      return block.length === 0 ? null : block;
    },
  };
}

export function syncEnviron(options: RequestOptions = {}, errors: string[] = []): Environ {
  return Object.assign(Object.create(null), variables(options, errors), {
    'wsgi.input': new SyncInput(source(options)),
    'wsgi.file_wrapper': fileWrapper,
    'quaich.async': false,
  });
}

export function asyncEnviron(options: RequestOptions = {}, errors: string[] = []): AsyncEnviron {
  return Object.assign(Object.create(null), variables(options, errors), {
    'wsgi.input': new AsyncInput(source(options)),
    'wsgi.file_wrapper': asyncFileWrapper,
    'quaich.async': true,
  });
}

/** An application written once. What it needs of the environ are strings. */
export type Plain = (environ: AnyEnviron, startResponse: StartResponse) => Body;

async function turn(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

/** The async twin: waits before each step, and before each close. */
function twin(app: Plain): AsyncApplication {
  return markAsync(async (environ, startResponse): Promise<AsyncBody> => {
    const body = app(environ, startResponse);
    if (Array.isArray(body)) return body;
    // A gateway's file wrapper is handed back as it is.
    if (Symbol.asyncIterator in body) return body;
    return {
      [Symbol.asyncIterator]() {
        const iterator = body[Symbol.iterator]();
        return {
          async next() {
            await turn();
            return iterator.next();
          },
          async return() {
            await turn();
            return iterator.return?.() ?? { done: true, value: undefined };
          },
        };
      },
      async close() {
        await turn();
        body.close?.();
      },
    };
  });
}

export function make(kind: Kind, app: Plain): AnyApplication {
  return kind === 'sync'
    ? markSync((environ: Environ, startResponse: StartResponse) => app(environ, startResponse))
    : twin(app);
}

function isAsync(kind: Kind, _app: AnyApplication): _app is AsyncApplication {
  return kind === 'async';
}

/** One request to an application of the given kind, from beginning to end. */
export async function request(kind: Kind, app: AnyApplication, options: RequestOptions = {}): Promise<Reply> {
  const errors: string[] = [];
  const recorder = new Recorder(options);
  if (isAsync(kind, app)) {
    const transport: Transport<true> = {
      send(head, chunk, final, size) {
        try {
          recorder.take(head, chunk, final, size);
        } catch (error) {
          return Promise.reject(error);
        }
        return final === MORE ? turn() : undefined;
      },
      ...(options.sendFile && {
        async sendFile(head, _descriptor, length) {
          recorder.takeFile(head, length);
        },
      }),
      abort: () => recorder.abort(),
      done: () => recorder.done(),
    };
    runAsync(app, asyncEnviron(options, errors), transport);
    await recorder.over;
  } else {
    const transport: Transport<false> = {
      send(head, chunk, final, size) {
        recorder.take(head, chunk, final, size);
        return undefined;
      },
      ...(options.sendFile && {
        sendFile(head, _descriptor, length) {
          recorder.takeFile(head, length);
          return undefined;
        },
      }),
      abort: () => recorder.abort(),
      done: () => recorder.done(),
    };
    runSync(app, syncEnviron(options, errors), transport);
  }
  return recorder.reply(errors.join(''));
}

/** One request to a plain application inside a middleware. */
export function call(kind: Kind, wrap: Middleware, app: Plain, options: RequestOptions = {}): Promise<Reply> {
  return request(kind, wrap(make(kind, app)), options);
}

/** `200 OK` with one chunk as an array. */
export function hello(text = 'hello', headers: HeaderField[] = []): Plain {
  return (_environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain'], ...headers]);
    return [bytes(text)];
  };
}

/** `200 OK` as a generator, which begins the response late. */
export function streamed(chunks: readonly string[], headers: HeaderField[] = []): Plain {
  return function* (_environ, startResponse) {
    startResponse('200 OK', [['Content-Type', 'text/plain'], ...headers]);
    for (const chunk of chunks) yield bytes(chunk);
  };
}

/** A response with one chunk as an array. */
export function fixed(status: string, headers: HeaderField[], text: string): Plain {
  return (_environ, startResponse) => {
    startResponse(status, headers);
    return [bytes(text)];
  };
}
