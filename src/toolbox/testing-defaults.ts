import { guessScheme } from '../environ/request-uri.ts';
import { VERSION } from '../environ/variables.ts';
import type { AsyncEnviron, AsyncInputStream, Environ, InputStream } from '../interface/types.ts';
import { defaultPort } from '../rules/grammar.ts';
import { MemoryErrorStream } from './memory-error-stream.ts';

function noBytes(): Uint8Array {
  return new Uint8Array(0);
}

/** A request body without a byte (G-53). */
class EmptyInput implements InputStream {
  read(): Uint8Array {
    return noBytes();
  }

  readline(): Uint8Array {
    return noBytes();
  }

  readlines(): Uint8Array[] {
    return [];
  }

  *[Symbol.iterator](): Generator<Uint8Array, void, undefined> {}
}

/** As `EmptyInput`, for the async convention. */
class EmptyAsyncInput implements AsyncInputStream {
  async read(): Promise<Uint8Array> {
    return noBytes();
  }

  async readline(): Promise<Uint8Array> {
    return noBytes();
  }

  async readlines(): Promise<Uint8Array[]> {
    return [];
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {}

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {}

  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({ start: (controller) => controller.close() });
  }
}

function setDefaults(environ: Record<string, unknown>, async: boolean): void {
  environ.SERVER_NAME ??= '127.0.0.1';
  environ.SERVER_PROTOCOL ??= 'HTTP/1.0';
  environ.HTTP_HOST ??= environ.SERVER_NAME;
  environ.REQUEST_METHOD ??= 'GET';
  if (environ.SCRIPT_NAME === undefined && environ.PATH_INFO === undefined) {
    environ.SCRIPT_NAME = '';
    environ.PATH_INFO = '/';
  }
  environ['wsgi.version'] ??= VERSION;
  environ['wsgi.run_once'] ??= false;
  environ['wsgi.multithread'] ??= false;
  environ['wsgi.multiprocess'] ??= false;
  environ['wsgi.input'] ??= async ? new EmptyAsyncInput() : new EmptyInput();
  environ['wsgi.errors'] ??= new MemoryErrorStream();
  environ['wsgi.url_scheme'] ??= guessScheme({ HTTPS: String(environ.HTTPS) });
  environ.SERVER_PORT ??= defaultPort(String(environ['wsgi.url_scheme']));
  environ['quaich.async'] ??= async;
}

/**
 * Fills an environ with what a test needs at least (U-07): a GET of `/` at 127.0.0.1 with an empty body. Only what is
 * missing is set. `wsgi.errors` is a `MemoryErrorStream`.
 *
 * @returns the same object, as an Environ
 */
export function setupTestingDefaults<E extends Partial<Environ>>(environ: E): E & Environ {
  setDefaults(environ, false);
  return environ as E & Environ; // all that was missing is set
}

/** As `setupTestingDefaults`, for the async convention: `wsgi.input` gives promises, `quaich.async` is true (U-07). */
export function setupAsyncTestingDefaults<E extends Partial<AsyncEnviron>>(environ: E): E & AsyncEnviron {
  setDefaults(environ, true);
  return environ as E & AsyncEnviron; // as above
}
