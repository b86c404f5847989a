/**
 * The grammar of RFC 2046, 5.1.1, and of RFC 7578: what is taken, what is refused, and that neither depends on the
 * cuts.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClientDisconnected } from '../../src/interface/index.ts';
import { multipartBody } from '../../src/testing/index.ts';
import {
  type MultipartLimits,
  multipart,
  RequestDataError,
  setupAsyncTestingDefaults,
  setupTestingDefaults,
} from '../../src/toolbox/index.ts';

/** What came out of a body: its parts, and the status and message of the error that ended it. */
interface Outcome {
  parts: { name: string; filename: string | undefined; type: string; headers: unknown; data: string }[];
  status: number;
  message: string;
}

const EMPTY = new Uint8Array(0);

function bytesOf(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? new Uint8Array(Buffer.from(body, 'latin1')) : body;
}

/** `bytes` cut at these places, then empty blocks; with `lost`, the client goes away after them. */
function reads(bytes: Uint8Array, cuts: readonly number[], lost = false): () => Uint8Array {
  const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.byteLength + 1)), bytes.byteLength])].sort(
    (a, b) => a - b,
  );
  const blocks = places.slice(1).map((place, i) => bytes.slice(places[i], place));
  return () => {
    const block = blocks.shift();
    if (block === undefined && lost) throw new ClientDisconnected();
    return block ?? EMPTY;
  };
}

/** Reads a form block by block. What is thrown must be a RequestDataError, or the ClientDisconnected of the input. */
function read(body: string | Uint8Array, cuts: readonly number[] = [], limits: MultipartLimits = {}, lost = false) {
  const environ = setupTestingDefaults({ CONTENT_TYPE: 'multipart/form-data; boundary=x' });
  environ['wsgi.input'].read = reads(bytesOf(body), cuts, lost);
  const outcome: Outcome = { parts: [], status: 200, message: '' };
  try {
    for (const part of multipart(environ, limits)) {
      const { name, filename, type, headers } = part;
      const seen = { name, filename, type, headers: headers.items(), data: '' };
      outcome.parts.push(seen);
      for (const block of part) seen.data += Buffer.from(block).toString('latin1');
    }
  } catch (error) {
    if (!(error instanceof RequestDataError || error instanceof ClientDisconnected)) throw error;
    outcome.status = error instanceof RequestDataError ? error.status : 0;
    outcome.message = error.message;
  }
  return outcome;
}

/** The same; where the client goes, what was held back of the last bytes is anybody's guess. */
function expectSame(outcome: Outcome, once: Outcome, lost: boolean): void {
  // Never two different refusals.
  if (lost) expect(new Set([0, once.status, outcome.status]).size).toBeLessThanOrEqual(2);
  else expect(outcome).toEqual(once);
}

const form = (head: string, data = '1') => `--x\r\n${head}\r\n\r\n${data}\r\n--x--\r\n`;
const DISPOSITION = 'Content-Disposition: form-data; name=a';

describe('taken as RFC 2046 and RFC 7578 have it', () => {
  test.each<[string, string, Partial<Outcome['parts'][number]>[]]>([
    ['a preamble and an epilogue', `pre\r\namble\r\n${form(DISPOSITION)}epi\r\n--x\r\nlogue`, [{ data: '1' }]],
    ['an empty preamble', `\r\n${form(DISPOSITION)}`, [{ data: '1' }]],
    ['a closing delimiter at the very end', form(DISPOSITION).slice(0, -2), [{ data: '1' }]],
    ['blanks after delimiters', `--x \t\r\n${DISPOSITION}\r\n\r\n1\r\n--x-- \t`, [{ data: '1' }]],
    ['no parts', '--x--', []],
    ['no data', `--x\r\n${DISPOSITION}\r\n\r\n\r\n--x--`, [{ data: '' }]],
    ['no data and no line end for it', `--x\r\n${DISPOSITION}\r\n\r\n--x--`, [{ data: '' }]],
    ['bare line ends in data', form(DISPOSITION, '\n--x\r--x\n'), [{ data: '\n--x\r--x\n' }]],
    ['a field in another case', form('CONTENT-disposition: Form-Data; NAME=a'), [{ name: 'a' }]],
    ['no blank after the colon', form('Content-Disposition:form-data;name=a'), [{ name: 'a' }]],
    ['blanks around a value', form(`${DISPOSITION} \t`), [{ name: 'a' }]],
    ['an empty name', form('Content-Disposition: form-data; name=""'), [{ name: '' }]],
    ['an empty value of a field', form(`${DISPOSITION}\r\nX:\r\nContent-Type:`), [{ type: 'text/plain' }]],
    ['an encoding that changes nothing', form(`${DISPOSITION}\r\nContent-Transfer-Encoding: 8bit`), [{ data: '1' }]],
    ['bytes of UTF-8', form('Content-Disposition: form-data; name="\u00c3\u00a9"'), [{ name: 'é' }]],
    // As the HttpClient of .NET writes them.
    ['filename* beside filename', form(`${DISPOSITION}; filename=f; filename*=utf-8''g`), [{ filename: 'f' }]],
    ['fields repeated that mean nothing here', form(`${DISPOSITION}\r\nX: 1\r\nX: 2`), [{ data: '1' }]],
  ])('%s', (_what, body, parts) => {
    const outcome = read(body);
    expect([outcome.status, outcome.message]).toEqual([200, '']);
    expect(outcome.parts).toHaveLength(parts.length);
    expect(outcome.parts).toMatchObject(parts);
  });
});

describe('refused, and nothing passed over', () => {
  test.each<[string, string, RegExp, number?]>([
    ['a line without a colon', form(`${DISPOSITION}\r\nnothing`), /no header field/],
    ['a line without a colon ahead of the rest', form(`nothing\r\n${DISPOSITION}`), /no header field/],
    ['a field without a name', form(`${DISPOSITION}\r\n: 1`), /no header field/],
    ['a blank before the colon', form(`${DISPOSITION}\r\nX : 1`), /no header field/],
    ['a name that is no ASCII', form(`${DISPOSITION}\r\n\u00e9: 1`), /no header field/],
    ['a blank at the beginning', form(` ${DISPOSITION}`), /no header field/],
    ['a folded field', form('Content-Disposition: form-data;\r\n name=a'), /no header field/],
    ['NUL', form(`${DISPOSITION}\r\nX: \0`), /no header field/],
    ['DEL', form(`${DISPOSITION}\r\nX: \x7f`), /no header field/],
    ['a lone LF', form(`${DISPOSITION}\nContent-Type: text/html`), /no header field/],
    ['a lone CR', form(`${DISPOSITION}\rContent-Type: text/html`), /control character/],
    ['LF for every line end', form(DISPOSITION).replaceAll('\r\n', '\n'), /before its closing delimiter/],
    ['no Content-Disposition', form('Content-Type: text/plain'), /no Content-Disposition/],
    ['no field at all', '--x\r\n\r\n1\r\n--x--', /no header field/],
    ['no field and no data', '--x\r\n\r\n--x--', /no header field/],
    ['no name', form('Content-Disposition: form-data; filename=a'), /no Content-Disposition/],
    ['two names', form(`${DISPOSITION}; name=b`), /a parameter twice/],
    ['two file names', form(`${DISPOSITION}; filename=b; FileName=c`), /a parameter twice/],
    ['a file name in the form filename* alone', form(`${DISPOSITION}; filename*=utf-8''a`), /filename\*/],
    ['two Content-Dispositions', form(`${DISPOSITION}\r\n${DISPOSITION}`), /more than one content-disposition/],
    [
      'two Content-Types',
      form(`${DISPOSITION}\r\nContent-Type: a/b\r\ncontent-type: a/b`),
      /more than one content-type/,
    ],
    ['a malformed Content-Type', form(`${DISPOSITION}\r\nContent-Type: text/`), /malformed Content-Type/],
    ['an encoding', form(`${DISPOSITION}\r\nContent-Transfer-Encoding: base64`), /Transfer-Encoding/, 415],
    ['a delimiter in a head', `--x\r\n${DISPOSITION}\r\n--x--\r\n`, /has no end/],
    ['the delimiter with text behind it', `--xy\r\n${DISPOSITION}\r\n\r\n1\r\n--x--`, /goes on with something else/],
    ['one dash behind the delimiter', `--x\r\n${DISPOSITION}\r\n\r\n1\r\n--x-\r\n--x--`, /goes on with something else/],
    [
      'text behind the closing delimiter',
      `--x\r\n${DISPOSITION}\r\n\r\n1\r\n--x--y\r\n`,
      /goes on with something else/,
    ],
    ['a lone LF behind a delimiter', `--x\n${DISPOSITION}\r\n\r\n1\r\n--x--`, /goes on with something else/],
    ['endless blanks behind a delimiter', `--x${' '.repeat(9999)}`, /goes on with something else/],
    ['an end inside the closing delimiter', `--x\r\n${DISPOSITION}\r\n\r\n1\r\n--x-`, /before its closing delimiter/],
    ['an end inside a head', `--x\r\n${DISPOSITION}\r\n`, /before its closing delimiter/],
    ['an empty body', '', /before its closing delimiter/],
  ])('%s', (_what, body, message, status = 400) => {
    const outcome = read(body);
    expect(outcome.message).toMatch(message);
    expect(outcome.status).toBe(status);
  });

  test('32 header fields pass, one more gives 413', () => {
    const fields = (count: number) => form(`${DISPOSITION}${'\r\nX: y'.repeat(count - 1)}`);
    expect(read(fields(32)).status).toBe(200);
    expect(read(fields(33))).toMatchObject({ status: 413, parts: [] });
  });
});

/** Bodies near the grammar: pieces of it, in any order and damaged. */
const PIECES = [
  '--x',
  '\r\n--x',
  '\r\n--x--',
  '\r\n--x\r\n',
  `${DISPOSITION}\r\n\r\n`,
  `${DISPOSITION}; filename="f"\r\nContent-Type: image/png\r\n\r\n`,
  `--x\r\n${DISPOSITION}\r\n\r\n`,
  'X: y\r\n',
  '\r\n z',
  '\r\n',
  '\r\n\r\n',
  '\r',
  '\n',
  '-',
  '--',
  ' ',
  'data',
  '\0',
  ':',
  'y'.repeat(60),
];
const pieces = fc.array(fc.constantFrom(...PIECES), { maxLength: 25 }).map((list) => bytesOf(list.join('')));

const whole = multipartBody(
  [
    { name: 'a', data: '\r\n--\r' },
    { name: 'b', data: 'file\n', filename: 'f.txt' },
    { name: 'c', data: '' },
  ],
  'x',
).body;

/** A proper form with some bytes changed, left out or put in. */
const damaged = fc
  .array(
    fc.record({
      at: fc.nat(whole.byteLength - 1),
      cut: fc.nat(3),
      put: fc.constantFrom('', '\r', '\n', '\r\n', '-', '\0', ':', ' ', 'x', '\r\n--x', '"'),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((changes) => {
    let text = Buffer.from(whole).toString('latin1');
    for (const { at, cut, put } of changes) text = text.slice(0, at) + put + text.slice(at + cut);
    return bytesOf(text);
  });

const cuts = fc.array(fc.nat(4000), { maxLength: 12 });
const limits = fc.record(
  {
    maxParts: fc.nat(3),
    maxFieldSize: fc.nat(20),
    maxFileSize: fc.nat(20),
    maxHeaderSize: fc.integer({ min: 30, max: 120 }),
    maxTotalSize: fc.nat(400),
  },
  { requiredKeys: [] },
);

describe('what a body means does not depend on how it is cut (G-57)', () => {
  test('also at every single byte of every form above', () => {
    const bodies = [form(DISPOSITION), form(`${DISPOSITION}\r\nX: y`, '\r\n--\r\n--\r'), Buffer.from(whole)];
    for (const body of bodies.map(bytesOf)) {
      const once = read(body);
      for (let cut = 1; cut < body.byteLength; cut++) expect(read(body, [cut])).toEqual(once);
      expect(read(body, [...body.keys()])).toEqual(once);
    }
  });

  test('nor does a limit of the whole body right behind a delimiter', () => {
    const body = bytesOf('--x\r\n--x\r\n');
    for (const places of [[], [...body.keys()]]) expect(read(body, places, { maxTotalSize: 8 }).status).toBe(413);
  });

  test('nor do the refusals and limits, whatever was done to it, and nothing else is ever thrown (G-63)', {
    timeout: 30_000,
  }, () => {
    const statuses = new Set<number>();
    fc.assert(
      fc.property(fc.oneof(pieces, damaged), cuts, limits, fc.boolean(), (body, places, most, lost) => {
        const once = read(body, [], most, lost);
        statuses.add(once.status);
        expectSame(read(body, places, most, lost), once, lost);
        expectSame(read(body, [...body.keys()], most, lost), once, lost);
      }),
      { numRuns: 1500 },
    );
    // The bodies reach every kind of end.
    expect([...statuses].sort()).toEqual([0, 200, 400, 413]);
  });

  test('nor does the convention (B-14)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(pieces, damaged), cuts, fc.boolean(), async (body, places, lost) => {
        const environ = setupAsyncTestingDefaults({ CONTENT_TYPE: 'multipart/form-data; boundary=x' });
        const next = reads(body, places, lost);
        environ['wsgi.input'].read = async () => next();
        const outcome: Outcome = { parts: [], status: 200, message: '' };
        try {
          for await (const part of multipart(environ)) {
            const { name, filename, type, headers } = part;
            const seen = { name, filename, type, headers: headers.items(), data: '' };
            outcome.parts.push(seen);
            for await (const block of part) seen.data += Buffer.from(block).toString('latin1');
          }
        } catch (error) {
          if (!(error instanceof RequestDataError || error instanceof ClientDisconnected)) throw error;
          outcome.status = error instanceof RequestDataError ? error.status : 0;
          outcome.message = error.message;
        }
        expectSame(outcome, read(body, places, {}, lost), lost);
      }),
      { numRuns: 300 },
    );
  });

  test('arbitrary bytes neither hang nor throw anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), cuts, (body, places) => {
        expect([200, 400, 413]).toContain(read(body, places).status);
      }),
      { numRuns: 300 },
    );
  });
});
