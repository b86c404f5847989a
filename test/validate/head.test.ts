import { describe, expect, it } from 'vitest';
import { answering, CHUNK, OK, steps, tryAsync, trySync, type Wrong } from './trial.ts';

const TYPE: [string, string] = ['Content-Type', 'text/plain'];
const status = (value: unknown) => [value, [TYPE]];
const headers = (...value: unknown[]) => ['200 OK', [TYPE, ...value]];

/** Row, what is shown, broken arguments of startResponse, correct ones. */
const VIOLATIONS: [row: string, title: string, broken: unknown[], correct?: unknown[]][] = [
  ['V-40', 'the status is a string', status(200), status('200 OK')],
  ['V-40', 'the status is no String object', status(new String('200 OK'))],
  ['V-41', 'the status begins with three characters', status('20 OK')],
  ['V-41', 'the status is not empty', status('')],
  ['V-42', 'the code is a number', status('2x0 OK')],
  ['V-43', 'the code is at least 100', status('099 OK')],
  ['V-44', 'a space follows the code', status('200'), status('200 ')],
  ['V-44', 'no tab follows the code', status('200\tOK')],
  ['V-104', 'the code is at least 200', status('103 Early Hints'), status('299 Whatever')],
  ['V-104', 'the code is at most 599', status('600 OK'), status('599 Unknown')],
  ['V-104', 'the status ends without CR LF', status('200 OK\r\n')],
  ['V-104', 'the reason has no control characters', status('200 O\tK'), status('200 O K')],
  ['V-104', 'one space stands before the reason', status('200  OK')],
  ['V-104', 'no space stands behind it', status('200 OK ')],
  ['V-104', 'no unit is above U+00FF', status('200 \u0101'), status('200 \xe9')],
  ['V-50', 'the headers are an array', ['200 OK', new Map([TYPE])], ['200 OK', [TYPE]]],
  ['V-50', 'the headers are no object', ['200 OK', { 'Content-Type': 'text/plain' }]],
  ['V-50', 'the headers are no Headers', ['200 OK', new Headers([TYPE])]],
  ['V-50', 'the headers are no subclass of Array', ['200 OK', new (class extends Array {})()]],
  ['V-51', 'a header is an array', headers('X: 1'), headers(['X', '1'])],
  ['V-51', 'a hole is no header', ['200 OK', Object.assign([TYPE], { length: 2 })]],
  ['V-52', 'a header has two elements', headers(['X'])],
  ['V-52', 'a header does not have three', headers(['X', '1', '2'])],
  ['V-53', 'a name is a string', headers([1, '1'])],
  ['V-54', 'a value is a string', headers(['X', 1])],
  ['V-55', 'no header is named Status', headers(['STATUS', '200']), headers(['X-Status', '200'])],
  ['V-56', 'a name has no newline', headers(['X\n', '1'])],
  ['V-56', 'a name has no colon', headers(['X:', '1'])],
  ['V-105', 'a name is a token', headers(['X Y', '1']), headers(['X_Y-1', '1'])],
  ['V-58', 'a name does not end in a hyphen', headers(['X-', '1'])],
  ['V-58', 'a name does not end in an underscore', headers(['X_', '1'])],
  ['V-59', 'a value has no newline', headers(['X', 'a\nb']), headers(['X', 'a b'])],
  ['V-59', 'a value has no NUL', headers(['X', '\0'])],
  ['V-59', 'a value has no CR', headers(['X', 'a\r']), headers(['X', ''])],
  ['V-105', 'a name is not empty', headers(['', '1'])],
  ['V-105', 'a name has no unit above U+00FF', headers(['X\u0101', '1'])],
  ['V-105', 'a value has no unit above U+00FF', headers(['X', '\u010d\u010a']), headers(['X', '\xff'])],
  ['V-105', 'a value has no DEL', headers(['X', '\x7f'])],
  ...[
    'Connection',
    'keep-alive',
    'Proxy-Authenticate',
    'Proxy-Authorization',
    'Proxy-Connection',
    'TE',
    'Trailer',
    'Trailers',
    'TRANSFER-ENCODING',
    'Upgrade',
  ].map((name): [string, string, unknown[], unknown[]] => [
    'V-106',
    `${name} is hop-by-hop`,
    headers([name, 'x']),
    headers([`X-${name}`, 'x']),
  ]),
  ['V-107', 'Content-Length is digits', headers(['Content-Length', '+0']), headers(['Content-Length', '0'])],
  ['V-107', 'Content-Length is not empty', headers(['Content-Length', ''])],
  ['V-107', 'Content-Length is no list', headers(['Content-Length', '0, 0'])],
  [
    'V-107',
    'Content-Length is not given twice with different values',
    headers(['Content-Length', '0'], ['content-length', '1']),
    headers(['Content-Length', '0'], ['content-length', '00']),
  ],
  ['V-107', 'Content-Length is absent with 204', ['204 No Content', [['Content-Length', '0']]], ['204 No Content', []]],
  ['V-61', 'Content-Type is absent with 204', ['204 No Content', [TYPE]], ['204 No Content', []]],
  ['V-62', 'the error is an Error', [...OK, 'message'], [...OK, new TypeError('x')]],
  ['V-62', 'false is no error', [...OK, false], [...OK, undefined]],
];

describe('status, headers and error', () => {
  it.each(VIOLATIONS)('%s %s', async (row, _title, broken, correct) => {
    expect(trySync(answering(broken))).toMatchObject({ row, side: 'application' });
    expect((await tryAsync(answering(broken))).row).toBe(row);
    const seen = trySync(answering(correct ?? OK));
    expect(seen.row).toBeNull();
    expect(seen.warned.filter((warned) => warned !== 'V-60')).toEqual([]);
  });

  it.each<[string, string, unknown[]]>([
    ['V-57', 'a name that begins with a digit', headers(['1X', '1'])],
    ['V-57', 'a name with unusual characters', headers(['X!', '1'])],
    ['V-105', 'a value that begins with a blank', headers(['X', ' 1'])],
    ['V-105', 'a value that ends with a blank', headers(['X', '1 '])],
    ['V-105', 'a value that begins with a HTAB', headers(['X', '\t1'])],
    ['V-105', 'a value that ends with a HTAB', headers(['X', '1\t'])],
    // As the engine has it: RFC 9110, 5.5, and G-90.
    ['V-59', 'a HTAB inside a value', headers(['X', 'a\tb'])],
    ['V-59', 'a HTAB between blanks inside a value', headers(['X', 'a \t b'])],
    ['V-61', 'Content-Type with 304', ['304 Not Modified', [TYPE]]],
    ['V-60', 'no Content-Type with 302', ['302 Found', [['Location', '/']]]],
    ['V-60', 'no Content-Type with an empty 200', ['200 OK', []]],
  ])('%s warns: %s', (row, _title, args) => {
    expect(trySync(answering(args))).toMatchObject({ row: null, warned: [row] });
    expect(trySync(answering(OK))).toMatchObject({ row: null, warned: [] });
  });

  it('V-60 a 2xx response with a body has a Content-Type', () => {
    expect(trySync(answering(['200 OK', []], [CHUNK]))).toMatchObject({ row: 'V-60', side: 'application' });
    expect(trySync(answering(['201 Created', []], steps([CHUNK]))).row).toBe('V-60');
    expect(trySync(answering(['404 Not Found', []], [CHUNK]))).toMatchObject({ row: null, warned: ['V-60'] });
    expect(trySync(answering(['204 No Content', []]))).toMatchObject({ row: null, warned: [] });
    const redirect = [
      ['Location', '/'],
      ['Content-Length', '0'],
    ];
    expect(trySync(answering(['301 Moved Permanently', redirect]))).toMatchObject({ row: null, warned: [] });
    expect(trySync(answering(['304 Not Modified', []]))).toMatchObject({ row: null, warned: [] });
    expect(trySync(answering(['200 OK', [['CONTENT-TYPE', 'a/b']]], [CHUNK]))).toMatchObject({ row: null, warned: [] });
  });

  it('V-50 an array of another realm is an array', async () => {
    const { runInNewContext } = await import('node:vm');
    expect(trySync(answering(['200 OK', runInNewContext("[['Content-Type', 'a/b']]")])).row).toBeNull();
    expect(trySync(answering([...OK, runInNewContext("new Error('x')")])).row).toBeNull();
  });
});

describe('the order of calls of startResponse', () => {
  const twice =
    (...second: unknown[]) =>
    (_environ: Wrong, start: Wrong) => {
      start(...OK);
      start(...second);
      return [];
    };

  it('V-120 a second call needs an error', () => {
    expect(trySync(twice(...OK))).toMatchObject({ row: 'V-120', side: 'application' });
    expect(trySync(twice(...OK, null)).row).toBe('V-120');
    expect(trySync(twice('500 Oops', [TYPE], new Error('x'))).row).toBeNull();
  });

  it('V-120 also when the first call threw', () => {
    const app = (_environ: Wrong, start: Wrong) => {
      try {
        start('bad', []);
      } catch {}
      start(...OK);
      return [];
    };
    expect(trySync(app).row).toBe('V-120');
  });

  /** Yields, then reports an error to startResponse, and lets out or swallows what that throws. */
  const failing = (swallow: boolean) =>
    function* (_environ: Wrong, start: Wrong) {
      start(...OK);
      yield CHUNK;
      try {
        start('500 Oops', [TYPE], new Error('mine'));
      } catch (error) {
        if (!swallow) throw error;
      }
      yield CHUNK;
    };
  const strict = () => {
    let calls = 0;
    return (_status: unknown, _headers: unknown, error?: Error) => {
      if (calls++ > 0 && error) throw error;
      return () => {};
    };
  };

  it('V-121 with the head sent, startResponse throws the error back', async () => {
    const lax = () => () => {};
    expect(trySync(failing(false), { startResponse: lax })).toMatchObject({ row: 'V-121', side: 'server' });
    const declared = trySync(failing(false), { startResponse: lax, options: { behindMiddleware: true } });
    expect(declared.row).toBeNull();
    const seen = trySync(failing(false), { startResponse: strict() });
    expect(seen.row).toBeNull();
    expect(seen.error).toMatchObject({ message: 'mine' });
    async function* later(environ: Wrong, start: Wrong) {
      yield* failing(false)(environ, start);
    }
    expect((await tryAsync(later, { startResponse: () => async () => {} })).row).toBe('V-121');
  });

  it('V-121 after write the head is sent', () => {
    const app = (_environ: Wrong, start: Wrong) => {
      start(...OK)(CHUNK);
      start('500 Oops', [TYPE], new Error('mine'));
      return [];
    };
    expect(trySync(app, { startResponse: () => () => {} }).row).toBe('V-121');
    expect(trySync(app, { startResponse: strict() })).toMatchObject({ row: null, error: { message: 'mine' } });
  });

  it('V-122 the application lets out the error that startResponse threw back', async () => {
    expect(trySync(failing(true), { startResponse: strict() })).toMatchObject({ row: 'V-122', side: 'application' });
    expect(trySync(failing(false), { startResponse: strict() }).row).toBeNull();
    const returning = (swallow: boolean) => (_environ: Wrong, start: Wrong) => {
      start(...OK)(CHUNK);
      try {
        start('500 Oops', [TYPE], new Error('mine'));
      } catch (error) {
        if (!swallow) throw error;
      }
      return [];
    };
    expect(trySync(returning(true), { startResponse: strict() }).row).toBe('V-122');
    expect(trySync(returning(false), { startResponse: strict() }).row).toBeNull();
    async function* later(environ: Wrong, start: Wrong) {
      yield* failing(true)(environ, start);
    }
    const start = strict();
    const outer = (...args: Parameters<typeof start>) => {
      start(...args);
      return async () => {};
    };
    expect((await tryAsync(later, { startResponse: outer })).row).toBe('V-122');
  });

  it('V-87 a head that the server refuses is no head', () => {
    const strict = (_status: unknown, _headers: unknown, error?: Error) => {
      if (error) throw new TypeError('not this one');
      return () => {};
    };
    const app = (_environ: Wrong, start: Wrong) => {
      start(...OK);
      try {
        start('500 Oops', [TYPE], new Error('mine'));
      } catch {}
      return [CHUNK];
    };
    expect(trySync(app, { startResponse: strict }).row).toBe('V-87');
    expect(trySync(app).row).toBeNull();
  });

  it('G-98 a call after the body has ended is refused', () => {
    let kept: Wrong;
    const app = (_environ: Wrong, start: Wrong) => {
      kept = start;
      start(...OK);
      return steps([CHUNK]);
    };
    expect(trySync(app).row).toBeNull();
    expect(() => kept(...OK)).toThrow(/^G-98/);
  });
});
