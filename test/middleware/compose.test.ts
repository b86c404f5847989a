import { describe, expect, it } from 'vitest';
import { ConfigurationError, kindOf } from '../../src/index.ts';
import { compose, requestId } from '../../src/middleware/index.ts';
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
