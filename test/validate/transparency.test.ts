import { closeSync, openSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runAsync } from '../../src/engine/run-async.ts';
import type { Application, AsyncApplication } from '../../src/interface/index.ts';
import { ClientDisconnected, kindOf } from '../../src/interface/index.ts';
import { validator } from '../../src/validate/index.ts';
import { asyncApplication, plans, syncApplication, type Trace } from './plans.ts';
import { asyncEnviron, bytes, MemoryErrors, runAsyncly, runSyncly } from './transport.ts';

/** Middleware that keeps the rules: adds a header and a letter to each chunk. */
function adding(app: Application): Application {
  return (environ, startResponse) => {
    const map = (chunk: Uint8Array) => (chunk.byteLength === 0 ? chunk : Buffer.concat([chunk, bytes('+')]));
    const body = app(environ, (status, headers, error) => {
      const write = startResponse(
        status,
        [...headers.filter(([name]) => name !== 'content-length'), ['X-Added', '1']],
        error,
      );
      return (chunk) => write(map(chunk));
    });
    return {
      *[Symbol.iterator]() {
        for (const chunk of body) yield map(chunk);
      },
      close: () => body.close?.(),
    };
  };
}

function addingLater(app: AsyncApplication): AsyncApplication {
  return async (environ, startResponse) => {
    const map = (chunk: Uint8Array) => (chunk.byteLength === 0 ? chunk : Buffer.concat([chunk, bytes('+')]));
    const body = await app(environ, (status, headers, error) => {
      const write = startResponse(
        status,
        [...headers.filter(([name]) => name !== 'content-length'), ['X-Added', '1']],
        error,
      );
      return (chunk) => write(map(chunk));
    });
    return {
      async *[Symbol.asyncIterator]() {
        for await (const chunk of body) yield map(chunk);
      },
      close: () => body.close?.(),
    };
  };
}

/** How validators and middleware are put around an application; `check` is the validator, or nothing at all. */
type Wrap<A> = (app: A, check: (app: A) => A) => A;
const syncWraps: Wrap<Application>[] = [
  (app, check) => check(app),
  (app, check) => check(check(app)),
  (app, check) => check(adding(check(app))),
  (app, check) => check(adding(check(adding(check(app))))),
];
const asyncWraps: Wrap<AsyncApplication>[] = [
  (app, check) => check(app),
  (app, check) => check(check(app)),
  (app, check) => check(addingLater(check(app))),
  (app, check) => check(addingLater(check(addingLater(check(app))))),
];

const modes = fc.record({ compareChunks: fc.boolean(), strictProperties: fc.boolean() });

/** Errors without their stacks, which go through the validator. */
const withoutStacks = (errors: string) => errors.replace(/\n +at .*/g, '');

describe('the validator changes nothing for a correct pair (V-138)', () => {
  it('V-138 sync: head, sends, errors and the use of the body are the same', { timeout: 30_000 }, () => {
    fc.assert(
      fc.property(plans, modes, fc.constantFrom(...syncWraps), (plan, mode, wrap) => {
        const run = (check: (app: Application) => Application) => {
          const trace: Trace = [];
          const outcome = runSyncly(wrap(syncApplication(plan, trace), check), plan.method, plan.body, plan.goneAt);
          return { ...outcome, errors: withoutStacks(outcome.errors), trace };
        };
        expect(run((app) => validator(app, { warn: () => {}, ...mode }))).toEqual(run((app) => app));
        expect(validator.unclosed()).toEqual([]);
      }),
      { numRuns: 600 },
    );
  });

  it('V-138 async: head, sends, errors and the use of the body are the same', { timeout: 30_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(plans, modes, fc.constantFrom(...asyncWraps), async (plan, mode, wrap) => {
        const run = async (check: (app: AsyncApplication) => AsyncApplication) => {
          const trace: Trace = [];
          const app = wrap(asyncApplication(plan, trace), check);
          const outcome = await runAsyncly(app, plan.method, plan.body, plan.goneAt);
          return { ...outcome, errors: withoutStacks(outcome.errors), trace };
        };
        const checked = await run((app) => validator(app, { kind: 'async', warn: () => {}, ...mode }));
        expect(checked).toEqual(await run((app) => app));
        expect(validator.unclosed()).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  it('V-138 B-36 a disconnect during a step that waits is no violation', async () => {
    const errors = new MemoryErrors();
    const order: string[] = [];
    const warned: string[] = [];
    const app: AsyncApplication = async (environ, startResponse) => {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      const signal = environ['quaich.signal']!;
      return {
        async *[Symbol.asyncIterator]() {
          try {
            yield bytes('first');
            await new Promise((resolve) => signal.addEventListener('abort', resolve));
            order.push('aborted');
            yield bytes('second');
          } finally {
            order.push('finally');
          }
        },
        async close() {
          order.push('close');
        },
      };
    };
    await new Promise<void>((resolve) => {
      const running = runAsync(
        validator(app, { warn: ({ row }) => warned.push(row), compareChunks: true }),
        asyncEnviron('GET', errors),
        {
          send() {
            setImmediate(() => running?.disconnect(new ClientDisconnected()));
            return undefined;
          },
          abort() {},
          done: resolve,
        },
      );
    });
    expect(order).toEqual(['aborted', 'finally', 'close']);
    expect(errors.text).toBe('');
    expect(warned).toEqual([]);
    expect(validator.unclosed()).toEqual([]);
  });

  it('V-138 G-123 an array of one chunk still gets its Content-Length and one send', () => {
    const app: Application = (_environ, startResponse) => {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return [bytes('hello')];
    };
    const outcome = runSyncly(validator(validator(app)));
    expect(outcome.head?.length).toBe(5);
    expect(outcome.sends).toEqual([['hello', true]]);
  });

  it('V-138 M-16 a file wrapper reaches the server as the very object', async () => {
    const file = openSync(new URL(import.meta.url), 'r');
    try {
      const app: Application = (environ, startResponse) => {
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        return environ['wsgi.file_wrapper']!({ fd: file, read: () => bytes('') });
      };
      expect(runSyncly(validator(validator(app))).files).toEqual([[file, -1]]);
      const later: AsyncApplication = async (environ, startResponse) => {
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        return environ['wsgi.file_wrapper']!({ fd: file, read: () => bytes('') });
      };
      expect((await runAsyncly(validator(later))).files).toEqual([[file, -1]]);
    } finally {
      closeSync(file);
    }
  });

  it('B-03 L-14 kind and lifespan hooks stay', () => {
    const order: unknown[] = [];
    const app = Object.assign(
      ((_environ, startResponse) => {
        startResponse('204 No Content', []);
        return [];
      }) satisfies Application,
      {
        startup(this: unknown, state: Record<string, unknown>) {
          order.push(this === app, state);
        },
      },
    );
    const checked = validator(app);
    const state = {};
    checked.startup?.(state);
    expect(order).toEqual([true, state]);
    expect(checked.shutdown).toBeUndefined();
    expect(validator(app).startup).toBe(checked.startup);
    expect(kindOf(checked)).toBe('sync');
    expect(kindOf(validator(async () => []))).toBe('async');
    expect(kindOf(validator(app as unknown as AsyncApplication, { kind: 'async' }))).toBe('async');
  });
});
