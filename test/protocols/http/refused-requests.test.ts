/** Requests that are refused before any application sees them. */
import { describe, expect, it } from 'vitest';
import { Parser } from '../../../src/protocols/http/parser.ts';
import { drive } from './driver.ts';

const outcome = (text: string) => drive(new Parser(), [Buffer.from(text, 'latin1')]);
const line = (target: string) => outcome(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
const field = (text: string) => outcome(`GET / HTTP/1.1\r\nHost: a\r\n${text}\r\n\r\n`);

describe('G-22 a target with bytes that do not belong there gets 400, and is never cut at them', () => {
  it.each([
    ['a fragment', '/a#b'],
    ['a fragment in the query', '/a?b#c'],
    ['a fragment of an absolute form', 'http://a/b#c'],
    ['a space', '/a b'],
    ['a tab', '/a\tb'],
    ['a NUL', '/a\0b'],
    ['a CR', '/a\rb'],
    ['DEL', '/a\x7fb'],
    ['a byte above 0x7F', '/caf\xe9'],
    ['UTF-8', '/caf\xc3\xa9'],
  ])('%s', (_what, target) => {
    const { end, status, requests } = line(target);
    expect([end, status, requests.length]).toEqual(['refused', 400, 0]);
  });

  it('while the same bytes in escapes pass', () => {
    expect(line('/a%23%20%00%7f%c3?%23').requests).toHaveLength(1);
  });
});

describe('G-34 field lines that could be read in two ways get 400', () => {
  it.each([
    ['whitespace before the colon', 'X-A : 1'],
    ['a tab before the colon', 'X-A\t: 1'],
    ['a folded line', 'X-A: 1\r\n folded'],
    ['a folded line with a tab', 'X-A: 1\r\n\tfolded'],
    ['a bare CR in a value', 'X-A: 1\rX-B: 2'],
    ['a bare LF in a value', 'X-A: 1\nX-B: 2'],
    ['a NUL in a value', 'X-A: 1\x002'],
    ['no colon', 'X-A'],
    ['no name', ': 1'],
  ])('%s', (_what, text) => {
    const { end, status, requests } = field(text);
    expect([end, status, requests.length]).toEqual(['refused', 400, 0]);
  });

  it('only SP and HTAB are cut off at the ends of a value', () => {
    const [request] = field('X-A: \t \xa0a\tb \x85 \t').requests;
    expect(request.headers).toContainEqual([expect.stringMatching(/^x-a$/i), '\xa0a\tb \x85']);
  });
});

describe('G-130 HTTP/0.9 is refused', () => {
  it.each(['GET /\r\n\r\n', 'GET /\r\n', 'GET / HTTP/0.9\r\n\r\n'])('%j', (text) => {
    const { end, requests } = outcome(text);
    expect([end, requests.length]).toEqual(['refused', 0]);
  });
});
