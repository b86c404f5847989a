import { closeSync, openSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runAsync } from '../../src/engine/index.ts';
import type { Application, AsyncApplication, AsyncBody, Body, HeaderField } from '../../src/interface/index.ts';
import { ClientDisconnected, kindOf } from '../../src/interface/index.ts';
import { validator } from '../../src/validate/index.ts';
import { asyncEnviron, bytes, MemoryErrors, runAsyncly, runSyncly } from './transport.ts';

/** An application, as data. */
interface Plan {
  method: string;
  code: number;
  /** Whether Content-Length is given. */
  length: boolean;
  written: string[];
  chunks: string[];
  form: 'array' | 'closable array' | 'iterable' | 'generator' | 'both';
  /** `startResponse` is called by the first step, where the form allows it. */
  late: boolean;
  /** The head is replaced because of an error before it is sent. */
  replaced: boolean;
  /** The step with this number throws; -1 for none. */
  throws: number;
  /** `close` throws. */
  closeThrows: boolean;
  /** The async application returns a promise. */
  promised: boolean;
  read: number | null;
  body: string[];
  /** The send that finds the client gone. */
  goneAt: number;
}

const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '\xff'), maxLength: 6 });
const plans: fc.Arbitrary<Plan> = fc
  .record({
    method: fc.constantFrom('GET', 'GET', 'GET', 'POST', 'HEAD'),
    code: fc.constantFrom(200, 200, 200, 201, 204, 302, 304, 404),
    length: fc.boolean(),
    written: fc.oneof({ weight: 3, arbitrary: fc.constant<string[]>([]) }, fc.array(text, { maxLength: 2 })),
    chunks: fc.array(fc.oneof({ weight: 4, arbitrary: text }, fc.constant('x'.repeat(9000))), { maxLength: 4 }),
    form: fc.constantFrom(
      'array' as const,
      'closable array' as const,
      'iterable' as const,
      'generator' as const,
      'both' as const,
    ),
    late: fc.boolean(),
    replaced: fc.boolean(),
    throws: fc.constantFrom(-1, -1, -1, 0, 1),
    closeThrows: fc.constantFrom(false, false, false, true),
    promised: fc.boolean(),
    read: fc.option(fc.integer({ min: 0, max: 8 })),
    body: fc.array(text, { maxLength: 3 }),
    goneAt: fc.constantFrom(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0, 1),
  })
  .map((plan) => {
    // What remains is an application that keeps the rules.
    const bodiless = plan.code === 204 || plan.code === 304;
    return {
      ...plan,
      written: bodiless ? [] : plan.written,
      chunks: bodiless ? plan.chunks.map(() => '') : plan.chunks,
      late: plan.late && plan.written.length === 0 && !plan.form.includes('array'),
      throws: plan.form.includes('array') ? -1 : plan.throws,
    };
  });

function headOf(plan: Plan): [string, HeaderField[]] {
  const headers: HeaderField[] = [['X-A', '1']];
  if (plan.code !== 204 && plan.code !== 304) headers.push(['Content-Type', 'text/plain']);
  const size = [...plan.written, ...plan.chunks].join('').length;
  if (plan.length && plan.code !== 204) headers.push(['content-length', String(size)]);
  return [`${plan.code} Reason`, headers];
}

/** What happened to the body, in order. */
type Trace = string[];

function iteratorOf(plan: Plan, trace: Trace, first: () => void) {
  let at = -1;
  return {
    next(): IteratorResult<Uint8Array> {
      at++;
      trace.push('next');
      if (at === 0) first();
      if (at === plan.throws) throw new Error(`step ${at}`);
      if (at >= plan.chunks.length) return { done: true, value: undefined };
      return { done: false, value: bytes(plan.chunks[at]) };
    },
    return(): IteratorResult<Uint8Array> {
      trace.push('return');
      return { done: true, value: undefined };
    },
  };
}

function close(plan: Plan, trace: Trace): void {
  trace.push('close');
  if (plan.closeThrows) throw new Error('in close');
}

function syncBody(plan: Plan, trace: Trace, first: () => void): Body {
  const chunks = plan.chunks.map(bytes);
  switch (plan.form) {
    case 'array':
      return chunks;
    case 'closable array':
      return Object.assign(chunks, { close: () => close(plan, trace) });
    case 'generator':
      return (function* () {
        const iterator = iteratorOf(plan, trace, first);
        try {
          yield* { [Symbol.iterator]: () => iterator };
        } finally {
          trace.push('finally');
        }
      })();
    default:
      return { [Symbol.iterator]: () => iteratorOf(plan, trace, first), close: () => close(plan, trace) };
  }
}

function asyncBody(plan: Plan, trace: Trace, first: () => void): AsyncBody {
  if (plan.form.includes('array') || plan.form === 'both') {
    const body = syncBody(plan, trace, first);
    if (plan.form !== 'both') return body;
    return Object.assign(body, { [Symbol.asyncIterator]: () => asyncSteps(iteratorOf(plan, trace, first)) });
  }
  if (plan.form === 'generator') {
    return (async function* () {
      const iterator = iteratorOf(plan, trace, first);
      try {
        for (let step = iterator.next(); !step.done; step = iterator.next()) {
          await null;
          yield step.value;
        }
      } finally {
        trace.push('finally');
      }
    })();
  }
  return {
    [Symbol.asyncIterator]: () => asyncSteps(iteratorOf(plan, trace, first)),
    close: async () => close(plan, trace),
  };
}

function asyncSteps(iterator: ReturnType<typeof iteratorOf>): AsyncIterator<Uint8Array> {
  return { next: async () => iterator.next(), return: async () => iterator.return() };
}

function syncApplication(plan: Plan, trace: Trace): Application {
  return (environ, startResponse) => {
    const begin = () => {
      if (plan.replaced)
        startResponse('200 OK', [
          ['Content-Type', 'text/plain'],
          ['X-Old', '1'],
        ]);
      const [status, headers] = headOf(plan);
      const write = startResponse(status, headers, plan.replaced ? new Error('replaced') : undefined);
      for (const chunk of plan.written) write(bytes(chunk));
      const { read } = plan;
      trace.push(Buffer.from(environ['wsgi.input'].read(read)).toString('latin1'));
    };
    if (!plan.late) begin();
    return syncBody(plan, trace, plan.late ? begin : () => {});
  };
}

function asyncApplication(plan: Plan, trace: Trace): AsyncApplication {
  return (environ, startResponse) => {
    const written: Promise<void>[] = [];
    const begin = () => {
      if (plan.replaced)
        startResponse('200 OK', [
          ['Content-Type', 'text/plain'],
          ['X-Old', '1'],
        ]);
      const [status, headers] = headOf(plan);
      const write = startResponse(status, headers, plan.replaced ? new Error('replaced') : undefined);
      for (const chunk of plan.written) written.push(write(bytes(chunk)));
    };
    const make = () => {
      if (!plan.late) begin();
      return asyncBody(plan, trace, plan.late ? begin : () => {});
    };
    if (!plan.promised && plan.written.length === 0) return make();
    return (async () => {
      trace.push(Buffer.from(await environ['wsgi.input'].read(plan.read)).toString('latin1'));
      const body = make();
      await Promise.all(written);
      return body;
    })();
  };
}

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
