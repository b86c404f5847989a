/**
 * Programs that must compile, and programs that must not: `tsc -p tsconfig.check.json` is what runs these tests, since
 * a `@ts-expect-error` without an error below it is an error itself.
 */
import { describe, expectTypeOf, it } from 'vitest';
import {
  type Application,
  type AsyncApplication,
  type AsyncBody,
  type AsyncMiddleware,
  type Body,
  type HeaderField,
  type Kind,
  kindOf,
  type Lifespan,
  type Middleware,
  markAsync,
  markSync,
  type SyncMiddleware,
} from '../../src/interface/index.ts';
import { compose, compress } from '../../src/middleware/index.ts';
import { cookies } from '../../src/toolbox/index.ts';
import { validator } from '../../src/validate/index.ts';

declare const bytes: Uint8Array;
declare const head: [string, [string, string][]];
declare const later: Promise<Uint8Array>;

/** Types only: what is given here is never run. */
function compiled(..._programs: unknown[]): void {}

describe('sync applications', () => {
  it('U-54 right ones compile: an array, a generator, any iterable, with and without close', () => {
    const array: Application = (_environ, startResponse) => {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return [bytes, Buffer.from('x')];
    };
    const generator: Application = function* (_environ, startResponse) {
      startResponse('200 OK', []);
      yield bytes;
    };
    const closable: Application = (_environ, startResponse) => {
      const write = startResponse(...head, new TypeError('x'));
      expectTypeOf(write(bytes)).toEqualTypeOf<void>();
      return { *[Symbol.iterator]() {}, close() {} };
    };
    const indifferent: Application = () => new Set([bytes]);
    compiled(array, generator, closable, indifferent);
    expectTypeOf(kindOf(array)).toEqualTypeOf<Kind>();
  });

  it('A-02 the result is a body', () => {
    // @ts-expect-error a string iterates, but over characters
    const text: Application = () => 'text';
    // @ts-expect-error bytes iterate, but over numbers
    const bare: Application = () => bytes;
    // @ts-expect-error nothing
    const nothing: Application = () => {};
    // @ts-expect-error null
    const none: Application = () => null;
    // @ts-expect-error chunks are bytes
    const strings: Application = () => ['text'];
    // @ts-expect-error chunks are bytes
    const yielding: Application = function* () {
      yield 'text';
    };
    // @ts-expect-error an ArrayBuffer is no Uint8Array
    const buffers: Application = () => [new ArrayBuffer(1)];
    // @ts-expect-error close is a method
    const closing: Application = () => Object.assign([bytes], { close: 5 });
    compiled(text, bare, nothing, none, strings, yielding, buffers, closing);
  });

  it('A-23 there are no promises', () => {
    // @ts-expect-error a promise
    const promise: Application = async () => [bytes];
    // @ts-expect-error an async generator
    const generator: Application = async function* () {
      yield bytes;
    };
    // @ts-expect-error chunks that are promises
    const chunks: Application = () => [later];
    compiled(promise, generator, chunks);
  });

  it('A-07 startResponse takes a string, pairs of strings and an Error', () => {
    const app: Application = (_environ, startResponse) => {
      // @ts-expect-error a number
      startResponse(200, []);
      // @ts-expect-error no headers
      startResponse('200 OK');
      // @ts-expect-error an object
      startResponse('200 OK', { 'Content-Type': 'text/plain' });
      // @ts-expect-error a Headers
      startResponse('200 OK', new Headers());
      // @ts-expect-error a value that is a number
      startResponse('200 OK', [['Content-Length', 5]]);
      // @ts-expect-error a header without value
      startResponse('200 OK', [['X']]);
      // @ts-expect-error a header of three
      startResponse('200 OK', [['X', '1', '2']]);
      // @ts-expect-error text
      startResponse('200 OK', [])('text');
      // @ts-expect-error write has no members
      startResponse('200 OK', []).flush();
      return [];
    };
    compiled(app);
  });

  it('U-61 startResponse takes lists that nobody may change, and what was caught', () => {
    const plain = [['Content-Type', 'text/plain']] as const;
    const frozen: readonly HeaderField[] = [['Content-Type', 'text/plain']];
    const typed: HeaderField[] = [['Content-Type', 'text/plain']];
    const app: Application = (_environ, startResponse) => {
      try {
        startResponse('200 OK', plain);
        startResponse('200 OK', frozen);
        startResponse('200 OK', typed);
        startResponse('200 OK', [...plain, ...typed, ['X-A', '1']]);
        // @ts-expect-error a header of three, in a list that nobody may change
        startResponse('200 OK', [['X', '1', '2']] as const);
      } catch (error) {
        startResponse('500 Internal Server Error', [], error);
      }
      return [bytes];
    };
    const later: AsyncApplication = async (_environ, startResponse) => {
      startResponse('200 OK', plain);
      await Promise.resolve().catch((error: unknown) => startResponse('500 Internal Server Error', [], error));
      return [bytes];
    };
    compiled(app, later);
  });

  it('A-18 environ has its keys, with their types', () => {
    const app: Application = (environ) => {
      expectTypeOf(environ.REQUEST_METHOD).toEqualTypeOf<string>();
      expectTypeOf(environ.CONTENT_LENGTH).toEqualTypeOf<string | undefined>();
      expectTypeOf(environ.HTTP_X_ANYTHING).toEqualTypeOf<string | undefined>();
      expectTypeOf(environ['wsgi.url_scheme']).toEqualTypeOf<'http' | 'https'>();
      expectTypeOf(environ['wsgi.version']).toEqualTypeOf<readonly [1, 0]>();
      expectTypeOf(environ['quaich.async']).toEqualTypeOf<false>();
      expectTypeOf(environ['my.key']).toEqualTypeOf<unknown>();
      expectTypeOf(environ['wsgi.input'].read(5)).toEqualTypeOf<Uint8Array>();
      expectTypeOf(environ['wsgi.input'].readlines()).toEqualTypeOf<Uint8Array[]>();
      for (const line of environ['wsgi.input']) expectTypeOf(line).toEqualTypeOf<Uint8Array>();
      environ['my.key'] = 5;
      delete environ['my.key'];
      environ['wsgi.errors'].write('text');
      // @ts-expect-error an optional variable needs a fallback
      environ.CONTENT_LENGTH.length;
      // @ts-expect-error a misspelt key is no string
      environ.REQUEST_METHD.toLowerCase();
      // @ts-expect-error a CGI variable is a string
      environ.SERVER_PORT = 80;
      // @ts-expect-error the input has no such member (A-11)
      environ['wsgi.input'].close();
      // @ts-expect-error nor the error stream
      environ['wsgi.errors'].end();
      // @ts-expect-error the error stream takes text
      environ['wsgi.errors'].write(bytes);
      // @ts-expect-error a size is a number
      environ['wsgi.input'].read('5');
      // @ts-expect-error sync input gives no promises
      environ['wsgi.input'].read(5).then();
      // @ts-expect-error sync input has no chunks
      environ['wsgi.input'].chunks();
      // @ts-expect-error the wrapper may be missing
      return environ['wsgi.file_wrapper']({ read: () => bytes });
    };
    compiled(app);
  });
});

describe('async applications', () => {
  it('U-54 right ones compile: async generators, promises of bodies, plain iterables', () => {
    const generator: AsyncApplication = async function* (environ, startResponse) {
      startResponse('200 OK', []);
      for await (const block of environ['wsgi.input'].chunks()) yield block;
    };
    const promise: AsyncApplication = async (_environ, startResponse) => {
      expectTypeOf(startResponse(...head)(bytes)).toEqualTypeOf<Promise<void>>();
      return [bytes];
    };
    const plain: AsyncApplication = () => [bytes];
    const closable: AsyncApplication = () => ({ async *[Symbol.asyncIterator]() {}, async close() {} });
    compiled(generator, promise, plain, closable);
  });

  it('A-02 the result is a body, or a promise of one', () => {
    // @ts-expect-error a promise of text
    const text: AsyncApplication = async () => 'text';
    // @ts-expect-error a promise of nothing
    const nothing: AsyncApplication = async () => {};
    // @ts-expect-error chunks are bytes
    const yielding: AsyncApplication = async function* () {
      yield 'text';
    };
    // @ts-expect-error a plain iterable yields no promises (B-06)
    const chunks: AsyncApplication = () => [later];
    compiled(text, nothing, yielding, chunks);
  });

  it('B-10 environ is that of the convention', () => {
    const app: AsyncApplication = async (environ) => {
      expectTypeOf(environ['quaich.async']).toEqualTypeOf<true>();
      expectTypeOf(environ['quaich.signal']).toEqualTypeOf<AbortSignal | undefined>();
      expectTypeOf(environ['wsgi.input'].read()).toEqualTypeOf<Promise<Uint8Array>>();
      expectTypeOf(environ['wsgi.input'].stream()).toEqualTypeOf<ReadableStream<Uint8Array>>();
      // @ts-expect-error a promise is not the bytes
      environ['wsgi.input'].read().byteLength;
      // @ts-expect-error async input does not iterate synchronously
      for (const _ of environ['wsgi.input']);
      return [];
    };
    compiled(app);
  });

  it('B-01 marks are given to applications of that kind', () => {
    const sync: Application = () => [bytes];
    const async: AsyncApplication = async () => [bytes];
    expectTypeOf(markSync(sync)).toEqualTypeOf<Application>();
    expectTypeOf(markAsync(async)).toEqualTypeOf<AsyncApplication>();
    // @ts-expect-error the other kind
    markSync(async);
    // @ts-expect-error an application of the sync environ
    markAsync(sync);
    compiled(sync, async);
  });

  it('M-18 an application of one kind is not one of the other', () => {
    expectTypeOf<Application>().not.toExtend<AsyncApplication>();
    expectTypeOf<AsyncApplication>().not.toExtend<Application>();
    expectTypeOf<Body>().toExtend<AsyncBody>();
    expectTypeOf<AsyncBody>().not.toExtend<Body>();
  });
});

describe('middleware', () => {
  it('U-54 right middleware compiles', () => {
    const upper: SyncMiddleware = (app) => (environ, startResponse) => {
      const body = app(environ, (status, headers, error) => {
        const write = startResponse(status, [...headers, ['X-A', '1']], error);
        return (chunk) => write(chunk);
      });
      return {
        *[Symbol.iterator]() {
          yield* body;
        },
        close: () => body.close?.(),
      };
    };
    const later: AsyncMiddleware = (app) => async (environ, startResponse) => app({ ...environ }, startResponse);
    const both: Middleware = validator;
    expectTypeOf(
      both((_environ, startResponse) => {
        startResponse(...head);
        return [bytes];
      }),
    ).toEqualTypeOf<Application>();
    expectTypeOf(both(async () => [bytes])).toEqualTypeOf<AsyncApplication>();
    compiled(upper, later);
  });

  it('U-61 an application may be written where middleware takes it, in either convention', () => {
    const wrap: Middleware = compose([compress(), validator]);
    const plain = wrap((environ, startResponse) => {
      expectTypeOf(environ['wsgi.input'].read(5)).toEqualTypeOf<Uint8Array>();
      expectTypeOf(environ.HTTP_ACCEPT).toEqualTypeOf<string | undefined>();
      startResponse('200 OK', [['Content-Type', 'text/plain']])(bytes);
      return [bytes];
    });
    const generator = compress()(function* (_environ, startResponse) {
      startResponse('200 OK', []);
      yield bytes;
    });
    const promise = wrap(async (environ, startResponse) => {
      expectTypeOf(await environ['wsgi.input'].read(5)).toEqualTypeOf<Uint8Array>();
      expectTypeOf(environ['quaich.signal']).toEqualTypeOf<AbortSignal | undefined>();
      const write = startResponse('200 OK', [['Content-Type', 'text/plain']]);
      await write(bytes);
      return [bytes];
    });
    const later = validator(async function* (environ, startResponse) {
      startResponse('200 OK', []);
      for await (const block of environ['wsgi.input'].chunks()) yield block;
    });
    expectTypeOf(plain).toEqualTypeOf<Application>();
    expectTypeOf(generator).toEqualTypeOf<Application>();
    expectTypeOf(promise).toEqualTypeOf<AsyncApplication>();
    expectTypeOf(later).toEqualTypeOf<AsyncApplication>();
    compiled(
      // It goes on to an application of either convention.
      wrap((environ, startResponse) => plain(environ, startResponse)),
      wrap(async (environ, startResponse) => promise(environ, startResponse)),
    );
  });

  it('U-61 the cookies of an environ are read, of either convention and in place', () => {
    const sync: Application = (environ) => [Buffer.from(cookies(environ).id ?? '')];
    const later: AsyncApplication = async (environ) => [Buffer.from(cookies(environ).id ?? '')];
    compiled(
      sync,
      later,
      compress()(async (environ) => [Buffer.from(cookies(environ).id ?? '')]),
    );
  });

  it('U-61 M-18 what middleware gives is of the kind of what it was given', () => {
    const sync: Application = () => [bytes];
    const async: AsyncApplication = async () => [bytes];
    const either = [sync, async][0];
    expectTypeOf(compress()(sync)).toEqualTypeOf<Application>();
    expectTypeOf(compress()(async)).toEqualTypeOf<AsyncApplication>();
    expectTypeOf(compress()(either)).toEqualTypeOf<Application | AsyncApplication>();
    compiled(
      // @ts-expect-error no application
      () => compress()({}),
      // @ts-expect-error a middleware
      () => compress()(compress()),
      // @ts-expect-error not a list
      () => compose(compress()),
      // @ts-expect-error text is no body
      () => compress()(() => 'text'),
    );
  });

  it('M-05 what replaces startResponse returns a write', () => {
    const silent: SyncMiddleware = (app) => (environ, startResponse) =>
      // @ts-expect-error nothing is returned
      app(environ, (status, headers) => {
        startResponse(status, headers);
      });
    compiled(silent);
  });

  it('M-18 middleware of one convention takes no application of the other', () => {
    const sync: SyncMiddleware = (app) => app;
    // @ts-expect-error an async application
    sync(async () => [bytes]);
    // @ts-expect-error an async application is called with an async environ
    const wrong: SyncMiddleware = (app) => async (environ, startResponse) => app(environ, startResponse);
    // @ts-expect-error middleware for one convention is not middleware for both
    const both: Middleware = sync;
    compiled(wrong, both);
  });
});

describe('lifespan', () => {
  it('L-01 hooks are optional and may be async', () => {
    const app: Application = Object.assign((() => [bytes]) satisfies Application, {
      async startup(state: Record<string, unknown>) {
        state.ready = true;
      },
      shutdown() {},
    });
    expectTypeOf(app.startup).toExtend<Lifespan['startup']>();
    // @ts-expect-error a hook is a function
    const wrong: Lifespan = { startup: 5 };
    // @ts-expect-error the state is an object
    const number: Lifespan = { startup: (state: number) => void state };
    compiled(app, wrong, number);
  });
});
