import { describe, expect, it } from 'vitest';
import { checkHead } from '../../src/engine/response-head.ts';
import type { Application } from '../../src/interface/index.ts';
import { middleware } from '../../src/middleware/index.ts';
import { wordsOf } from '../../src/rules/fault.ts';
import { checkFields, checkStatus, headError } from '../../src/rules/head.ts';
import { setupTestingDefaults } from '../../src/toolbox/index.ts';
import { ValidationError, validator } from '../../src/validate/index.ts';

/** Arguments of `startResponse` that break one rule each. */
const BROKEN: [title: string, status: unknown, headers: unknown][] = [
  ['G-88 the status is no string', 200, []],
  ['G-88 no three digits', 'OK', []],
  ['G-88 no number', '2x0 OK', []],
  ['G-89 below 100', '099 OK', []],
  ['G-88 no space', '200', []],
  ['G-89 not from 200 to 599', '100 Continue', []],
  ['G-88 a control character in the reason', '200 O\x01K', []],
  ['G-90 no array', '200 OK', { a: 'b' }],
  ['G-90 a header that is no array', '200 OK', ['a: b']],
  ['G-90 a header of one', '200 OK', [['a']]],
  ['G-90 a name that is no string', '200 OK', [[5, 'b']]],
  ['G-90 a value that is no string', '200 OK', [['Content-Length', 12]]],
  ['G-90 no token', '200 OK', [['a b', 'c']]],
  ['G-90 a name with a colon', '200 OK', [['a:', 'c']]],
  ['G-92 hop-by-hop', '200 OK', [['Connection', 'close']]],
  ['G-93 Status', '200 OK', [['Status', '200']]],
  ['G-91 a control character', '200 OK', [['a', 'b\r\n']]],
  ['G-91 a unit above U+00FF', '200 OK', [['a', '\u0100']]],
  ['G-94 no length', '200 OK', [['Content-Length', '5, 5']]],
];

function thrown(call: () => unknown): Error {
  try {
    call();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it did not throw');
}

describe('a head that breaks a rule is refused in the same words by', () => {
  it.each(BROKEN)('engine, middleware and validator: %s', (title, status, headers) => {
    const engine = thrown(() => checkHead(status, headers, false)).message;
    expect(engine).toMatch(/^startResponse: .*; .* \([^)]*\)$/);
    expect(engine).toContain(title.slice(0, 4));
    const whole = thrown(() => {
      checkStatus(status, headError);
      checkFields(headers, headError);
    });
    expect(whole.message).toBe(engine);

    const app = ((_environ, start) => {
      Reflect.apply(start, undefined, [status, headers]);
      return [];
    }) as Application;
    const deferring = middleware({ name: 'deferring', request: () => ({ deferHead: true, mapBody: () => undefined }) });
    expect(thrown(() => deferring(app)(setupTestingDefaults({}), () => () => {})).message).toBe(engine);

    const violation = thrown(() => validator(app)(setupTestingDefaults({ QUERY_STRING: '' }), () => () => {}));
    expect(violation).toBeInstanceOf(ValidationError);
    const words = engine.replace(/^startResponse: /, '').replace(/ \([^)]*\)$/, '');
    expect(violation.message).toMatch(/^V-\d+: /);
    expect(violation.message.replace(/^V-\d+: /, '').replace(/ \(at fault: the application\)$/, '')).toBe(words);
  });

  it('names what was seen, what to do instead, and the rows', () => {
    const fault = { what: 'x', rows: 'G-90', seen: 'it is green', advice: 'paint it' };
    expect(wordsOf(fault)).toBe('it is green; paint it (G-90)');
  });
});
