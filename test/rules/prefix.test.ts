import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/interface/index.ts';
import { mount } from '../../src/middleware/index.ts';
import { assertDistinct, nativePrefix } from '../../src/rules/prefix.ts';

describe('G-11 a mount prefix', () => {
  it.each(['app', '/a?b', '/a#b', '/a//b', '/a\n'])(
    'is refused in the same words wherever it is given: %j',
    (prefix) => {
      expect(() => nativePrefix(prefix)).toThrow(ConfigurationError);
      expect(() => nativePrefix(prefix)).toThrow(/^prefix "/);
      expect(() => mount({ [prefix]: () => [] })).toThrow(/^prefix "/);
    },
  );

  it('that is given twice is refused in the same words, as text', () => {
    const twice = 'two applications are mounted at "/café"';
    const app = () => [];
    expect(() => assertDistinct(['', nativePrefix('/café'), nativePrefix('/café/')])).toThrow(twice);
    expect(() => mount({ '/café': app, '/café/': app })).toThrow(twice);
    expect(() => assertDistinct(['', nativePrefix('/café'), nativePrefix('/caf')])).not.toThrow();
  });
});
