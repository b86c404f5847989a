import { describe, expect, it } from 'vitest';
import { toFetchHandler } from '../../src/hosts/index.ts';
import { ConfigurationError, kindOf } from '../../src/index.ts';
import { compose, requestId } from '../../src/middleware/index.ts';
import { testClient } from '../../src/testing/index.ts';
import { call, hello, KINDS, make } from './drive.ts';

describe.each(KINDS)('compose in the %s convention', (kind) => {
  it('applies the first member outermost, and keeps the kind (B-03)', async () => {
    const layer = (id: string) => requestId({ header: 'X-Order', generate: () => id });
    const wrap = compose([layer('outer'), layer('inner')]);
    const app = wrap(make(kind, hello()));
    expect(kindOf(app)).toBe(kind);
    // The last to set the field is the outermost.
    expect((await call(kind, wrap, hello())).field('X-Order')).toBe('outer');
  });

  it('of nothing is the application itself', () => {
    const app = make(kind, hello());
    expect(compose([])(app)).toBe(app);
  });
});

it('compose refuses what is no middleware', () => {
  expect(() => compose([requestId(), {} as never])).toThrow(ConfigurationError);
});

describe('M-30 before the first request is refused', () => {
  it('one middleware in the place of a list', () => {
    expect(() => compose(requestId() as never)).toThrow(
      'compose takes a list of middleware, compose([compress()])(app), and got a function (M-30)',
    );
  });

  it.each(KINDS)('an application of the %s convention among the middleware', (kind) => {
    const app =
      kind === 'sync' ? function* () {} : async () => Promise.reject(new TypeError('startResponse is missing'));
    const wrap = compose([requestId(), app as never]);
    expect(() => wrap(make(kind, hello()))).toThrow(/^compose: member 1 gave a \w+, .*compose\(\[\.{3}\]\)\(app\)/);
  });

  it.each<[string, () => unknown]>([
    ['requestId', () => requestId()(requestId() as never)],
    ['compose', () => compose([requestId()])(requestId() as never)],
    ['compose', () => compose([])(compose([]) as never)],
    ['a test client', () => testClient(compose([requestId()]) as never)],
    ['a mount', () => toFetchHandler(requestId() as never)],
  ])('by %s, a middleware that was given no application', (_name, wrong) => {
    expect(wrong).toThrow(ConfigurationError);
    expect(wrong).toThrow('a middleware without an application');
  });

  it('what is wrapped keeps no mark of a middleware', () => {
    const app = compose([requestId()])(make('sync', hello()));
    expect(() => compose([requestId()])(app)).not.toThrow();
  });
});
