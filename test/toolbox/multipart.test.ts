import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ApplicationError, markAsync } from '../../src/interface/index.ts';
import { type FormPart, multipartBody, type SyncRequest, testClient } from '../../src/testing/index.ts';
import { form, type MultipartLimits, multipart, type Part } from '../../src/toolbox/index.ts';

interface Found {
  name: string;
  filename: string | undefined;
  type: string;
  data: string;
}

const headersOf = (boundary: string) => ({ 'Content-Type': `multipart/form-data; boundary=${boundary}` });

/** The parts of a request as both conventions find them; they must agree. */
async function parts(request: SyncRequest, limits: MultipartLimits = {}): Promise<Found[] | number> {
  const found: Found[] = [];
  const response = testClient((environ, startResponse) => {
    for (const part of multipart(environ, limits)) {
      const { name, filename, type } = part;
      found.push({ name, filename, type, data: Buffer.from(part.read()).toString('latin1') });
    }
    startResponse('200 OK', []);
    return [];
  }).post('/', request);
  const foundAsync: Found[] = [];
  const asyncResponse = await testClient(
    markAsync(async (environ, startResponse) => {
      for await (const part of multipart(environ, limits)) {
        const { name, filename, type } = part;
        foundAsync.push({ name, filename, type, data: Buffer.from(await part.read()).toString('latin1') });
      }
      startResponse('200 OK', []);
      return [];
    }),
  ).post('/', request);
  expect([asyncResponse.status, asyncResponse.read]).toEqual([response.status, response.read]);
  expect(foundAsync).toEqual(found);
  return response.status === 200 ? found : response.status;
}

/**
 * Runs an application that reads parts, on a body. What an `expect` inside it throws is the test's, not the
 * application's.
 */
function reading(request: SyncRequest, use: (parts: Iterable<Part>) => void, limits?: MultipartLimits) {
  let failure: unknown;
  const response = testClient((environ, startResponse) => {
    try {
      use(multipart(environ, limits));
    } catch (error) {
      if (error instanceof Error && error.name === 'AssertionError') failure = error;
      throw error;
    }
    startResponse('200 OK', []);
    return [];
  }).post('/', request);
  if (failure !== undefined) throw failure;
  return response;
}

describe('the parts of a form', () => {
  test('have name, file name, type and data', async () => {
    const request = multipartBody([
      { name: 'text', data: 'ü' },
      { name: 'file', data: Uint8Array.of(0, 13, 10, 255), filename: 'a.bin' },
      { name: 'file', data: '', filename: '', type: 'Image/PNG; x=y' },
    ]);
    expect(await parts(request)).toEqual([
      { name: 'text', filename: undefined, type: 'text/plain', data: '\u00c3\u00bc' },
      { name: 'file', filename: 'a.bin', type: 'application/octet-stream', data: '\0\r\n\u00ff' },
      { name: 'file', filename: '', type: 'image/png', data: '' },
    ]);
  });

  test.each<[string, string]>([
    ['plain.txt', 'plain.txt'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\dir\\file', 'file'],
    ['dir/', ''],
    ['é€😀', 'é€😀'],
    ['a"b\r\nc', 'a"b\r\nc'],
    ['a\n/b', 'b'],
  ])('of the file name %j the last segment is %j', async (filename, expected) => {
    expect(await parts(multipartBody([{ name: 'n', data: '', filename }]))).toMatchObject([{ filename: expected }]);
  });

  test('have their header fields, in lower case', () => {
    const body = '--x\r\nContent-Disposition: form-data; name=a\r\nX-Y:  z\r\nx-y: \u00e9\r\n\r\n1\r\n--x--';
    reading({ headers: headersOf('x'), body: Buffer.from(body, 'latin1') }, (all) => {
      for (const { headers } of all) {
        expect(headers.items()).toEqual([
          ['content-disposition', 'form-data; name=a'],
          ['x-y', 'z'],
          ['x-y', '\u00e9'],
        ]);
      }
    });
    expect.assertions(1);
  });

  test('what stands before the first and after the last delimiter is ignored', async () => {
    const body = 'preamble\r\n--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n--x\r\nepilogue';
    expect(await parts({ headers: headersOf('x'), body })).toMatchObject([{ name: 'a', data: '1' }]);
  });

  test('a form without parts has none', async () => {
    expect(await parts({ headers: headersOf('x'), body: '--x--\r\n' })).toEqual([]);
  });

  test('what looks like a delimiter and is none stays data', async () => {
    const data = '\r\n--\r\n-x\r\n--w\r\r\n\n--x --x\r\n --x\r\n-';
    expect(await parts(multipartBody([{ name: 'a', data }], 'x'))).toMatchObject([{ data }]);
  });
});

const part = fc.record(
  {
    name: fc.string({ unit: 'grapheme', maxLength: 5 }),
    filename: fc.string({ unit: 'grapheme', maxLength: 5 }),
    // Much of what delimiters are made of.
    data: fc.array(fc.constantFrom('\r', '\n', '-', '--', 'x', '\r\n', '\r\n--', '\u00ff', 'ab'), { maxLength: 20 }),
  },
  { requiredKeys: ['name', 'data'] },
);

test.each([
  ['\\', ''],
  ['a\\', ''],
  ['C:\\dir\\file.txt', 'file.txt'],
  ['a"b', 'a"b'],
])('a file named %j, as browsers send it, is taken', async (filename, expected) => {
  const { headers, body } = multipartBody([{ name: 'n\\', data: 'x', filename }], 'xy');
  expect(await parts({ headers, body })).toEqual([
    { name: 'n\\', filename: expected, type: 'application/octet-stream', data: 'x' },
  ]);
});

test('any form comes out as it was put in, however its body is cut into reads', { timeout: 30_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }),
      async (list, cuts) => {
        const written = list.map(({ name, filename, data }): FormPart => {
          const bytes = Buffer.from(data.join('').replaceAll('--x', '-x'), 'latin1');
          return filename === undefined ? { name, data: bytes } : { name, data: bytes, filename };
        });
        // 'xy' begins like what the data may contain.
        const { headers, body } = multipartBody(written, 'xy');
        fc.pre(written.every(({ data }) => !Buffer.from(data as Uint8Array).includes('--xy')));
        const found = await parts({ headers, body });
        expect(found).toEqual(
          written.map(({ name, filename, data }) => ({
            name: name.replace(/\r?\n|\r/g, '\r\n'),
            filename: filename?.replace(/\r?\n|\r/g, '\r\n').replace(/^.*[/\\]/s, ''),
            type: filename === undefined ? 'text/plain' : 'application/octet-stream',
            data: Buffer.from(data as Uint8Array).toString('latin1'),
          })),
        );

        // An input that gives short blocks, as no gateway of this project does: the splitter does not care.
        const cut: Found[] = [];
        let at = 0;
        let turn = 0;
        testClient((environ, startResponse) => {
          environ['wsgi.input'].read = () => {
            const from = at;
            at += cuts[turn++ % cuts.length];
            return body.slice(from, at);
          };
          for (const part of multipart(environ)) {
            const { name, filename, type } = part;
            cut.push({ name, filename, type, data: Buffer.from(part.read()).toString('latin1') });
          }
          startResponse('200 OK', []);
          return [];
        }).post('/', { headers });
        expect(cut).toEqual(found);
      },
    ),
    { numRuns: 150 },
  );
});

test('every cut of one form into two reads gives the same parts with the same data', () => {
  const { headers, body } = multipartBody(
    [
      { name: 'a', data: '\r\n--x\r' },
      { name: 'b', data: '', filename: 'f' },
      { name: 'c', data: '--xy-\r\n--', filename: 'g' },
    ],
    'xyz',
  );
  const read = (cut: number): string => {
    const blocks = [body.slice(0, cut), body.slice(cut)].filter((block) => block.byteLength > 0);
    const found: unknown[] = [];
    testClient((environ, startResponse) => {
      environ['wsgi.input'].read = () => blocks.shift() ?? new Uint8Array(0);
      for (const part of multipart(environ)) found.push([part.name, part.filename, part.text()]);
      startResponse('200 OK', []);
      return [];
    }).post('/', { headers });
    return JSON.stringify(found);
  };
  const whole = read(0);
  expect(JSON.parse(whole)).toHaveLength(3);
  for (let cut = 1; cut < body.byteLength; cut++) expect([cut, read(cut)]).toEqual([cut, whole]);
});

describe('malformed forms give 400', () => {
  const head = 'Content-Disposition: form-data; name=a\r\n\r\n';
  const { headers, body } = multipartBody(
    [
      { name: 'a', data: 'xyz' },
      { name: 'b', data: '' },
    ],
    'x',
  );

  test('a body that ends at any place before its closing delimiter is complete', async () => {
    const closing = body.byteLength - 2; // the CR LF after it does not matter
    for (let end = 0; end < closing; end++)
      expect([end, await parts({ headers, body: body.slice(0, end) })]).toEqual([end, 400]);
    expect(await parts({ headers, body: body.slice(0, closing) })).toHaveLength(2);
  });

  test.each<[string, string]>([
    ['no name', '--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--'],
    ['no disposition', '--x\r\nContent-Type: text/plain\r\n\r\n1\r\n--x--'],
    ['another disposition', '--x\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--x--'],
    ['a malformed disposition', '--x\r\nContent-Disposition: form-data; name="a\r\n\r\n1\r\n--x--'],
    ['no head', '--x\r\n\r\n1\r\n--x--'],
    ['a head without an end', '--x\r\nContent-Disposition: form-data; name=a\r\n--x--'],
    ['a control character', `--x\r\nA: \0\r\n${head}1\r\n--x--`],
    ['text behind a delimiter', `--xy\r\n${head}1\r\n--x--`],
    ['no delimiter', 'a=b'],
  ])('%s', async (_what, text) => {
    expect(await parts({ headers: headersOf('x'), body: text })).toBe(400);
  });

  test.each([
    'multipart/form-data',
    'multipart/form-data; boundary=""',
    `multipart/form-data; boundary=${'x'.repeat(71)}`,
    'multipart/form-data; boundary="a "',
    'multipart/form-data; boundary="\u00e9"',
  ])('no proper boundary: %s', async (type) => {
    expect(await parts({ headers: { 'Content-Type': type }, body: '--x--' })).toBe(400);
  });

  test('a boundary of 70 characters is proper', async () => {
    expect(await parts(multipartBody([{ name: 'a', data: '1' }], 'x'.repeat(70)))).toHaveLength(1);
  });
});

test.each<Record<string, string>>([
  {},
  { 'Content-Type': 'multipart/mixed; boundary=x' },
  headersOf('----=_Part_1'), // needs quotes (RFC 2045, 5.1)
  { ...headersOf('x'), 'Content-Encoding': 'gzip' },
])('a body of another type, %j, gives 415', async (headers) => {
  expect(await parts({ headers, body: '--x--' })).toBe(415);
});

describe('limits give 413', () => {
  const two = multipartBody([
    { name: 'a', data: '1234' },
    { name: 'b', data: '12345678', filename: 'f' },
  ]);
  const size = two.body.byteLength;
  const headSize =
    `content-disposition: form-data; name="b"; filename="f"\r\ncontent-type: application/octet-stream\r\n\r\n`.length;

  test.each<[keyof MultipartLimits, number]>([
    ['maxParts', 2],
    ['maxFieldSize', 4],
    ['maxFileSize', 8],
    ['maxHeaderSize', headSize],
    ['maxTotalSize', size],
  ])('%s of %i passes, one less does not', async (name, most) => {
    expect(await parts(two, { [name]: most })).toHaveLength(2);
    expect(await parts(two, { [name]: most - 1 })).toBe(413);
    expect(await parts({ headers: two.headers, body: [two.body] }, { [name]: most - 1 })).toBe(413);
  });

  test('a huge head is refused, not cut', async () => {
    const body = `--x\r\nContent-Disposition: form-data; name=a\r\nX: ${'y'.repeat(50000)}\r\n\r\n1\r\n--x--`;
    expect(await parts({ headers: headersOf('x'), body })).toBe(413);
  });

  test('many header fields are refused, not cut', async () => {
    const body = `--x\r\nContent-Disposition: form-data; name=a\r\n${'X: y\r\n'.repeat(40)}\r\n1\r\n--x--`;
    expect(await parts({ headers: headersOf('x'), body })).toBe(413);
  });

  test('a file without end is given up where the limit is passed', () => {
    let given = 0;
    function* endless(): Generator<string> {
      yield '--x\r\nContent-Disposition: form-data; name=a; filename=f\r\n\r\n';
      for (;;) {
        given += 65536;
        yield 'y'.repeat(65536);
      }
    }
    const response = reading(
      { headers: headersOf('x'), body: endless() },
      (all) => {
        for (const part of all) for (const _ of part);
      },
      { maxFileSize: 1 << 20 },
    );
    expect(response.status).toBe(413);
    expect(given).toBeLessThan((1 << 20) + 3 * 65536);
  });

  test('a limit that is no number is the fault of the application', () => {
    const response = reading(two, (all) => [...all], { maxParts: '5' as unknown as number });
    expect([response.status, response.errors.includes('maxParts')]).toEqual([500, true]);
  });
});

describe('a part is a stream', () => {
  const data = Buffer.alloc(300000, 'abcdefg');
  const request = multipartBody([
    { name: 'first', data, filename: 'f' },
    { name: 'second', data: '2' },
  ]);

  test('it comes in blocks as the body arrives', () => {
    const { headers } = request;
    let given = 0;
    function* arriving(): Generator<Uint8Array> {
      for (; given < request.body.byteLength; given += 10000) yield request.body.slice(given, given + 10000);
    }
    const seen: number[] = [];
    const hashed: Uint8Array[] = [];
    reading({ headers, body: arriving() }, (all) => {
      for (const part of all) {
        for (const block of part) {
          seen.push(given);
          if (part.name === 'first') hashed.push(block);
        }
      }
    });
    expect(seen.length).toBeGreaterThan(4);
    expect(seen[0]).toBeLessThan(100000);
    expect(Buffer.concat(hashed).equals(data)).toBe(true);
  });

  test('read(n) gives n bytes until the end, then none', () => {
    reading(request, ([part]) => {
      expect(part.read(0)).toHaveLength(0);
      expect(Buffer.from(part.read(7)).toString()).toBe('abcdefg');
      expect(part.read(200000)).toHaveLength(200000);
      expect(part.read(null)).toHaveLength(99993);
      expect([part.read(), part.read(5)]).toEqual([new Uint8Array(0), new Uint8Array(0)]);
      expect(() => part.read(1.5)).toThrow(TypeError);
    });
    expect.assertions(6);
  });

  test('what was not read of it is skipped', async () => {
    const names: string[] = [];
    reading(request, (all) => {
      for (const part of all) names.push(part.name, String(part.read(1).byteLength));
    });
    expect(names).toEqual(['first', '1', 'second', '1']);
  });

  test('it cannot be read once the next one was asked for', () => {
    reading(request, (all) => {
      const [first, second] = all;
      expect(() => first.read(1)).toThrow(ApplicationError);
      expect(second.text()).toBe('2');
    });
    expect.assertions(2);
  });

  test('leaving the loop leaves the rest of the body unread', () => {
    const response = reading(request, (all) => {
      for (const _ of all) break;
    });
    expect(response.read).toBeLessThan(70000);
  });

  test('a body that breaks off throws, and never looks like the end (G-63)', async () => {
    const headers = { ...request.headers, 'Content-Length': String(request.body.byteLength) };
    const broken = reading({ headers, body: [request.body.slice(0, -10)] }, (all) => [...all]);
    expect([broken.status, broken.broken]).toEqual([0, true]);
  });

  test('its bytes are its own: the blocks that were held back do not change afterwards', () => {
    const body = '--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--xy2\r\n--xy3\r\n--xyz--';
    const blocks = [...body].map((unit) => Buffer.from(unit));
    let text = '';
    testClient((environ, startResponse) => {
      environ['wsgi.input'].read = () => blocks.shift() ?? new Uint8Array(0);
      for (const part of multipart(environ)) text = Buffer.concat([...part]).toString();
      startResponse('200 OK', []);
      return [];
    }).post('/', { headers: headersOf('xyz') });
    expect(text).toBe('1\r\n--xy2\r\n--xy3');
  });
});

test('form has texts and files in memory', async () => {
  const request = multipartBody([
    { name: 'a', data: 'ü' },
    { name: 'f', data: 'file', filename: 'dir/é.txt', type: 'text/plain' },
    { name: 'a', data: '2' },
  ]);
  const show = async (data: FormData) =>
    Promise.all(
      [...data].map(async ([name, value]) =>
        typeof value === 'string' ? [name, value] : [name, value.name, value.type, await value.text()],
      ),
    );
  const expected = [
    ['a', 'ü'],
    ['f', 'é.txt', 'text/plain', 'file'],
    ['a', '2'],
  ];
  let sync: FormData | undefined;
  testClient((environ, startResponse) => {
    sync = form(environ);
    startResponse('200 OK', []);
    return [];
  }).post('/', request);
  expect(await show(sync as FormData)).toEqual(expected);
  const response = await testClient(
    markAsync(async (environ, startResponse) => {
      const data = await show(await form(environ));
      startResponse('200 OK', []);
      return [Buffer.from(JSON.stringify(data))];
    }),
  ).post('/', request);
  expect(response.json()).toEqual(expected);
});

test('form holds no more in memory than its limit', () => {
  const { headers, body } = multipartBody([{ name: 'f', data: new Uint8Array(100), filename: 'f' }]);
  const status = (maxSize: number, source: Uint8Array | Uint8Array[]) =>
    testClient((environ, startResponse) => {
      form(environ, { maxSize });
      startResponse('200 OK', []);
      return [];
    }).post('/', { headers, body: source }).status;
  expect([
    status(body.byteLength, body),
    status(body.byteLength - 1, body),
    status(body.byteLength - 1, [body]),
  ]).toEqual([200, 413, 413]);
});
