import { isPromise } from 'node:util/types';
import { SyncInput } from '../engine/sync-input.ts';
import { ApplicationError } from '../interface/errors.ts';
import { markAsync } from '../interface/kind.ts';
import type { BodySource } from '../interface/transport.ts';
import type { Application, AsyncApplication, AsyncBody, Environ, StartResponse } from '../interface/types.ts';
import { fileWrapper } from '../toolbox/file-wrapper.ts';
import { body as readBody } from '../toolbox/request-body.ts';

/** A body that is here as a whole. */
class WholeBody implements BodySource<false> {
  private rest: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.rest = bytes;
  }

  read(max: number): Uint8Array | null {
    if (this.rest.byteLength === 0) return null;
    const block = this.rest.slice(0, max);
    this.rest = this.rest.subarray(block.byteLength);
    return block;
  }
}

function checkBody(result: unknown): AsyncBody {
  if (isPromise(result)) {
    result.catch(() => {});
    throw new ApplicationError('a sync application returned a promise: declare it with markAsync (B-02)');
  }
  const iterable = result as Partial<Iterable<Uint8Array>> & Partial<AsyncIterable<Uint8Array>>;
  if (typeof iterable?.[Symbol.asyncIterator] === 'function' && typeof iterable[Symbol.iterator] !== 'function') {
    throw new ApplicationError('a sync application returned an async iterable: declare it with markAsync (B-02)');
  }
  return result as AsyncBody; // anything else that is no body is refused by the engine (G-100)
}

/**
 * A sync application on the event loop, at its owner's explicit wish (B-20): its request body is collected in memory first,
 * above the limit it is answered with 413 (B-21), and its chunks are asked for as the client takes them. Whatever it blocks
 * it blocks for everybody. What it passes to `write` waits in memory.
 *
 * @param limitBody bytes
 */
export function syncHere(app: Application, limitBody: number): AsyncApplication {
  return markAsync(async (environ, startResponse) => {
    const bytes = await readBody(environ, { maxSize: limitBody });
    const { 'quaich.signal': signal, ...rest } = environ;
    const inner: Environ = Object.assign(Object.create(null), rest, {
      'wsgi.input': new SyncInput(bytes.byteLength === 0 ? null : new WholeBody(bytes)),
      'wsgi.file_wrapper': fileWrapper,
      'quaich.async': false,
      'quaich.client_disconnected': () => signal?.aborted === true,
    });
    const start: StartResponse = (status, headers, error) => {
      const write = startResponse(status, headers, error);
      return (chunk) => {
        if (signal?.aborted) throw signal.reason;
        void write(chunk); // its failure shows as the end of the request
      };
    };
    return checkBody(app(inner, start));
  });
}
