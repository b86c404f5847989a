/** B-69: the URL of a request, as a URL parser has it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { urlOf } from '../../src/adapters/request-url.ts';
import type { AsyncEnviron } from '../../src/interface/index.ts';
import { percentDecode } from '../../src/rules/native-strings.ts';

const urlFor = (target: string, host = 'localhost', scheme = 'http') => {
  const [path, query = ''] = target.split(/\?(.*)/s);
  const environ = { 'wsgi.url_scheme': scheme, SERVER_NAME: 's', SERVER_PORT: '1', HTTP_HOST: host };
  const script = { SCRIPT_NAME: '', PATH_INFO: percentDecode(path), QUERY_STRING: query, REQUEST_URI: target };
  return urlOf({ ...environ, ...script } as unknown as AsyncEnviron);
};

const parsed = (text: string) => (URL.canParse(text) ? new URL(text).href : null);

describe('the URL of a request', () => {
  const segment = fc.oneof(
    fc.constantFrom('.', '..', '%2e', '%2E.', '.%2e', '...', '.a', 'a.', '', '%41', 'a%20b', '~', '\\', '|'),
    fc.string({ unit: fc.constantFrom(...'ab./?%&=\'"<>`{}^[]:@!$()*+,;-_~|\\'), maxLength: 6 }),
  );
  it('B-69 is what the parser makes of it, for any path and query', () => {
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 5 }), (segments) => {
        const target = `/${segments.join('/')}`;
        expect(urlFor(target)).toBe(parsed(`http://localhost${target}`));
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ...['localhost', 'LOCALHOST', 'a.b:80', 'a.b:443', 'a.b:', 'a.b:08', 'a.b:65536', '127.1', '0x7f.1', '1.2.3.4.5'],
    ...['[::1]', '[::1]:80', '[0:0::1]:81', '[x]', 'xn--a', 'a..b', 'a_b', '%41', 'a%zz', '~', "a'b", '999.1.1.1'],
  ])('B-69 has the host %s as the parser has it, or none', (host) => {
    for (const scheme of ['http', 'https'])
      for (const target of ['/', '/a?b', '/a/../b', '/a?b', '/'])
        expect(urlFor(target, host, scheme)).toBe(parsed(`${scheme}://${host}${target}`));
  });

  it('B-69 remembers hosts within bounds', () => {
    for (let count = 0; count < 2000; count += 1) expect(urlFor('/', `h${count}`)).toBe(`http://h${count}/`);
    expect(urlFor('/', 'h0')).toBe('http://h0/');
  });
});
