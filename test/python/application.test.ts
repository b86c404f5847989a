/** A Python application sees the interface of PEP 3333, and what calls it that of JavaScript; in one interpreter. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { redirectOutput } from '../../src/engine/error-stream.ts';
import { ClientDisconnected, RequestBodyError } from '../../src/interface/errors.ts';
import { READ_BLOCK } from '../../src/interface/read-block.ts';
import type { Application } from '../../src/interface/types.ts';
import { PythonError, pythonApp } from '../../src/python/index.ts';
import type { TestResponse } from '../../src/testing/response.ts';
import { SyncTestClient } from '../../src/testing/sync-client.ts';
import { validator } from '../../src/validate/index.ts';
import { apps, cache } from './folder.ts';

let app: Application;
let client: SyncTestClient;
let checked: SyncTestClient;

beforeAll(async () => {
  app = await pythonApp('./behaviours.py', { directory: apps, cache });
  client = new SyncTestClient(app);
  // Another interpreter.
  checked = new SyncTestClient(await pythonApp('./behaviours.py:checked', { directory: apps, cache }));
}, 60_000);

/** The chunks of a response. */
const texts = ({ chunks }: TestResponse): string[] => chunks.map((chunk) => Buffer.from(chunk).toString());
/** As Python shows bytes. */
const bytes = (text: string): string => `b'${text.replaceAll('\n', '\\n')}'`;

describe('environ (PY-10)', () => {
  it('is a dict of native strings, and of what the interface has beside them', () => {
    const response = client.get('/variables/caf%C3%A9?a=%20b', { headers: { 'X-One': 'é', Accept: 'a, b' } });
    const { 'quaich.client_disconnected': gone, ...environ } = JSON.parse(response.text);
    expect(environ).toMatchObject({
      ...{ REQUEST_METHOD: 'GET', SCRIPT_NAME: '', PATH_INFO: '/variables/cafÃ©', QUERY_STRING: 'a=%20b' },
      ...{ HTTP_X_ONE: 'é', HTTP_ACCEPT: 'a, b', 'wsgi.url_scheme': 'http', mine: 'of this request' },
      ...{ 'wsgi.version': '(1, 0)', 'wsgi.multithread': false, 'wsgi.multiprocess': expect.any(Boolean) },
      ...{ 'wsgi.run_once': false, 'wsgi.input_terminated': true },
    });
    expect(gone).toContain('function');
    expect(Object.keys(environ)).toEqual(
      expect.arrayContaining(['wsgi.input', 'wsgi.errors', 'wsgi.file_wrapper', 'SERVER_NAME', 'SERVER_PORT']),
    );
    expect(Object.keys(environ)).not.toContain('quaich.async');
    expect(JSON.parse(client.get('/variables').text).mine).toBe('of this request');
  });

  it('has values with NULs, and ones that are very large', () => {
    const { PATH_INFO } = JSON.parse(client.get('/variables/a%00b').text);
    expect(PATH_INFO).toBe('/variables/a\0b');
    const large = 'x'.repeat(300_000);
    const other = new SyncTestClient(app, { environ: { 'my.text': large } });
    expect(JSON.parse(other.get('/variables').text)['my.text']).toBe(large);
  });

  it('is right however many sets of fields there were', () => {
    for (let i = 0; i < 600; i++) {
      const { [`HTTP_X_${i}`]: value } = JSON.parse(client.get('/variables', { headers: { [`X-${i}`]: `${i}` } }).text);
      expect(value).toBe(`${i}`);
    }
  });
});

describe('wsgi.input (PY-11)', () => {
  const pieces = ['ab', 'c\nd', 'e\n', '\n', 'fgh'];
  const whole = pieces.join('');
  const CASES: [calls: unknown[], found: unknown[]][] = [
    [[['read']], [whole]],
    [[['read', -1]], [whole]],
    [[['read', null]], [whole]],
    [[['read', 0]], ['']],
    [
      [['read', 1], ['read', 4], ['read', 100], ['read']],
      ['a', 'bc\nd', 'e\n\nfgh', ''],
    ],
    [
      [['readline'], ['readline'], ['readline'], ['readline'], ['readline']],
      ['abc\n', 'de\n', '\n', 'fgh', ''],
    ],
    [
      [
        ['readline', 2],
        ['readline', 2],
        ['readline', 0],
        ['readline', -1],
        ['readline', null],
      ],
      ['ab', 'c\n', '', 'de\n', '\n'],
    ],
    [
      [['readline', 2], ['read', 3], ['readline'], ['read', 2], ['readline']],
      ['ab', 'c\nd', 'e\n', '\nf', 'gh'],
    ],
    [[['readlines']], [['abc\n', 'de\n', '\n', 'fgh']]],
    [
      [
        ['readlines', 5],
        ['readlines', 1],
        ['readlines', 0],
      ],
      [['abc\n', 'de\n'], ['\n'], ['fgh']],
    ],
    [[['readlines', -1]], [['abc\n', 'de\n', '\n', 'fgh']]],
    [
      [['read1', 3], ['read1'], ['seekable']],
      ['ab', 'c\nd', false],
    ],
  ];
  const shown = (value: unknown): string =>
    Array.isArray(value) ? `[${value.map(shown).join(', ')}]` : value === false ? 'False' : bytes(String(value));

  it.each(CASES)('gives for %j what Python gives', (calls, found) => {
    const { text } = client.post('/reads', { headers: { 'X-Reads': JSON.stringify(calls) }, body: pieces });
    expect(text).toBe(shown(found));
  });

  it('iterates over lines, and echoes what is large', () => {
    expect(client.post('/lines', { body: pieces }).text).toBe('4:abc\n3:de\n1:\n3:fgh');
    const large = Buffer.alloc(3_000_000, 'abc\n');
    expect(Buffer.from(client.post('/echo', { body: large }).body).equals(large)).toBe(true);
    expect(client.get('/echo').text).toBe('');
  });

  it.each([
    [new Uint8Array(1_000_000), /RangeError: wsgi\.input gave 1000000 bytes where 262144 were asked for/],
    ['text', /wsgi\.input|chunk/],
  ])('that somebody has replaced cannot give what was not asked for', (given, said) => {
    const other = new SyncTestClient((environ, startResponse) => {
      environ['wsgi.input'] = Object.assign(environ['wsgi.input'], { read: () => given, [READ_BLOCK]: () => given });
      return app(environ, startResponse);
    });
    const response = other.post('/echo', { body: 'some', headers: { 'Transfer-Encoding': 'chunked' } });
    expect([response.status, response.errors]).toEqual([500, expect.stringMatching(said)]);
    expect(client.post('/echo', { body: 'some' }).text).toBe('some');
  });

  it('of a request that is over raises an error', () => {
    expect(client.get('/keep_input').text).toBe('kept');
    expect(client.get('/read_kept').text).toBe('the request of this wsgi.input is over');
  });

  it('PY-20 raises an OSError where the body breaks off; the client gets the status of its fault', () => {
    const body = function* () {
      yield 'some';
      throw new RequestBodyError('the request body is larger than 4 bytes', 413);
    };
    const response = client.post('/broken_body', { body: body() });
    expect([response.status, response.errors]).toEqual([413, 'reads\ncaught Disconnected\n']);
    const left = function* () {
      yield 'some';
      throw new ClientDisconnected();
    };
    expect(client.post('/broken_body', { body: left() }).errors).toBe('reads\ncaught Disconnected\n');
    expect(client.get('/steps').text).toBe('one two three');
  });
});

describe('wsgi.errors (PY-12)', () => {
  it('takes text', () => {
    const response = client.get('/errors');
    expect(response.errors).toBe('to the log: €\none\ntwo\nalso here\n');
    expect(response.text).toBe('wsgi.errors takes str, got bytes');
  });
});

describe('start_response', () => {
  it.each([
    ['(200, [])', 'TypeError: the status must be a str, got int (PY-13)'],
    ["('200 OK', ())", 'TypeError: the headers must be a list, got tuple (PY-13)'],
    ["('200 OK', [('A', 1)])", "TypeError: name and value of a header must be str, got 'A': 1 (PY-13)"],
    ["('200 OK', [('A', 'a\\0Set-Cookie\\0b')])", 'ValueError: a NUL in the head of the response (PY-13)'],
    ["('200 OK', [('A', '\\u20ac')])", expect.stringMatching(/^UnicodeEncodeError: 'latin-1'/)],
  ])('PY-13 refuses %s', (args, message) => {
    expect(client.get('/start_wrongly', { headers: { 'X-Arguments': args } }).text).toEqual(message);
  });

  it('PY-13 has what is wrong otherwise fail the request', () => {
    const response = client.get('/start_wrongly', { headers: { 'X-Arguments': "('200 OK', [('A', 'a\\r\\nb')])" } });
    expect(response.status).toBe(500);
  });

  it('PY-14 is called a second time with exc_info alone', () => {
    const response = client.get('/twice');
    expect(response.status).toBe(500);
    expect(response.errors).toContain('start_response was called a second time without exc_info (PY-14)');
    const replaced = client.get('/replaced');
    expect([replaced.status, replaced.text]).toEqual([500, 'replaced']);
  });

  it('PY-14 raises what it is given where the head was sent', () => {
    const response = client.get('/replaced_late');
    expect([response.status, response.broken, response.text]).toEqual([200, true, 'first']);
    expect(response.errors).toContain('ZeroDivisionError: division by zero');
  });

  it('PY-15 returns write, which sends ahead of the body', () => {
    client.get('/closes');
    const response = client.get('/writes');
    expect(texts(response)).toEqual(['written ', 'twice ', 'returned']);
    expect(client.get('/closes').text).toBe('writes');
  });
});

describe('the body (PY-16)', () => {
  it('may start its response late, and has no empty chunks', () => {
    expect(client.get('/late').text).toBe('late');
    expect(texts(client.get('/steps'))).toEqual(['one ', 'two ', 'three']);
  });

  it.each([
    ["[b'one']", 'one'],
    ["[b'one', b'', b'two']", 'onetwo'],
    ["(b'one', b'two')", 'onetwo'],
    ['[]', ''],
    ["iter([b'a', b'b'])", 'ab'],
    ["{b'key': 1}", 'key'],
    ["type('Sub', (bytes,), {})(b'of a subclass'),", 'of a subclass'],
  ])('may be %s', (body, text) => {
    const response = client.get('/chunks', { headers: { 'X-Body': body } });
    expect([response.status, response.text, response.errors]).toEqual([200, text, '']);
  });

  it.each(["['text']", "iter(['text'])", "[bytearray(b'x')]", "[b'a', 5]", 'None', "'text'", '5'])(
    'may not be %s',
    (body) => {
      const response = client.get('/chunks', { headers: { 'X-Body': body } });
      expect(response.status).toBe(500);
      expect(response.errors).toMatch(/TypeError/);
    },
  );

  it('needs start_response', () => {
    const response = client.get('/not_started');
    expect(response.status).toBe(500);
    expect(response.errors).toContain('the application has not called start_response (PY-16)');
  });

  it('of one chunk has its length, also where it is large', () => {
    const response = client.get('/big');
    expect([response.body.length, response.headers.get('Content-Length')]).toEqual([5_000_000, '5000000']);
    expect(client.head('/big').headers.get('Content-Length')).toBe('5000000');
  });

  it('PY-17 is closed once: at its end, where it fails, and where the client leaves', () => {
    client.get('/closes');
    client.get('/steps');
    expect(client.get('/closes').text).toBe('steps');
    expect(client.get('/breaks').broken).toBe(true);
    expect(client.get('/closes').text).toBe('breaks');
    client.get('/steps', { disconnectAfter: 1 });
    expect(client.get('/closes').text).toBe('steps');
    client.head('/steps');
    expect(client.get('/closes').text).toBe('steps');
  });

  it('PY-18 may be a file, from wherever it stands', () => {
    const source = readFileSync(join(apps, 'behaviours.py'), 'utf8');
    expect(client.get('/file').text).toBe(source);
    expect(client.get('/file?10').text).toBe(source.slice(10));
    expect(texts(client.get('/temporary'))).toEqual(['in m', 'emor', 'y']);
  });

  it('of a request is not mixed with that of another, whatever is called meanwhile', () => {
    const inner: string[] = [];
    const response = client.get('/steps', {
      onChunk: () => {
        if (inner.length === 0) inner.push(client.get('/late').text);
      },
    });
    expect([inner, response.broken]).toEqual([['late'], true]);
    expect(client.get('/steps').text).toBe('one two three');
  });
});

describe('exceptions (PY-19)', () => {
  it('are told with the traceback of Python, without the frames of ours', () => {
    const response = client.get('/fails');
    expect(response.statusLine).toBe('500 Internal Server Error');
    expect(response.errors).toMatch(/Traceback \(most recent call last\):\n {2}File ".*behaviours\.py", line \d+/);
    expect(response.errors).toContain('ValueError: before the head: €');
    expect(response.errors).not.toMatch(/_quaich|pyodide/);
    expect(client.get('/exits').errors).toContain('SystemExit: 3');
  });

  it('come to middleware as errors whose stack is that traceback', () => {
    let caught: unknown;
    const middleware: Application = (environ, startResponse) => {
      try {
        return app(environ, startResponse);
      } catch (error) {
        caught = error;
        throw error;
      }
    };
    new SyncTestClient(middleware).get('/fails');
    expect(caught).toBeInstanceOf(PythonError);
    expect(caught).toMatchObject({
      ...{ message: 'ValueError: before the head: €', stack: expect.stringMatching(/^Traceback/) },
    });
  });
});

describe('around it (PY-60)', () => {
  it('the validator finds nothing', () => {
    const valid = new SyncTestClient(validator(app, { kind: 'sync' }));
    for (const path of ['/steps', '/writes', '/late', '/big', '/file', '/replaced', '/errors']) {
      const response = valid.get(path);
      expect([path, response.errors.replace(/^to the log[\s\S]*$/, '')]).toEqual([path, '']);
    }
    expect(valid.post('/echo', { body: 'text' }).text).toBe('text');
  });

  it("Python's own validator finds nothing", () => {
    for (const path of ['/steps', '/writes', '/big', '/replaced']) {
      expect([path, checked.get(path).errors]).toEqual([path, '']);
    }
    expect(checked.post('/lines', { body: 'a\nb' }).text).toBe('2:a\n1:b');
    expect(checked.get('/variables').errors).toBe('');
  });

  it('middleware in JavaScript may change environ, head and body', () => {
    const shout: Application = (environ, startResponse) => {
      environ.HTTP_X_ADDED = 'by middleware';
      const body = app(environ, (status, headers, error) =>
        startResponse(status, [...headers, ['X-Added', 'yes']], error),
      );
      return [
        Buffer.from(
          Buffer.concat([...body])
            .toString()
            .toUpperCase(),
        ),
      ];
    };
    const response = new SyncTestClient(shout).get('/steps');
    expect([response.text, response.headers.get('X-Added')]).toEqual(['ONE TWO THREE', 'yes']);
    expect(new SyncTestClient(shout).get('/variables').text).toContain('BY MIDDLEWARE');
  });

  it('PY-04 hooks are properties, and what startup leaves is in environ', async () => {
    const started = new SyncTestClient(await pythonApp('./hooks.py', { directory: apps, cache }));
    await started.startup();
    for (const _ of [1, 2]) expect(JSON.parse(started.get('/state').text)).toEqual({ started: true, added: 1 });
    const lines: string[] = [];
    redirectOutput((bytes) => lines.push(Buffer.from(bytes).toString()));
    await started.shutdown();
    expect(lines.join('')).toBe("shutdown: {'started': True}\natexit\n");
  });
});
