import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { markAsync, RequestBodyError } from '../../src/interface/index.ts';
import type { AsyncEnviron, Environ } from '../../src/interface/types.ts';
import { type SyncRequest, testClient } from '../../src/testing/index.ts';
import {
  body,
  type CookieAttributes,
  contentDisposition,
  cookies,
  form,
  isNativeString,
  json,
  parseParameterized,
  query,
  setCookie,
  urlencoded,
} from '../../src/toolbox/index.ts';
import { least } from '../linear/growth.ts';

/** What a reader gives for a request, in both conventions; they must agree. */
async function read<T>(
  request: SyncRequest,
  sync: (environ: Environ) => T,
  async: (environ: AsyncEnviron) => Promise<T>,
): Promise<{ value: T } | { status: number }> {
  let result: { value: T } | undefined;
  const answer = testClient((environ, startResponse) => {
    result = { value: sync(environ) };
    startResponse('200 OK', []);
    return [];
  }).post('/', request);
  let asyncResult: { value: T } | undefined;
  const asyncAnswer = await testClient(
    markAsync(async (environ, startResponse) => {
      asyncResult = { value: await async(environ) };
      startResponse('200 OK', []);
      return [];
    }),
  ).post('/', request);
  expect(asyncAnswer.status).toBe(answer.status);
  expect(asyncResult).toEqual(result);
  expect(asyncAnswer.read).toBe(answer.read);
  return result ?? { status: answer.status };
}

const readJson = (request: SyncRequest, maxSize?: number) =>
  read(
    request,
    (environ) => json(environ, { maxSize }),
    (environ) => json(environ, { maxSize }),
  );

const JSON_TYPE = { 'Content-Type': 'application/json' };

describe('json', () => {
  test.each([
    [{ json: { a: [1, 'ü'] } }, { a: [1, 'ü'] }],
    [{ headers: JSON_TYPE, body: ' null ' }, null],
    [{ headers: { 'Content-Type': 'Application/Problem+JSON; charset="UTF-8"' }, body: '1' }, 1],
    [{ headers: JSON_TYPE, body: ['{"a"', ':', '2}'] }, { a: 2 }],
    [{ headers: { ...JSON_TYPE, 'Content-Encoding': 'identity' }, body: '1' }, 1],
    [{ headers: JSON_TYPE, body: '\ufeff1' }, 1],
  ])('of %j is the value', async (request, value) => {
    expect(await readJson(request)).toEqual({ value });
  });

  test.each<[string, SyncRequest, number]>([
    ['no Content-Type', { body: '1' }, 415],
    ['another type', { headers: { 'Content-Type': 'text/json' }, body: '1' }, 415],
    ['a malformed type', { headers: { 'Content-Type': 'application/json; =' }, body: '1' }, 415],
    ['another charset', { headers: { 'Content-Type': 'application/json; charset=latin1' }, body: '1' }, 415],
    ['a content coding', { headers: { ...JSON_TYPE, 'Content-Encoding': 'gzip' }, body: '1' }, 415],
    ['no body', { headers: JSON_TYPE }, 400],
    ['a syntax error', { headers: JSON_TYPE, body: '{' }, 400],
    ['two values', { headers: JSON_TYPE, body: '1 2' }, 400],
    ['bytes that are no UTF-8', { headers: JSON_TYPE, body: Uint8Array.of(34, 0xff, 34) }, 400],
    ['a length above the limit', { headers: JSON_TYPE, body: '"12345678"' }, 413],
    ['a chunked body above the limit', { headers: JSON_TYPE, body: ['"1234', '5678"'] }, 413],
  ])('with %s gives the status that fits', async (_what, request, status) => {
    expect(await readJson(request, 9)).toEqual({ status });
  });

  test('a body of exactly the limit passes', async () => {
    expect(await readJson({ headers: JSON_TYPE, body: '"1234567"' }, 9)).toEqual({ value: '1234567' });
    expect(await readJson({ headers: JSON_TYPE, body: ['"1234', '567"'] }, 9)).toEqual({ value: '1234567' });
  });

  test('a body that says that it is too large is not read at all', () => {
    const response = testClient((environ, startResponse) => {
      json(environ, { maxSize: 3 });
      startResponse('200 OK', []);
      return [];
    }).post('/', { headers: JSON_TYPE, body: '12345' });
    expect([response.status, response.read]).toEqual([413, 0]);
  });

  test('no more is read of a chunked body than shows that the limit is passed', () => {
    let given = 0;
    function* endless(): Generator<string> {
      for (;;) {
        given++;
        yield '1111';
      }
    }
    const response = testClient((environ, startResponse) => {
      json(environ, { maxSize: 9 });
      startResponse('200 OK', []);
      return [];
    }).post('/', { headers: JSON_TYPE, body: endless() });
    expect([response.status, response.read, given]).toEqual([413, 10, 3]);
  });

  test('an error that passes is answered with its status', () => {
    const response = testClient((environ) => {
      json(environ);
      return [];
    }).post('/', { headers: JSON_TYPE, body: '{' });
    expect([response.status, response.text]).toEqual([400, '400 Bad Request\n']);
  });

  test('an error says its code and status, and nothing of the client', () => {
    testClient((environ, startResponse) => {
      let caught: unknown;
      try {
        json(environ);
      } catch (error) {
        caught = error;
      }
      expect(caught).toBeInstanceOf(RequestBodyError);
      expect(caught).toMatchObject({ name: 'RequestDataError', code: 'QUAICH_REQUEST_DATA', status: 400 });
      expect(String(caught)).not.toContain('secret');
      startResponse('200 OK', []);
      return [];
    }).post('/', { headers: JSON_TYPE, body: '{"secret' });
    expect.assertions(3);
  });

  test('a limit that is no number is the fault of the application', () => {
    const response = testClient((environ) => {
      json(environ, { maxSize: Number.NaN });
      return [];
    }).post('/', { json: 1 });
    expect([response.status, response.errors.includes('maxSize')]).toEqual([500, true]);
  });
});

test('body gives all bytes, or 413 above 1 MiB', async () => {
  // Comparing a million bytes one by one takes the matcher seconds.
  const readBody = (request: SyncRequest) =>
    read(
      request,
      (environ) => createHash('sha256').update(body(environ)).digest('hex'),
      async (environ) =>
        createHash('sha256')
          .update(await body(environ))
          .digest('hex'),
    );
  const mebi = new Uint8Array(1048576).fill(7);
  expect(await readBody({ body: mebi })).toEqual({ value: createHash('sha256').update(mebi).digest('hex') });
  expect(await readBody({})).toEqual({ value: createHash('sha256').digest('hex') });
  expect(await readBody({ body: [mebi, 'x'] })).toEqual({ status: 413 });
});

describe('query', () => {
  const pairs = (QUERY_STRING: string) => [...query({ QUERY_STRING })];

  test.each<[string, [string, string][]]>([
    ['', []],
    [
      'a=1&b=2&a=3',
      [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
      ],
    ],
    ['a+b=%C3%A9%20%2B', [['a b', 'é +']]],
    ['a=\u00c3\u00a9', [['a', 'é']]],
    ['?a=1', [['?a', '1']]],
    [
      'a&=b&&c=',
      [
        ['a', ''],
        ['', 'b'],
        ['c', ''],
      ],
    ],
    ['a=%zz%', [['a', '%zz%']]],
    ['a=%FF', [['a', '\ufffd']]],
  ])('of %j', (text, expected) => {
    expect(pairs(text)).toEqual(expected);
  });

  test('an absent query is an empty one (A-18)', () => {
    expect([...query({})]).toEqual([]);
  });

  test('limits of size and number give 400', () => {
    expect(() => query({ QUERY_STRING: 'a=12' }, { maxSize: 3 })).toThrow(expect.objectContaining({ status: 400 }));
    expect(() => query({ QUERY_STRING: 'a&b&c' }, { maxPairs: 2 })).toThrow(expect.objectContaining({ status: 400 }));
    expect([...query({ QUERY_STRING: 'a&b' }, { maxPairs: 2, maxSize: 3 })]).toHaveLength(2);
    expect(() => query({ QUERY_STRING: '&'.repeat(1000) })).toThrow(expect.objectContaining({ status: 400 }));
    expect(() => query({ QUERY_STRING: 'x'.repeat(65537) })).toThrow(expect.objectContaining({ status: 400 }));
  });

  // fast-check takes seconds to know all graphemes, on a busy machine.
  test('what URLSearchParams writes comes back', { timeout: 30_000 }, () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }))), (list) => {
        const params = new URLSearchParams(list.map(([a, b]) => [a, b.toString()]));
        expect([...query({ QUERY_STRING: params.toString() })]).toEqual([...params]);
      }),
    );
  });
});

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const readForm = (request: SyncRequest, options = {}) =>
  read(
    request,
    (environ) => [...urlencoded(environ, options)],
    async (environ) => [...(await urlencoded(environ, options))],
  );

describe('urlencoded', () => {
  test('any body agrees with URLSearchParams', { timeout: 30_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.string(), fc.string({ unit: 'grapheme' }))), async (list) => {
        const params = new URLSearchParams(list);
        expect(await readForm({ body: params })).toEqual({ value: [...params] });
      }),
      { numRuns: 50 },
    );
  });

  test('raw text of any kind agrees with URLSearchParams, but for a question mark at its start', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom('a', '=', '&', '%', '4', '1', '+', 'é', ' ') }),
        async (text) => {
          expect(await readForm({ headers: FORM, body: text })).toEqual({ value: [...new URLSearchParams(text)] });
        },
      ),
      { numRuns: 50 },
    );
    expect(await readForm({ headers: FORM, body: '?a=b' })).toEqual({ value: [['?a', 'b']] });
  });

  test.each<[string, SyncRequest, object, number]>([
    ['another type', { headers: { 'Content-Type': 'text/plain' }, body: 'a=1' }, {}, 415],
    ['no type', { body: 'a=1' }, {}, 415],
    ['too many pairs', { headers: FORM, body: 'a&b&c' }, { maxPairs: 2 }, 400],
    ['too many bytes', { headers: FORM, body: ['a&b', '&c'] }, { maxSize: 4 }, 413],
  ])('with %s gives the status that fits', async (_what, request, options, status) => {
    expect(await readForm(request, options)).toEqual({ status });
  });
});

test('form of an urlencoded body has its texts', async () => {
  const entries = await read(
    {
      body: new URLSearchParams([
        ['a', '1'],
        ['a', 'ü'],
      ]),
    },
    (environ) => [...form(environ)],
    async (environ) => [...(await form(environ))],
  );
  expect(entries).toEqual({
    value: [
      ['a', '1'],
      ['a', 'ü'],
    ],
  });
});

test('form of another type gives 415', async () => {
  const readAny = (request: SyncRequest) =>
    read(
      request,
      (environ) => [...form(environ)],
      async (environ) => [...(await form(environ))],
    );
  expect(await readAny({ json: {} })).toEqual({ status: 415 });
  expect(await readAny({ body: 'a=b' })).toEqual({ status: 415 });
});

describe('cookies', () => {
  test.each<[string | undefined, Record<string, string>]>([
    [undefined, {}],
    ['', {}],
    ['a=1; b="2"; c=x=y', { a: '1', b: '"2"', c: 'x=y' }],
    ['a=1; a=2', { a: '1' }],
    ['a=%C3%A9%20; b=%zz', { a: 'é ', b: '%zz' }],
    ['a=\u00c3\u00a9', { a: 'é' }],
    ['a;b=1;;=2;', { b: '1', '': '2' }],
    [
      '__proto__=1; constructor=2',
      Object.fromEntries([
        ['__proto__', '1'],
        ['constructor', '2'],
      ]),
    ],
  ])('of %j', (HTTP_COOKIE, expected) => {
    const found = cookies({ HTTP_COOKIE });
    expect(Object.entries(found)).toEqual(Object.entries(expected));
    expect(found.toString).toBeUndefined();
  });

  test('more than the limit gives 400', () => {
    expect(() => cookies({ HTTP_COOKIE: 'a=12' }, { maxSize: 3 })).toThrow(expect.objectContaining({ status: 400 }));
    expect(() => cookies({ HTTP_COOKIE: 'x'.repeat(16385) })).toThrow(expect.objectContaining({ status: 400 }));
  });

  test('setCookie makes a field for startResponse', () => {
    expect(
      setCookie('id', 'é;"', {
        httpOnly: true,
        secure: true,
        path: '/',
        maxAge: 60,
        sameSite: 'lax',
        domain: 'example.com',
      }),
    ).toEqual([
      'Set-Cookie',
      'id=%C3%A9%3B%22; Max-Age=60; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax',
    ]);
  });

  test('what setCookie writes, cookies reads', { timeout: 30_000 }, () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        const [, line] = setCookie('id', value);
        expect(cookies({ HTTP_COOKIE: line })).toEqual({ id: value });
      }),
    );
  });

  test.each<[string, () => unknown]>([
    ['a name', () => setCookie('a b', '1')],
    ['a name with a line feed', () => setCookie('a\nb', '1')],
    ['a path', () => setCookie('a', '1', { path: '/;x' })],
    ['a domain', () => setCookie('a', '1', { domain: 'x\r\ny' })],
    ['a maxAge', () => setCookie('a', '1', { maxAge: 1.5 })],
  ])('%s that has no place in a cookie throws', (_what, makes) => {
    expect(makes).toThrow(TypeError);
  });

  test.each<[string, CookieAttributes, string]>([
    ['__Host-id', { path: '/' }, 'a name with __Host- needs secure'],
    ['__HOST-id', { secure: true }, 'a name with __Host- needs secure'],
    ['__Host-id', { secure: true, path: '/a' }, 'a name with __Host- needs secure'],
    ['__Host-id', { secure: true, path: '/', domain: 'a.example' }, 'a name with __Host- needs secure'],
    ['__Secure-id', {}, 'a name with __Secure- needs secure'],
    ['id', { sameSite: 'none' }, "sameSite 'none' needs secure"],
    ['id', { partitioned: true }, 'partitioned needs secure'],
  ])('U-67 %s with %o, which browsers would drop, throws', (name, attributes, text) => {
    expect(() => setCookie(name, '1', attributes)).toThrow(TypeError);
    expect(() => setCookie(name, '1', attributes)).toThrow(text);
  });

  test('U-67 what browsers keep is made', () => {
    const attributes = { secure: true, path: '/', sameSite: 'none', partitioned: true } as const;
    expect(setCookie('__Host-id', '1', attributes)).toEqual([
      'Set-Cookie',
      '__Host-id=1; Path=/; Secure; Partitioned; SameSite=None',
    ]);
    expect(setCookie('__Secure-id', '1', { secure: true })[1]).toBe('__Secure-id=1; Secure');
  });
});

describe('U-64 contentDisposition', () => {
  test.each<[string, string, string]>([
    ['plan.pdf', 'attachment; filename=', 'plan.pdf'],
    ['the plan "B".pdf', 'attachment; filename=', 'the plan "B".pdf'],
    ['pl\u00e4ne \u20ac.pdf', 'attachment; filename=', "UTF-8''pl%C3%A4ne%20%E2%82%AC.pdf"],
    ['\u30ec\u30dd\u30fc\u30c8.txt', 'attachment; filename=', "UTF-8''%E3%83%AC%E3%83%9D%E3%83%BC%E3%83%88.txt"],
  ])('has %s in it, as every client can read it', (filename, start, end) => {
    const [name, value] = contentDisposition(filename);
    expect([name, isNativeString(value), value.startsWith(start)]).toEqual(['Content-Disposition', true, true]);
    const extended = /filename\*=(\S+)$/.exec(value)?.[1];
    expect(extended ?? parseParameterized(value)?.parameters.get('filename')).toBe(end);
  });

  test('may ask for the file to be shown, and has no control characters', () => {
    expect(contentDisposition('a.txt', 'inline')[1]).toMatch(/^inline; filename="?a\.txt"?$/);
    expect(contentDisposition('a\r\nSet-Cookie: b=c')[1]).toMatch(/^[\x20-\x7e]+$/);
    expect(contentDisposition('half \ud83d')[1]).toContain("UTF-8''half%20%EF%BF%BD");
  });
});

describe('parseParameterized', () => {
  test.each<[string, string, [string, string][]]>([
    ['text/html', 'text/html', []],
    [' Text/HTML ; Charset=UTF-8', 'text/html', [['charset', 'UTF-8']]],
    ['a;b=c;B=d', 'a', [['b', 'c']]],
    [
      'form-data; name="a;b"; filename="c\\"d\\\\e"',
      'form-data',
      [
        ['name', 'a;b'],
        ['filename', 'c"d\\e'],
      ],
    ],
    ['form-data; filename="C:\\dir\\file"', 'form-data', [['filename', 'C:\\dir\\file']]],
    ['a;;b="";', 'a', [['b', '']]],
    ['multipart/form-data; boundary=a=b', 'null', []],
  ])('of %j', (text, value, parameters) => {
    const parsed = parseParameterized(text);
    if (value === 'null') expect(parsed).toBeNull();
    else expect([parsed?.value, [...(parsed?.parameters ?? [])]]).toEqual([value, parameters]);
  });

  test.each(['', ';', 'a b', 'a/', '/b', 'a; =', 'a; b', 'a; b="', 'a; b="c"d', 'a, b', 'é'])(
    '%j is malformed',
    (text) => {
      expect(parseParameterized(text)).toBeNull();
    },
  );

  test('it takes linear time', () => {
    const [small, large] = [20_000, 160_000].map((count) =>
      least(() => {
        for (const text of [`a;b="${'\\'.repeat(count)}`, `a${';b=c '.repeat(count)}!`, `a${' '.repeat(count)}!`]) {
          expect(parseParameterized(text)).toBeNull();
        }
      }),
    );
    expect(large).toBeLessThan(40 * small + 20);
  });
});
