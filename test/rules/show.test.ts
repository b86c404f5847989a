import { describe, expect, test } from 'vitest';
import { describeFailure } from '../../src/pool/applications.ts';
import { describeError } from '../../src/rules/show.ts';

class HttpError extends Error {
  readonly status = 404;
}

describe('G-140 B-32 the description of what was thrown has', () => {
  test('class, message, stack and properties', () => {
    const text = describeError(Object.assign(new HttpError('gone'), { code: 'E_GONE', request: { secret: 'token' } }));
    expect(text).toMatch(/^HttpError: gone\n +at .*show\.test\.ts:\d+/);
    expect(text).toContain("with { status: 404, code: 'E_GONE', request: [Object] }");
    expect(text).not.toContain('token');
  });

  test('the message as it is now, where that is not in the stack', () => {
    const error = Object.assign(new TypeError('first'), { stack: 'TypeError: first\n    at x' });
    error.message = 'reading the settings: second';
    expect(describeError(error)).toMatch(/^TypeError: reading the settings: second\nTypeError: first\n +at x/);
    expect(describeError({ name: 'Odd', message: 'no stack', constructor: null })).toBe(
      'Odd: no stack\n    with { constructor: null }',
    );
  });

  test('the errors of an AggregateError, and the causes of all', () => {
    const first = new Error('first', { cause: 'a wire' });
    const text = describeError(new Error('outer', { cause: new AggregateError([first, { code: 7 }], 'both') }));
    expect(text.split('\n').filter((line) => !line.startsWith('  '))).toEqual([
      'Error: outer',
      'caused by: AggregateError: both',
      'one of them: Error: first',
      "caused by: thrown value: 'a wire'",
      'one of them: thrown value: { code: 7 }',
    ]);
  });

  test.each([
    [{ code: 7 }, 'thrown value: { code: 7 }'],
    [undefined, 'thrown value: undefined'],
    ['text', "thrown value: 'text'"],
  ])('G-145 a thrown value: %j', (value, text) => {
    expect(describeError(value)).toBe(text);
    expect(describeFailure(value)).toEqual({ message: text, configuration: false });
  });

  test('G-145 a limit, however much was thrown', () => {
    const all = Array.from({ length: 1000 }, () => new Error('x'.repeat(100_000)));
    const circular = new AggregateError([...all, ...all]);
    circular.cause = circular;
    expect(describeError(circular).length).toBeLessThan(200_000);
  });

  test('G-145 something, whatever throws', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const boom = {
      get() {
        throw new Error('nobody should have asked');
      },
    };
    const hidden = Object.defineProperties(new Error('hidden'), { stack: boom, cause: boom, errors: boom, code: boom });
    for (const value of [proxy, hidden, new AggregateError([proxy])]) {
      expect(describeError(value)).toMatch(/./);
      expect(describeFailure(value).configuration).toBe(false);
    }
    expect(describeError(hidden)).toContain('Error: hidden');
  });
});
