// One small application for each thing that the ways of running an application must agree on (G-181). The sync and the
// async form of an entry do the same, step by step.

const encode = (text) => Buffer.from(text, 'latin1');
const TEXT = [['Content-Type', 'text/plain']];

/**
 * @typedef {{ close?: boolean, steps: (environ: any, start: Function, input: any) => Generator<any, any, any> }} Entry
 */

// Each entry is a generator that yields what the body yields; `yield { read: n }` stands for a read of the input,
// whose result comes back. So one text makes a sync and an async application.
/** @type {Record<string, Entry['steps']>} */
const entries = {
  *hello(_environ, start) {
    start('200 OK', TEXT);
    yield encode('hello');
  },
  *chunks(_environ, start) {
    start('200 OK', TEXT);
    for (let i = 0; i < 5; i++) yield encode(`part ${i};`);
  },
  *emptyFirst(_environ, start) {
    yield encode('');
    start('200 OK', TEXT);
    yield encode('');
    yield encode('x');
  },
  *nothing(_environ, start) {
    start('200 OK', TEXT);
  },
  *length(_environ, start) {
    start('200 OK', [...TEXT, ['Content-Length', '5']]);
    yield encode('ab');
    yield encode('cde');
  },
  *surplus(_environ, start) {
    start('200 OK', [...TEXT, ['Content-Length', '3']]);
    yield encode('ab');
    yield encode('cde');
  },
  *deficit(_environ, start) {
    start('200 OK', [...TEXT, ['Content-Length', '30']]);
    yield encode('ab');
  },
  *noContent(_environ, start) {
    start('204 No Content', []);
    yield encode('dropped');
  },
  *notModified(_environ, start) {
    start('304 Not Modified', [['ETag', '"a"']]);
  },
  *reset(_environ, start) {
    start('205 Reset Content', []);
  },
  *cookies(_environ, start) {
    start('200 OK', [
      ['set-cookie', 'a=1'],
      ['X-Odd', 'caf\u00e9'],
      ['Set-Cookie', 'b=2'],
      ['Date', 'then'],
      ['Server', 'mine'],
    ]);
    yield encode('x');
  },
  *late(_environ, start) {
    const write = start('404 Not Found', TEXT);
    start(
      '500 Oops',
      [
        ['Content-Type', 'text/html'],
        ['X-New', 'yes'],
      ],
      new Error('late'),
    );
    void write;
    yield encode('replaced');
  },
  *written(_environ, start) {
    const write = start('200 OK', TEXT);
    yield { wait: write(encode('first ')) };
    yield encode('second');
  },
  *throwsEarly() {
    throw new Error('expected in this test: early');
  },
  *throwsLate(_environ, start) {
    start('200 OK', TEXT);
    yield encode('begun');
    throw new Error('expected in this test: late');
  },
  *badChunk(_environ, start) {
    start('200 OK', TEXT);
    yield 'text';
  },
  *badHeader(_environ, start) {
    start('200 OK', [['X', 'a\r\nY: b']]);
    yield encode('x');
  },
  *hopByHop(_environ, start) {
    start('200 OK', [['Connection', 'close']]);
    yield encode('x');
  },
  *never() {
    yield encode('no head');
  },
  *large(_environ, start) {
    start('200 OK', [['Content-Type', 'application/octet-stream']]);
    const block = Buffer.alloc(40000);
    for (let i = 0; i < 25; i++) {
      // The same buffer every time (G-115).
      block.fill(65 + i);
      yield block;
    }
  },
  *huge(_environ, start) {
    start('200 OK', [['Content-Type', 'application/octet-stream']]);
    yield Buffer.alloc(3_000_000, 'z');
  },
  *echo(_environ, start, input) {
    start('200 OK', TEXT);
    for (;;) {
      const block = yield { wait: input.read(10000) };
      if (block.length === 0) break;
      yield block;
    }
  },
  *lines(_environ, start, input) {
    start('200 OK', TEXT);
    const first = yield { wait: input.readline() };
    const some = yield { wait: input.read(3) };
    const rest = yield { wait: input.readlines() };
    const after = yield { wait: input.read() };
    yield encode(JSON.stringify([first, some, ...rest, after].map((part) => Buffer.from(part).toString('latin1'))));
  },
  *environ(environ, start) {
    start('200 OK', [['Content-Type', 'application/json']]);
    const shown = Object.entries(environ).filter(
      ([key, value]) => typeof value === 'string' && !['REMOTE_PORT', 'SERVER_PORT', 'HTTP_HOST'].includes(key),
    );
    yield encode(JSON.stringify(Object.fromEntries(shown)));
  },
};

export const names = Object.keys(entries);

function* runSync(generator) {
  let result = generator.next();
  while (!result.done) {
    if (result.value !== null && typeof result.value === 'object' && 'wait' in result.value) {
      result = generator.next(result.value.wait);
    } else {
      yield result.value;
      result = generator.next();
    }
  }
}

async function* runAsync(generator) {
  let result = generator.next();
  while (!result.done) {
    if (result.value !== null && typeof result.value === 'object' && 'wait' in result.value) {
      result = generator.next(await result.value.wait);
    } else {
      yield result.value;
      result = generator.next();
    }
  }
}

const pick = (environ) => entries[environ.PATH_INFO.slice(1)] ?? entries.hello;

export function syncApp(environ, startResponse) {
  return runSync(pick(environ)(environ, startResponse, environ['wsgi.input']));
}

export async function asyncApp(environ, startResponse) {
  return runAsync(pick(environ)(environ, startResponse, environ['wsgi.input']));
}

const array = (startResponse) => {
  startResponse('200 OK', TEXT);
  return [encode('one '), encode('two')];
};

export function syncArray(_environ, startResponse) {
  return array(startResponse);
}

export async function asyncArray(_environ, startResponse) {
  return array(startResponse);
}
