import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkHead } from '../../src/engine/response-head.ts';
import { runAsync } from '../../src/engine/run-async.ts';
import { runSync } from '../../src/engine/run-sync.ts';
import { ApplicationError } from '../../src/interface/errors.ts';
import { HEAD_HAS_DATE, HEAD_HAS_LENGTH, HEAD_HAS_SERVER, HEAD_NO_BODY } from '../../src/interface/transport.ts';
import type { AsyncStartResponse, HeaderField, StartResponse, Write } from '../../src/interface/types.ts';
import { argumentError, givenError } from '../../src/rules/head.ts';
import { bytes, tracedBody } from './application-table.ts';
import { asyncEnviron, MemoryErrors, syncEnviron } from './environs.ts';
import { AsyncRecorder, SyncRecorder } from './recording-transport.ts';

/** A status that is refused, of which the compiler knows nothing. */
const BAD: string = 'bad';

/** Runs one sync application, the test's own code in it. */
function run(app: (startResponse: StartResponse, recorder: SyncRecorder) => Iterable<Uint8Array>, method = 'GET') {
  const errors = new MemoryErrors();
  const recorder = new SyncRecorder();
  runSync((_environ, startResponse) => app(startResponse, recorder), syncEnviron(method, errors), recorder);
  expect(recorder.breaches).toEqual([]);
  expect(recorder.dones).toBe(1);
  return { recorder, errors };
}

describe('the status', () => {
  test.each(['200 OK', '200 ', '599 Network Connect Timeout', '404 Not  Found', '200 \xe9\xff', '299 a'])(
    'G-88 %j is taken',
    (status) => {
      expect(checkHead(status, [], false).text).toBe(`${status}\r\n`);
    },
  );

  test.each([
    '200',
    '',
    '2000 OK',
    'OK',
    '200  OK',
    '200 OK ',
    ' 200 OK',
    '200\tOK',
    '200 O\tK',
    '200 OK\r\n',
    '200 OK\n',
    '200 O\0K',
    '200 O\x7fK',
    '199 Early',
    '100 Continue',
    '101 Switching Protocols',
    '600 Beyond',
    '20x OK',
  ])('G-88, G-89 %j is refused', (status) => {
    expect(() => checkHead(status, [], false)).toThrow(/G-88, G-89/);
  });

  test.each([200, null, undefined, { status: '200 OK' }, new String('200 OK')])('G-88 %s is no string', (status) => {
    expect(() => checkHead(status, [], false)).toThrow(ApplicationError);
  });
});

describe('the headers', () => {
  test.each([
    ['Connection', 'Keep-Alive', 'Proxy-Authenticate', 'Proxy-Authorization', 'Proxy-Connection'],
    ['TE', 'Trailer', 'Trailers', 'Transfer-Encoding', 'Upgrade'],
  ])('G-92 hop-by-hop fields throw in any case of letters: %s, ...', (...names) => {
    for (const name of names) {
      for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
        expect(() => checkHead('200 OK', [[spelling, 'x']], false)).toThrow(/G-92/);
      }
    }
  });

  test('G-93 a header named Status throws', () => {
    expect(() => checkHead('200 OK', [['sTatus', '200']], false)).toThrow(/G-93/);
  });

  test.each([
    [{ a: 'b' }, 'an object'],
    [new Map(), 'a Map'],
    [null, 'null'],
    ['text', '"text"'],
    [undefined, 'undefined'],
    [new Headers(), 'a Headers'],
  ])('G-90 headers must be an array', (headers, found) => {
    expect(() => checkHead('200 OK', headers, false)).toThrow(
      `startResponse: the headers are ${found}; give an array of [name, value] arrays (G-90)`,
    );
  });

  test.each([[['a']], [['a', 'b', 'c']], ['ab'], [null], [{ 0: 'a', 1: 'b', length: 2 }]])(
    'G-90 a field must be an array of two: %j',
    (field) => {
      expect(() => checkHead('200 OK', [field], false)).toThrow(/G-90/);
    },
  );

  test.each([
    [5, 'a'],
    ['a', 5],
    ['a', null],
    ['a', undefined],
    ['a', ['b']],
    [new String('a'), 'b'],
  ])('G-90 name and value must be strings: %j', (name, value) => {
    expect(() => checkHead('200 OK', [[name, value]], false)).toThrow(
      /is .*; (?:names|header values) are strings.*G-90/,
    );
  });

  test.each(['', 'a b', 'a:', 'a\r\n', 'é', 'a\0', '(a)', 'a/b', '\u010d'])('G-90 %j is no token', (name) => {
    expect(() => checkHead('200 OK', [[name, 'x']], false)).toThrow(/no token/);
  });

  test('G-90, G-91 of all units only HTAB, printable and obs-text ones pass in a value', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff }), (unit) => {
        const value = `a${String.fromCharCode(unit)}b`;
        const good = unit === 9 || (unit >= 0x20 && unit <= 0xff && unit !== 0x7f);
        if (good) expect(checkHead('200 OK', [['X', value]], false).text).toContain(value);
        else expect(() => checkHead('200 OK', [['X', value]], false)).toThrow(/G-90, G-91/);
      }),
      { numRuns: 2000 },
    );
    for (let unit = 0; unit < 0x120; unit++) {
      const good = unit === 9 || (unit >= 0x20 && unit <= 0xff && unit !== 0x7f);
      const check = () => checkHead('200 OK', [['X', String.fromCharCode(unit)]], false);
      if (good) check();
      else expect(check).toThrow();
    }
  });

  test('G-91 U+010D U+010A never becomes CR LF', () => {
    expect(() => checkHead('200 OK', [['X', 'a\u010d\u010aX-Split: 1']], false)).toThrow(/G-91/);
    expect(() => checkHead('200 \u010d\u010a', [], false)).toThrow(/G-91/);
  });

  test.each(['', '+5', '-1', '0x5', '1e3', '5, 5', ' 5', '5 ', '5.0', '9007199254740992', 'five'])(
    'G-94 %j is no Content-Length',
    (value) => {
      expect(() => checkHead('200 OK', [['content-length', value]], false)).toThrow(/G-94/);
    },
  );

  test('G-94 Content-Length fields that differ throw', () => {
    const headers: HeaderField[] = [
      ['Content-Length', '1'],
      ['Content-Length', '2'],
    ];
    expect(() => checkHead('200 OK', headers, false)).toThrow(/differ/);
    expect(() => checkHead('204 No Content', headers, false)).toThrow(/differ/);
  });

  test('G-97 the flags tell what the application gave', () => {
    expect(checkHead('200 OK', [], false).flags).toBe(0);
    expect(checkHead('200 OK', [['DATE', 'x']], false).flags).toBe(HEAD_HAS_DATE);
    expect(checkHead('200 OK', [['Server', 'x']], false).flags).toBe(HEAD_HAS_SERVER);
    expect(checkHead('200 OK', [['Content-length', '7']], false)).toMatchObject({ flags: HEAD_HAS_LENGTH, length: 7 });
    expect(checkHead('200 OK', [], true).flags).toBe(HEAD_NO_BODY);
    expect(checkHead('304 Not Modified', [['X-Date', 'x']], false).flags).toBe(HEAD_NO_BODY);
  });

  test('G-129 a 205 to HEAD says the length 0 itself', () => {
    const head = checkHead('205 Reset Content', [['Content-Length', '9']], true);
    expect(head.text).toBe('205 Reset Content\r\nContent-Length: 0\r\n');
    expect(head.length).toBe(0);
  });

  test('G-96 what was checked is what is sent, also of an array that changes while it is read', () => {
    let reads = 0;
    const field = new Proxy(['X-A', 'good'], {
      get(target, key, receiver) {
        if (key === '1' && reads++ > 0) return 'bad\r\nX-Split: 1';
        return Reflect.get(target, key, receiver);
      },
    });
    expect(checkHead('200 OK', [field], false).text).toBe('200 OK\r\nX-A: good\r\n');
  });

  /** What becomes of a head by itself, as the rules say it; null where it is refused. */
  function headOf(status: string, headers: readonly HeaderField[], forHead: boolean) {
    const lower = headers.map(([name]) => name.toLowerCase());
    const lengths = new Set(headers.filter((_, i) => lower[i] === 'content-length').map(([, value]) => value));
    if (lengths.size > 1 || [...lengths].some((value) => !/^\d+$/.test(value))) return null;
    if (lower.includes('x a') || headers.some(([, value]) => value.includes('\n'))) return null;
    const [code] = status.split(' ').map(Number);
    const bare = code === 204 || code === 205;
    const sent = headers.filter((_, i) => lower[i] !== 'content-length' || (!bare && lower.indexOf(lower[i]) === i));
    const ownLength = code === 205 && forHead;
    if (ownLength) sent.push(['Content-Length', '0']);
    const flag = (holds: boolean, value: number) => (holds ? value : 0);
    return {
      status: code,
      text: [status, ...sent.map(([name, value]) => `${name}: ${value}`), ''].join('\r\n'),
      length: bare ? 0 : Number([...lengths][0] ?? -1),
      flags:
        flag(forHead || code === 204 || code === 304, HEAD_NO_BODY) |
        flag((lengths.size > 0 && !bare) || ownLength, HEAD_HAS_LENGTH) |
        flag(lower.includes('date'), HEAD_HAS_DATE) |
        flag(lower.includes('server'), HEAD_HAS_SERVER),
    };
  }

  test('G-87, G-96 a head is what it is alone, whichever heads came before it', () => {
    // Few in each run, so that they come again and begin alike; some are refused, some too long to be kept.
    const long = 'x'.repeat(250);
    const names = ['X-A', 'x-a', 'X-B', 'Content-Length', 'content-length', 'Date', 'SERVER', 'X A'];
    const field = fc.tuple(
      fc.constantFrom(...names),
      fc.constantFrom('', '7', '7', '9', long, `${long}${long}`, '7\n'),
    );
    const fields = fc.array(field, { maxLength: 4 });
    const status = fc.constantFrom('200 OK', '200 Fine', '204 No Content', '205 Reset Content', '304 Not Modified');
    const headers = fc.oneof(
      fields,
      fields.map((some) => Array<HeaderField[]>(5).fill(some).flat()),
    );
    const some = fc.array(fc.tuple(status, headers, fc.boolean()), { minLength: 1, maxLength: 3 });
    const heads = some.chain((few) => fc.array(fc.constantFrom(...few), { minLength: 5, maxLength: 20 }));
    fc.assert(
      fc.property(heads, (heads) => {
        for (const [status, headers, forHead] of heads) {
          const read: HeaderField[] = [];
          const expected = headOf(status, headers, forHead);
          if (expected === null) {
            expect(() => checkHead(status, headers, forHead, read)).toThrow(ApplicationError);
          } else {
            expect(checkHead(status, headers, forHead, read)).toEqual(expected);
            expect(read).toEqual(headers);
          }
        }
      }),
    );
  });

  test('G-87 many names made up by the application are checked as well as the first', () => {
    for (let i = 0; i < 2000; i++) checkHead(`200 reason ${i}`, [[`X-${i}`, 'v']], false);
    expect(() => checkHead('200 OK', [['X 1', 'v']], false)).toThrow();
    expect(() => checkHead('200 OK', [['upgrade', 'v']], false)).toThrow();
  });
});

describe('the error argument', () => {
  test('G-85 undefined and null mean no error; an Error of any realm is one', () => {
    const error = new RangeError('x');
    const foreign = runInNewContext('new TypeError("x")');
    expect(givenError(undefined, argumentError)).toBe(null);
    expect(givenError(null, argumentError)).toBe(null);
    expect(givenError(error, argumentError)).toBe(error);
    expect(givenError(foreign, argumentError)).toBe(foreign);
  });

  test.each([false, 0, '', 'text', {}, [], { message: 'x', stack: 'y' }])('G-85 %j throws a TypeError', (value) => {
    expect(() => givenError(value, argumentError)).toThrow(TypeError);
  });

  test('G-86 the error is not kept', () => {
    const { recorder } = run((startResponse) => {
      startResponse('200 OK', []);
      startResponse('500 No', [], new Error('kept?'));
      return [];
    });
    expect(JSON.stringify(recorder)).not.toContain('kept?');
  });
});

describe('the call', () => {
  test('G-80, G-81 nothing is sent before the first non-empty chunk', () => {
    const counts: number[] = [];
    const { recorder } = run((startResponse, record) => {
      startResponse('200 OK', []);
      counts.push(record.sends.length);
      return tracedBody(
        [],
        [
          () => {
            counts.push(record.sends.length);
            return bytes('');
          },
          () => {
            counts.push(record.sends.length);
            return bytes('x');
          },
          () => {
            counts.push(record.sends.length);
            return bytes('y');
          },
        ],
      );
    });
    expect(counts).toEqual([0, 0, 0, 1]);
    expect(recorder.sends[0]).toMatchObject({ head: true, chunk: 'x' });
  });

  test('G-81 the first write sends the head, also when it is empty', () => {
    const { recorder } = run((startResponse, record) => {
      const write = startResponse('200 OK', []);
      expect(record.sends).toHaveLength(0);
      write(bytes(''));
      expect(record.sends).toEqual([{ head: true, chunk: null, final: 0 }]);
      write(bytes(''));
      expect(record.sends).toHaveLength(1);
      write(bytes('a'));
      expect(record.sends).toHaveLength(2);
      return [bytes('b')];
    });
    expect(recorder.body).toBe('ab');
    expect(recorder.head?.length).toBe(-1); // G-123: not after write
  });

  test('G-82 a first call that threw counts as a call', () => {
    const { recorder, errors } = run((startResponse) => {
      expect(() => startResponse(BAD, [])).toThrow(/G-88/);
      expect(() => startResponse('200 OK', [])).toThrow(/G-82/);
      return [];
    });
    expect(recorder.status).toBe(500);
    expect(errors.text).toMatch(/G-102/);
  });

  test('G-82 after a refused first call one with an error is taken', () => {
    const { recorder } = run((startResponse) => {
      expect(() => startResponse(BAD, [])).toThrow(/G-88/);
      startResponse('503 Busy', [], new Error('x'));
      return [];
    });
    expect(recorder.status).toBe(503);
  });

  test('G-83 a refused replacement leaves no head at all', () => {
    const { recorder } = run((startResponse) => {
      startResponse('200 OK', [['X-Old', '1']]);
      expect(() => startResponse(BAD, [], new Error('x'))).toThrow(/G-88/);
      return [bytes('never')];
    });
    expect(recorder.status).toBe(500);
  });

  test('G-84 the given error itself is thrown once the head was sent, whatever is being handled', () => {
    const error = new Error('given');
    const { recorder } = run((startResponse) => {
      const write = startResponse('200 OK', []);
      write(bytes('a'));
      expect(() => startResponse('500 No', [], error)).toThrow(error);
      // G-84 before G-88: the arguments are not looked at any more.
      expect(() => startResponse(BAD, [], error)).toThrow(error);
      return [];
    });
    expect(recorder.body).toBe('a');
    expect(recorder.aborted).toBe(false);
  });

  test('G-98 calls after the response is complete throw and change nothing', () => {
    let late: StartResponse | undefined;
    let write: Write | undefined;
    const { recorder } = run((startResponse) => {
      late = startResponse;
      write = startResponse('200 OK', []);
      return [bytes('a')];
    });
    const sends = recorder.sends.length;
    expect(() => late?.('200 OK', [])).toThrow(/G-98/);
    expect(() => write?.(bytes('b'))).toThrow(/G-98/);
    const error = new Error('late');
    expect(() => late?.('500 No', [], error)).toThrow(error);
    expect(recorder.sends).toHaveLength(sends);
    expect(recorder.breaches).toEqual([]);
  });

  test('G-98 a call from a request that failed without a head throws', () => {
    let late: StartResponse | undefined;
    run((startResponse) => {
      late = startResponse;
      throw new Error('failed');
    });
    expect(() => late?.('200 OK', [])).toThrow(/G-98/);
  });

  test('G-121 a write beyond Content-Length throws; the bytes up to the limit were sent', () => {
    const { recorder } = run((startResponse) => {
      const write = startResponse('200 OK', [['Content-Length', '3']]);
      write(bytes('ab'));
      expect(() => write(bytes('cd'))).toThrow(/G-121/);
      expect(() => write(bytes('e'))).toThrow(/G-121/);
      return [];
    });
    expect(recorder.body).toBe('abc');
    expect(recorder.complete).toBe(true);
  });

  test('G-122 writes are counted: too few bytes break the connection', () => {
    const { recorder, errors } = run((startResponse) => {
      startResponse('200 OK', [['Content-Length', '3']])(bytes('ab'));
      return [];
    });
    expect(recorder.aborted).toBe(true);
    expect(errors.text).toMatch(/2 of 3 bytes/);
  });

  test('G-103 write takes bytes only', () => {
    run((startResponse) => {
      const write = startResponse('200 OK', []);
      expect(() => write('text' as unknown as Uint8Array)).toThrow(/G-103/);
      return [bytes('x')];
    });
  });

  test.each([
    ['HEAD', '200 OK'],
    ['GET', '204 No Content'],
    ['GET', '304 Not Modified'],
  ])('G-128, G-129 what is written for %s, %s is dropped', (method, status) => {
    const { recorder, errors } = run((startResponse) => {
      const write = startResponse(status, []);
      write(bytes('dropped'));
      write(bytes('dropped'));
      return [bytes('dropped')];
    }, method);
    expect(recorder.body).toBe('');
    expect(recorder.complete).toBe(true);
    if (method === 'HEAD') expect(errors.text).toBe('');
    else expect(errors.text.match(/G-129/g)).toHaveLength(1);
  });

  test('B-08 the async startResponse throws during the call and returns write at once', async () => {
    const recorder = new AsyncRecorder();
    let write: unknown;
    runAsync(
      async (_environ, startResponse: AsyncStartResponse) => {
        write = startResponse('200 OK', []);
        expect(() => startResponse('200 OK', [])).toThrow(/G-82/);
        return [bytes('x')];
      },
      asyncEnviron('GET', new MemoryErrors()),
      recorder,
    );
    await recorder.over;
    expect(write).toBeTypeOf('function');
    expect(recorder.body).toBe('x');
  });
});
