/** The helper: what only concerns applications that await. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import type { AsyncBody, HeaderField } from '../../src/index.ts';
import { markAsync } from '../../src/index.ts';
import { type BodyMapping, type Handling, middleware } from '../../src/middleware/index.ts';
import { asyncEnviron, bytes, call, hello } from './drive.ts';

const TEXT: HeaderField[] = [['Content-Type', 'text/plain']];

function handle(handling: Handling) {
  return middleware({ name: 'test', request: () => ({ ...handling, environ: undefined }) });
}

/** Gives each chunk back a turn of the event loop later. */
const slow: BodyMapping = {
  async chunk(chunk) {
    await new Promise((resolve) => setImmediate(resolve));
    return chunk;
  },
};

describe('the async convention alone', () => {
  it('keeps writes in call order, awaited or not, and before the body (B-09)', async () => {
    const delays = [3, 1, 2];
    const slow: BodyMapping = {
      async chunk(chunk) {
        for (let i = delays.shift() ?? 0; i > 0; i--) await new Promise((resolve) => setImmediate(resolve));
        return chunk;
      },
    };
    const app = markAsync(async (_environ, startResponse) => {
      const write = startResponse('200 OK', TEXT);
      const buffer = bytes('a');
      write(buffer);
      buffer.set(bytes('b')); // refilled at once
      write(buffer);
      return [bytes('c')];
    });
    const reply = await call('async', () => handle({ mapBody: () => slow })(app) as never, hello());
    expect(reply.text).toBe('abc');
  });

  it('has sent the head with the first write, also while its mapping still works (G-81)', async () => {
    const slow: BodyMapping = {
      async chunk(chunk) {
        await new Promise((resolve) => setImmediate(resolve));
        return chunk;
      },
    };
    const app = markAsync(async (_environ, startResponse) => {
      startResponse('200 OK', TEXT)(bytes('a'));
      startResponse('500 Oops', TEXT, new Error('too late'));
      return [bytes('never')];
    });
    const reply = await call('async', () => handle({ mapBody: () => slow })(app) as never, hello());
    expect(reply).toMatchObject({ code: 200, broken: true });
    expect(reply.errors).toContain('too late');
  });

  it('fails the response when the mapping of a write fails that nobody awaits (G-146)', async () => {
    const failing: BodyMapping[] = [
      { chunk: async () => Promise.reject(new Error('mapping failed')) },
      {
        chunk() {
          throw new Error('mapping failed');
        },
      },
    ];
    for (const mapping of failing) {
      const app = markAsync(async function* (_environ, startResponse) {
        const write = startResponse('200 OK', TEXT);
        write(bytes('a'));
        write(bytes('b'));
        yield bytes('c');
      });
      const reply = await call('async', () => handle({ mapBody: () => mapping })(app) as never, hello());
      expect(reply.text).not.toContain('c');
      expect(reply.errors).toContain('mapping failed');
    }
  });

  it('does not hold return() back behind a step under way (B-36)', async () => {
    const log: string[] = [];
    let finish: () => void = () => {};
    const inner: AsyncBody = {
      [Symbol.asyncIterator]: () => ({
        next: () =>
          new Promise((resolve) => {
            finish = () => resolve({ done: false, value: bytes('late') });
          }),
        async return() {
          log.push('return');
          return { done: true, value: undefined };
        },
      }),
      close: async () => void log.push('close'),
    };
    const app = handle({ mapBody: () => slow })(
      markAsync((_environ, startResponse) => {
        startResponse('200 OK', TEXT);
        return inner;
      }),
    );
    const body = (await app(asyncEnviron(), () => async () => {})) as AsyncBody & AsyncIterable<Uint8Array>;
    const iterator = body[Symbol.asyncIterator]();
    const step = iterator.next();
    await iterator.return?.();
    expect(log).toEqual(['return']);
    finish();
    expect(await step).toEqual({ done: true, value: undefined });
    await body.close?.();
    expect(log).toEqual(['return', 'close']);
  });

  it('carries a context over awaits inside the application (M-21, B-60)', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const wrap = handle({ around: (step) => context.run('here', step) });
    const app = markAsync(async function* (_environ, startResponse) {
      await null;
      seen.push(context.getStore());
      startResponse('200 OK', TEXT);
      yield bytes('a');
      await null;
      seen.push(context.getStore());
    });
    await call('async', () => wrap(app) as never, hello());
    expect(seen).toEqual(['here', 'here']);
  });

  it('calls no write after the body was handed on (A-14)', async () => {
    const log: string[] = [];
    const app = handle({ mapBody: () => slow })(
      markAsync((_environ, startResponse) => {
        const write = startResponse('200 OK', TEXT);
        write(bytes('a'));
        write(bytes('b'));
        return [bytes('c')];
      }),
    );
    await app(asyncEnviron(), () => async (chunk) => void log.push(Buffer.from(chunk).toString()));
    expect(log).toEqual(['', 'a', 'b']);
  });
});
