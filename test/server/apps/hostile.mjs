// Applications that do what no application should, and some may: all of it has one outcome, bridged or not.
import { asyncToSync, syncToAsync } from 'quaich/shim';

const here = import.meta.url;
const bytes = (text) => new TextEncoder().encode(text);

/** Its memory belongs to somebody else by now. */
function transferred(text) {
  const chunk = bytes(text);
  structuredClone(chunk.buffer, { transfer: [chunk.buffer] });
  return chunk;
}

/** Its memory has been cut off. */
function outOfBounds() {
  const buffer = new ArrayBuffer(8, { maxByteLength: 16 });
  const chunk = new Uint8Array(buffer, 4);
  buffer.resize(2);
  return chunk;
}

/** A property that gives one value after the other, and keeps the last. */
function changing(object, key, values) {
  let reads = 0;
  Object.defineProperty(object, key, { get: () => values[Math.min(reads++, values.length - 1)] });
  return object;
}

function throwing(object, key, error = () => new RangeError(`expected: ${String(key)}`)) {
  Object.defineProperty(object, key, {
    get() {
      throw error();
    },
  });
  return object;
}

function trapped(body, key) {
  return new Proxy(body, {
    get(target, name) {
      if (name === key) throw new RangeError('expected: trapped');
      return Reflect.get(target, name);
    },
  });
}

const OK = (start) => start('200 OK', [['X-A', '1']]);

/** An application whose body alone is of interest. */
function answer(body) {
  return (environ, start) => {
    OK(start);
    return body(environ);
  };
}

function* steps(...chunks) {
  yield* chunks;
}

/** By name; each gets the environ and `startResponse`, and returns a body. */
const CASES = {
  'array with memory transferred': answer(() => [bytes('a'), transferred('b'), bytes('c')]),
  'array of one transferred': answer(() => [transferred('b')]),
  'steps with memory transferred': answer(() => steps(bytes('a'), transferred('b'), bytes('c'))),
  'array out of bounds': answer(() => [outOfBounds(), bytes('c')]),
  'steps out of bounds': answer(() => steps(bytes('a'), outOfBounds())),
  'large transferred': answer(() => [bytes('a'), transferred('b'.repeat(100_000))]),
  'value that changes': (_, start) => {
    start('200 OK', [changing(['X-A', ''], 1, ['good', 'bad\n'])]);
    return [bytes('a')];
  },
  'value that is good at last': (_, start) => {
    start('200 OK', [changing(['X-A', ''], 1, ['bad\n', 'good'])]);
    return [bytes('a')];
  },
  'name that changes': (_, start) => {
    start('200 OK', [changing(['', '1'], 0, ['X-Good', 'Connection'])]);
    return [bytes('a')];
  },
  'field that changes': (_, start) => {
    const headers = [['X-A', '1'], null];
    start(
      '200 OK',
      changing(headers, 1, [
        ['X-B', '2'],
        ['Connection', 'close'],
      ]),
    );
    return [bytes('a')];
  },
  'field that throws behind a bad one': (_, start) => {
    start('200 OK', throwing([['X-A', '\u0100'], null], 1));
    return [bytes('a')];
  },
  'field that throws': (_, start) => {
    start('200 OK', throwing([['X-A', '1'], null], 1));
    return [bytes('a')];
  },
  'fields that iterate otherwise': (_, start) => {
    const headers = [['X-A', '1']];
    headers[Symbol.iterator] = function* () {
      yield ['Connection', 'close'];
    };
    headers.map = () => [['Connection', 'close']];
    start('200 OK', headers);
    return [bytes('a')];
  },
  'call within a call': (_, start) => {
    const headers = [['X-Outer', '1'], null];
    Object.defineProperty(headers, 1, {
      get() {
        try {
          start('404 Not Found', []);
        } catch {
          // refused
        }
        return ['X-Last', '2'];
      },
    });
    start('200 OK', headers);
    return [bytes('a')];
  },
  'element that changes': answer(() => changing([bytes('a'), null], 1, [bytes('b'), 'text'])),
  'element that throws': answer(() => throwing([bytes('a'), null], 1)),
  'step whose value throws': (_, start) => {
    OK(start);
    return {
      [Symbol.iterator]: () => ({ next: () => throwing({ done: false }, 'value') }),
    };
  },
  'step whose done throws': (_, start) => {
    OK(start);
    return { [Symbol.iterator]: () => ({ next: () => throwing({}, 'done') }) };
  },
  'iterator that changes': (_, start) => {
    OK(start);
    return changing({}, Symbol.iterator, [() => steps(bytes('a')), undefined]);
  },
  'return that throws when read': (_, start) => {
    start('200 OK', [['Content-Length', '1']]);
    return throwing(
      {
        [Symbol.iterator]() {
          return this;
        },
        next: () => ({ done: false, value: bytes('ab') }),
      },
      'return',
    );
  },
  'write with memory transferred': (_, start) => {
    const write = start('200 OK', []);
    const written = [bytes('a'), transferred('b'), bytes('c')].map((chunk) => write(chunk));
    return written[0] === undefined ? [] : Promise.all(written).then(() => []);
  },
  'body that is a function': (environ, start) => {
    OK(start);
    return Object.assign(() => {}, {
      [Symbol.iterator]: () => steps(bytes('a')),
      close: () => environ['wsgi.errors'].write('closed\n'),
    });
  },
};

/** Only in the async convention. */
const ASYNC = {
  'error that is one once': (_, start) => {
    start('200 OK', []);
    let asked = 0;
    const error = new Proxy(
      {},
      {
        getPrototypeOf: () => (asked++ === 0 ? Error.prototype : null),
        get: (_target, key) => (key === 'message' ? 'expected' : undefined),
      },
    );
    start('201 Created', [], error);
    return [bytes('a')];
  },
  'array that throws when asked how it iterates': answer(() => trapped([bytes('a')], Symbol.asyncIterator)),
  'body that throws when asked how it iterates': answer(() => trapped({}, Symbol.asyncIterator)),
};

/** Only in the sync convention. */
const SYNC = {
  'array whose iterator throws when asked for': answer(() => trapped([bytes('a')], Symbol.iterator)),
  'array that iterates asynchronously, too': (_, start) => {
    OK(start);
    return Object.assign([bytes('a')], {
      async *[Symbol.asyncIterator]() {
        yield bytes('b');
      },
    });
  },
};

export const syncCases = Object.keys({ ...CASES, ...SYNC });
export const asyncCases = Object.keys({ ...CASES, ...ASYNC });

export const sync = (environ, start) => ({ ...CASES, ...SYNC })[environ['test.case']](environ, start);
export const async_ = async (environ, start) => ({ ...CASES, ...ASYNC })[environ['test.case']](environ, start);

/** An environ that throws, and a body that fails when it is returned. */
function spoilt(environ, start) {
  for (const name of ['PATH_INFO', 'SCRIPT_NAME', 'REQUEST_METHOD']) throwing(environ, name);
  OK(start);
  return {
    [Symbol.iterator]: () => ({
      next: () => ({ done: false, value: 'text' }),
      return() {
        throw new RangeError('expected: return');
      },
    }),
  };
}
export const spoiltSync = (environ, start) => spoilt(environ, start);
export const spoiltAsync = async (environ, start) => spoilt(environ, start);

/** What is left of the environ. */
export const namesSync = answer((environ) => {
  const names = Object.keys(environ).filter((name) => name.startsWith('test.'));
  return [bytes(names.join())];
});
export const namesAsync = async (environ, start) => namesSync(environ, start);

export const syncThere = syncToAsync(sync, { where: 'here' });
export const asyncThere = asyncToSync(`${here}:async_`);
