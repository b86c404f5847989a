/**
 * One table of applications and of what every gateway must make of them (G-181). Each is written in the sync
 * convention; `ASYNC_FORMS` makes async applications of it in three ways, so that all rows run in both conventions
 * (B-14).
 */
import type { Application, AsyncApplication, Body, StartResponse } from '../../src/interface/types.ts';
import { BODIES } from './applications/bodies.ts';
import { FAILURES } from './applications/failures.ts';
import { HEADS } from './applications/heads.ts';
import { HOSTILE } from './applications/hostile.ts';
import { LENGTHS } from './applications/lengths.ts';
import type { ApplicationCase } from './applications/parts.ts';

export { type ApplicationCase, bytes, type Trace, tracedBody } from './applications/parts.ts';

export const APPLICATIONS: readonly ApplicationCase[] = [...HEADS, ...BODIES, ...LENGTHS, ...FAILURES, ...HOSTILE];

/** A body as an async iterable, step for step, with `return` and `close` handed on. */
function asyncBody(body: Body): AsyncIterable<Uint8Array> & { close?(): Promise<void> } {
  const wrapped: AsyncIterable<Uint8Array> & { close?(): Promise<void> } = {
    [Symbol.asyncIterator]() {
      const iterator = body[Symbol.iterator]();
      return {
        next: async () => iterator.next(),
        ...(typeof iterator.return === 'function' ? { return: async () => iterator.return!() } : {}),
      };
    },
  };
  if (typeof body.close === 'function') wrapped.close = async () => body.close!();
  return wrapped;
}

const isStream = (body: Body): boolean =>
  typeof body === 'object' &&
  body !== null &&
  !Array.isArray(body) &&
  !ArrayBuffer.isView(body) &&
  typeof body[Symbol.iterator] === 'function';

/** The ways in which an application of the table is an async one (B-06). */
export const ASYNC_FORMS: { form: string; make: (app: Application) => AsyncApplication }[] = [
  { form: 'plain result', make: (app) => app as unknown as AsyncApplication },
  {
    form: 'promise',
    make: (app) => async (environ, startResponse) => {
      await null;
      return app(environ as never, startResponse as unknown as StartResponse);
    },
  },
  {
    form: 'async iterable',
    make: (app) => (environ, startResponse) => {
      const body = app(environ as never, startResponse as unknown as StartResponse);
      return isStream(body) ? asyncBody(body) : body;
    },
  },
];
