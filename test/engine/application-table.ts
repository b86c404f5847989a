/**
 * One table of applications and of what every gateway must make of them (G-181). Each is written in the sync convention;
 * `FORMS` makes async applications of it in three ways, so that all rows run in both conventions (B-14).
 */
import type { Application, AsyncApplication, Body, StartResponse } from '../../src/interface/types.ts';

/** Writes down in which order an application is used. */
export type Trace = string[];

export interface ApplicationCase {
  /** What is shown, with the row. */
  title: string;
  /** GET where left out. */
  method?: string;
  app: (trace: Trace) => Application;
  status: number;
  /** Field lines in order, the framing ones of the gateway left out. */
  fields?: string[];
  /** Native string. */
  body?: string;
  /** The length that the engine settles, -1 for none. Left out: not looked at. */
  length?: number;
  /** The connection is broken, or the client gets fewer bytes than announced. */
  broken?: true;
  trace?: Trace;
  /** What the report on `wsgi.errors` must contain; left out: there must be none. */
  errors?: RegExp;
}

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

const OK: [string, [string, string][]] = ['200 OK', [['Content-Type', 'text/plain']]];
const TEXT = ['Content-Type: text/plain'];
const PAGE = ['Content-Type: text/plain; charset=utf-8', 'Content-Length: 26'];
const PAGE_BODY = '500 Internal Server Error\n';

type Step = Uint8Array | (() => Uint8Array);

/** A body that is neither array nor generator and traces its use. */
export function tracedBody(
  trace: Trace,
  steps: Step[],
  options: { close?: () => void; return?: () => void } = {},
): Body {
  let at = 0;
  const body = {
    [Symbol.iterator]() {
      trace.push('iterator');
      return {
        next(): IteratorResult<Uint8Array> {
          trace.push('next');
          if (at === steps.length) return { done: true, value: 'ignored' };
          const step = steps[at++];
          return { done: false, value: typeof step === 'function' ? step() : step };
        },
        return() {
          trace.push('return');
          options.return?.();
          return { done: true as const, value: undefined };
        },
      };
    },
    close() {
      trace.push(this === body ? 'close' : 'close without this');
      options.close?.();
    },
  };
  return body;
}

/** An array body with `close`. */
export function closableArray(trace: Trace, chunks: Uint8Array[]): Body {
  return Object.assign(chunks, { close: () => void trace.push('close') });
}

/** Answers 200 with a traced body. */
function streaming(...steps: Step[]): (trace: Trace) => Application {
  return (trace) => (_environ, startResponse) => {
    startResponse(...OK);
    return tracedBody(trace, steps);
  };
}

function answering(status: string, headers: [string, string][], ...steps: Step[]): (trace: Trace) => Application {
  return (trace) => (_environ, startResponse) => {
    startResponse(status, headers);
    return tracedBody(trace, steps);
  };
}

function failing(message: string): () => Uint8Array {
  return () => {
    throw new Error(message);
  };
}

const ALL = ['iterator', 'next', 'next', 'close'];

export const APPLICATIONS: ApplicationCase[] = [
  {
    title: 'G-123 an array of one chunk gets its size as Content-Length',
    app: () => (_environ, startResponse) => {
      startResponse(...OK);
      return [bytes('hello')];
    },
    status: 200,
    fields: TEXT,
    body: 'hello',
    length: 5,
  },
  {
    title: 'G-123 an array of one empty chunk gets the length 0',
    app: () => (_environ, startResponse) => {
      startResponse(...OK);
      return [bytes('')];
    },
    status: 200,
    fields: TEXT,
    body: '',
    length: 0,
  },
  {
    title: 'G-123 an array of several chunks gets the sum',
    app: (trace) => (_environ, startResponse) => {
      startResponse(...OK);
      return closableArray(trace, [bytes('a'), bytes(''), bytes('bc')]);
    },
    status: 200,
    fields: TEXT,
    body: 'abc',
    length: 3,
    trace: ['close'],
  },
  {
    title: 'G-117 a large array goes out whole',
    app: () => (_environ, startResponse) => {
      startResponse(...OK);
      return [bytes('x'.repeat(20000)), bytes('y'.repeat(20000)), bytes('z')];
    },
    status: 200,
    fields: TEXT,
    body: `${'x'.repeat(20000)}${'y'.repeat(20000)}z`,
    length: 40001,
  },
  {
    title: 'G-127 an empty array gets the length 0',
    app: () => (_environ, startResponse) => {
      startResponse(...OK);
      return [];
    },
    status: 200,
    fields: TEXT,
    body: '',
    length: 0,
  },
  {
    title: 'G-127 an iterable without a byte gets the length 0',
    app: streaming(bytes(''), bytes('')),
    status: 200,
    body: '',
    length: 0,
    trace: ['iterator', 'next', 'next', 'next', 'close'],
  },
  {
    title: 'G-107 empty chunks between others send nothing',
    app: streaming(bytes(''), bytes('a'), bytes(''), bytes('b'), bytes('')),
    status: 200,
    body: 'ab',
    length: -1,
    trace: ['iterator', 'next', 'next', 'next', 'next', 'next', 'next', 'close'],
  },
  {
    title: 'G-101 a generator function may call startResponse in its first step',
    app: (trace) =>
      function* (_environ, startResponse) {
        try {
          startResponse(...OK);
          yield bytes('lazy');
        } finally {
          trace.push('finally');
        }
      },
    status: 200,
    fields: TEXT,
    body: 'lazy',
    trace: ['finally'],
  },
  {
    title: 'G-102 an empty chunk before startResponse is tolerated',
    app: () =>
      function* (_environ, startResponse) {
        yield bytes('');
        startResponse(...OK);
        yield bytes('late');
      },
    status: 200,
    body: 'late',
  },
  {
    title: 'G-102 a chunk without startResponse fails the request',
    app: (trace) => () => tracedBody(trace, [bytes('a'), bytes('b')]),
    status: 500,
    fields: PAGE,
    body: PAGE_BODY,
    trace: ['iterator', 'next', 'return', 'close'],
    errors: /G-102/,
  },
  {
    title: 'G-102 a body that ends without startResponse fails the request',
    app: (trace) => () => tracedBody(trace, []),
    status: 500,
    body: PAGE_BODY,
    trace: ['iterator', 'next', 'close'],
    errors: /G-102/,
  },
  {
    title: 'G-102 an array without startResponse fails the request',
    app: (trace) => () => closableArray(trace, [bytes('a')]),
    status: 500,
    body: PAGE_BODY,
    trace: ['close'],
    errors: /G-102/,
  },
  {
    title: 'G-95 order, case and repetition of the fields stay',
    app: () => (_environ, startResponse) => {
      startResponse('200 OK', [
        ['x-B', '2'],
        ['Set-Cookie', 'a=1'],
        ['X-A', '1'],
        ['Set-Cookie', 'b=2'],
        ['x-empty', ''],
      ]);
      return [bytes('.')];
    },
    status: 200,
    fields: ['x-B: 2', 'Set-Cookie: a=1', 'X-A: 1', 'Set-Cookie: b=2', 'x-empty: '],
    body: '.',
  },
  {
    title: 'G-106 all byte values pass unchanged, in fields too',
    app: () => (_environ, startResponse) => {
      startResponse('200 \xe9t\xe9', [['X-Bytes', '\x80\xff\t\xa0.']]);
      return [new Uint8Array(256).map((_, i) => i)];
    },
    status: 200,
    fields: ['X-Bytes: \x80\xff\t\xa0.'],
    body: String.fromCharCode(...new Array(256).keys()),
  },
  {
    title: 'G-96 later changes of the headers array have no effect',
    app: () => (_environ, startResponse) => {
      const headers: [string, string][] = [['X-A', '1']];
      startResponse('200 OK', headers);
      headers[0][1] = 'bad\r\nX-Split: 1';
      headers.push(['X-B', '2']);
      return [bytes('.')];
    },
    status: 200,
    fields: ['X-A: 1'],
    body: '.',
  },
  {
    title: 'G-83 an error before the head is sent replaces the whole head',
    app: () => (_environ, startResponse) => {
      startResponse('200 OK', [
        ['X-Old', '1'],
        ['Content-Length', '99'],
      ]);
      startResponse('503 Busy', [['X-New', '1']], new Error('busy'));
      return [bytes('sorry')];
    },
    status: 503,
    fields: ['X-New: 1'],
    body: 'sorry',
    length: 5,
  },
  {
    title: 'G-83 the head may be replaced in a step that yields nothing yet',
    app: () =>
      function* (_environ, startResponse) {
        startResponse('200 OK', [['X-Old', '1']]);
        yield bytes('');
        startResponse('503 Busy', [['X-New', '1']], new Error('busy'));
        yield bytes('sorry');
      },
    status: 503,
    fields: ['X-New: 1'],
    body: 'sorry',
  },
  {
    title: 'G-84 an error after the head was sent is thrown back, and the connection broken',
    app: (trace) =>
      function* (_environ, startResponse) {
        startResponse(...OK);
        yield bytes('part');
        const error = new Error('mine');
        try {
          startResponse('500 Oops', [], error);
        } catch (thrown) {
          trace.push(thrown === error ? 'same' : 'other');
          throw thrown;
        }
      },
    status: 200,
    body: 'part',
    broken: true,
    trace: ['same'],
    errors: /Error: mine/,
  },
  {
    title: 'G-82 a second call without an error throws into the application',
    app: (trace) => (_environ, startResponse) => {
      startResponse(...OK);
      try {
        startResponse('201 Created', []);
      } catch (error) {
        trace.push(String(error).includes('G-82') ? 'refused' : 'wrong');
      }
      return [bytes('first')];
    },
    status: 200,
    fields: TEXT,
    body: 'first',
    trace: ['refused'],
  },
  {
    title: 'G-140 an error before the body is returned gives the fixed page',
    app: () => () => {
      throw new Error('secret detail');
    },
    status: 500,
    fields: PAGE,
    body: PAGE_BODY,
    errors: /Error: secret detail\n +at /,
  },
  {
    title: 'G-140 an error of the body with the head unsent discards the stored head whole',
    app: (trace) => (_environ, startResponse) => {
      startResponse('200 OK', [['X-Mine', '1']]);
      return tracedBody(trace, [bytes(''), failing('early')]);
    },
    status: 500,
    fields: PAGE,
    body: PAGE_BODY,
    trace: ['iterator', 'next', 'next', 'close'],
    errors: /early/,
  },
  {
    title: 'G-144 the error page obeys HEAD',
    method: 'HEAD',
    app: () => () => {
      throw new Error('head');
    },
    status: 500,
    fields: PAGE,
    body: '',
    length: 26,
    errors: /head/,
  },
  {
    title: 'G-141 an error after the head was sent breaks the connection',
    app: streaming(bytes('part'), failing('late')),
    status: 200,
    body: 'part',
    broken: true,
    trace: ['iterator', 'next', 'next', 'close'],
    errors: /late/,
  },
  {
    title: 'G-103 a chunk of another type is an error of the application',
    app: (trace) => (_environ, startResponse) => {
      startResponse(...OK);
      return tracedBody(trace, ['text' as unknown as Uint8Array]);
    },
    status: 500,
    body: PAGE_BODY,
    trace: ['iterator', 'next', 'return', 'close'],
    errors: /Uint8Array, got string.*TextEncoder.*G-103/,
  },
  {
    title: 'G-103 a bad chunk in an array is found before anything is sent',
    app: (trace) => (_environ, startResponse) => {
      startResponse(...OK);
      return closableArray(trace, [bytes('a'), 5 as unknown as Uint8Array]);
    },
    status: 500,
    body: PAGE_BODY,
    trace: ['close'],
    errors: /chunk 1 .*got number/,
  },
  {
    title: 'G-120 the surplus over Content-Length is cut and iteration stops',
    app: answering('200 OK', [['Content-Length', '5']], bytes('abc'), bytes('defg'), bytes('never')),
    status: 200,
    fields: ['Content-Length: 5'],
    body: 'abcde',
    length: 5,
    trace: ['iterator', 'next', 'next', 'return', 'close'],
    errors: /G-120/,
  },
  {
    title: 'G-120 a surplus chunk after the exact length is not sent',
    app: answering('200 OK', [['Content-Length', '3']], bytes('abc'), bytes(''), bytes('d'), bytes('never')),
    status: 200,
    body: 'abc',
    trace: ['iterator', 'next', 'next', 'next', 'return', 'close'],
    errors: /G-120/,
  },
  {
    title: 'G-120 an array longer than its Content-Length is cut',
    app: () => (_environ, startResponse) => {
      startResponse('200 OK', [['Content-Length', '3']]);
      return [bytes('abcdef')];
    },
    status: 200,
    body: 'abc',
    length: 3,
    errors: /G-120/,
  },
  {
    title: 'G-112 a body of exact length runs to its end',
    app: answering('200 OK', [['Content-Length', '3']], bytes('abc')),
    status: 200,
    body: 'abc',
    trace: ALL,
  },
  {
    title: 'G-122 a body shorter than its Content-Length breaks the connection',
    app: answering('200 OK', [['Content-Length', '5']], bytes('abc')),
    status: 200,
    fields: ['Content-Length: 5'],
    body: 'abc',
    broken: true,
    trace: ALL,
    errors: /3 of 5 bytes.*G-122/,
  },
  {
    title: 'G-122 an array shorter than its Content-Length breaks the connection',
    app: (trace) => (_environ, startResponse) => {
      startResponse('200 OK', [['Content-Length', '5']]);
      return closableArray(trace, [bytes('abc')]);
    },
    status: 200,
    body: 'abc',
    broken: true,
    trace: ['close'],
    errors: /3 of 5 bytes.*G-122/,
  },
  {
    title: 'G-122 an empty body with a Content-Length breaks the connection',
    app: () => (_environ, startResponse) => {
      startResponse('200 OK', [['Content-Length', '5']]);
      return [];
    },
    status: 200,
    body: '',
    broken: true,
    errors: /0 of 5 bytes/,
  },
  {
    title: 'G-141 an error after the complete response changes nothing of it',
    app: answering('200 OK', [['Content-Length', '3']], bytes('abc'), failing('afterwards')),
    status: 200,
    body: 'abc',
    trace: ALL,
    errors: /afterwards/,
  },
  {
    title: 'G-94 equal Content-Length fields are sent once',
    app: () => (_environ, startResponse) => {
      startResponse('200 OK', [
        ['Content-Length', '2'],
        ['content-length', '2'],
      ]);
      return [bytes('ok')];
    },
    status: 200,
    fields: ['Content-Length: 2'],
    body: 'ok',
    length: 2,
  },
  {
    title: 'G-128 HEAD sends no body; the body is advanced to its first chunk only',
    method: 'HEAD',
    app: answering('200 OK', [['Content-Length', '8']], bytes(''), bytes('body'), bytes('more')),
    status: 200,
    fields: ['Content-Length: 8'],
    body: '',
    length: 8,
    trace: ['iterator', 'next', 'next', 'return', 'close'],
  },
  {
    title: 'G-128 HEAD invents no length for an iterable',
    method: 'HEAD',
    app: streaming(bytes('body')),
    status: 200,
    fields: TEXT,
    body: '',
    length: -1,
    trace: ['iterator', 'next', 'return', 'close'],
  },
  {
    title: 'G-128 HEAD invents no length for an empty array',
    method: 'HEAD',
    app: () => (_environ, startResponse) => {
      startResponse(...OK);
      return [];
    },
    status: 200,
    fields: TEXT,
    body: '',
    length: -1,
  },
  {
    title: 'G-123 HEAD gets the length of an array of one chunk',
    method: 'HEAD',
    app: (trace) => (_environ, startResponse) => {
      startResponse(...OK);
      return closableArray(trace, [bytes('hello')]);
    },
    status: 200,
    fields: [...TEXT, 'Content-Length: 5'],
    body: '',
    length: 5,
    trace: ['close'],
  },
  {
    title: 'G-128 HEAD with less body than Content-Length is no error',
    method: 'HEAD',
    app: answering('200 OK', [['Content-Length', '8']]),
    status: 200,
    body: '',
    length: 8,
    trace: ['iterator', 'next', 'close'],
  },
  {
    title: 'G-129 204 has no body and no Content-Length',
    app: answering('204 No Content', [['Content-Length', '4']], bytes('body'), bytes('more')),
    status: 204,
    fields: [],
    body: '',
    length: 0,
    trace: ['iterator', 'next', 'return', 'close'],
    errors: /204.*G-129/,
  },
  {
    title: 'G-129 304 keeps a Content-Length that was given',
    app: answering('304 Not Modified', [['Content-Length', '4']]),
    status: 304,
    fields: ['Content-Length: 4'],
    body: '',
    trace: ['iterator', 'next', 'close'],
  },
  {
    title: 'G-129 304 gets no Content-Length of its own',
    app: () => (_environ, startResponse) => {
      startResponse('304 Not Modified', []);
      return [bytes('dropped')];
    },
    status: 304,
    fields: [],
    body: '',
    length: -1,
    errors: /304.*G-129/,
  },
  {
    title: 'G-129 205 has the length 0 whatever was given',
    app: answering('205 Reset Content', [['Content-Length', '4']], bytes('body')),
    status: 205,
    fields: [],
    body: '',
    length: 0,
    trace: ['iterator', 'next', 'return', 'close'],
    errors: /205.*G-129/,
  },
  {
    title: 'G-113 an error of close is logged and changes nothing',
    app: (trace) => (_environ, startResponse) => {
      startResponse(...OK);
      return tracedBody(trace, [bytes('fine')], {
        close: () => {
          throw new Error('in close');
        },
      });
    },
    status: 200,
    body: 'fine',
    trace: ALL,
    errors: /close\(\) of the body failed\nError: in close/,
  },
  {
    title: 'G-113 an error of return does not prevent close',
    method: 'HEAD',
    app: (trace) => (_environ, startResponse) => {
      startResponse(...OK);
      return tracedBody(trace, [bytes('fine')], {
        return: () => {
          throw new Error('in return');
        },
      });
    },
    status: 200,
    body: '',
    trace: ['iterator', 'next', 'return', 'close'],
    errors: /in return/,
  },
  {
    title: 'G-110 the finally of a generator runs when iteration is abandoned',
    app: (trace) =>
      function* (_environ, startResponse) {
        startResponse('200 OK', [['Content-Length', '1']]);
        try {
          yield bytes('ab');
          trace.push('resumed');
        } finally {
          trace.push('finally');
        }
      },
    status: 200,
    body: 'a',
    trace: ['finally'],
    errors: /G-120/,
  },
  {
    title: 'G-100 a string is no body',
    app: () => (_environ, startResponse) => {
      startResponse(...OK);
      return 'text' as unknown as Body;
    },
    status: 500,
    body: PAGE_BODY,
    errors: /returned string.*G-100/,
  },
  {
    title: 'G-100 a typed array is no body',
    app: () => (_environ, startResponse) => {
      startResponse(...OK);
      return bytes('numbers') as unknown as Body;
    },
    status: 500,
    body: PAGE_BODY,
    errors: /returned Uint8Array.*G-100/,
  },
  {
    title: 'G-100 nothing is no body',
    app: () => (_environ, startResponse) => {
      startResponse(...OK);
      return undefined as unknown as Body;
    },
    status: 500,
    body: PAGE_BODY,
    errors: /returned undefined.*G-100/,
  },
  {
    title: 'G-100 an object that does not iterate is no body, and is closed all the same',
    app: (trace) => (_environ, startResponse) => {
      startResponse(...OK);
      return { close: () => void trace.push('close') } as unknown as Body;
    },
    status: 500,
    body: PAGE_BODY,
    trace: ['close'],
    errors: /not iterable.*G-100/,
  },
  {
    title: 'G-115 the buffer of a chunk may be filled anew in the next step',
    app: () =>
      function* (_environ, startResponse) {
        startResponse(...OK);
        const buffer = new Uint8Array(2);
        for (const text of ['ab', 'cd', 'ef']) {
          buffer.set(bytes(text));
          yield buffer;
        }
      },
    status: 200,
    body: 'abcdef',
  },
  {
    title: 'G-103 a Buffer, a subclass and a view are chunks',
    app: () =>
      function* (_environ, startResponse) {
        startResponse(...OK);
        class Mine extends Uint8Array {}
        yield Buffer.from('a');
        yield Mine.of(98);
        yield bytes('xxcxx').subarray(2, 3);
      },
    status: 200,
    body: 'abc',
  },
  {
    title: 'G-97 Date and Server of the application stay',
    app: () => (_environ, startResponse) => {
      startResponse('200 OK', [
        ['date', 'Thu, 01 Jan 1970 00:00:00 GMT'],
        ['SERVER', 'mine'],
      ]);
      return [bytes('.')];
    },
    status: 200,
    fields: ['date: Thu, 01 Jan 1970 00:00:00 GMT', 'SERVER: mine'],
    body: '.',
  },
  {
    title: 'G-145 undefined may be thrown',
    app: () => () => {
      throw undefined;
    },
    status: 500,
    body: PAGE_BODY,
    errors: /thrown value: undefined/,
  },
  {
    title: 'G-145 an error whose stack getter throws is handled',
    app: () => () => {
      throw Object.freeze(
        Object.defineProperty(new Error('hidden'), 'stack', {
          get() {
            throw new Error('no stack for you');
          },
        }),
      );
    },
    status: 500,
    body: PAGE_BODY,
    errors: /Error: hidden/,
  },
  {
    title: 'G-145 a Proxy that throws whatever is asked is handled',
    app: () => () => {
      const refuse = () => {
        throw new Error('refused');
      };
      throw new Proxy({}, { get: refuse, has: refuse, getPrototypeOf: refuse, ownKeys: refuse });
    },
    status: 500,
    body: PAGE_BODY,
    errors: /the application threw/,
  },
];

/** A body as an async iterable, step for step, with `return` and `close` handed on. */
function asyncBody(body: Body): AsyncIterable<Uint8Array> & { close?(): Promise<void> } {
  const wrapped: AsyncIterable<Uint8Array> & { close?(): Promise<void> } = {
    [Symbol.asyncIterator]() {
      const iterator = body[Symbol.iterator]();
      return {
        next: async () => iterator.next(),
        ...(typeof iterator.return === 'function' ? { return: async () => iterator.return!() } : {}),
      };
    },
  };
  if (typeof body.close === 'function') wrapped.close = async () => body.close!();
  return wrapped;
}

const isStream = (body: Body): boolean =>
  typeof body === 'object' &&
  body !== null &&
  !Array.isArray(body) &&
  !ArrayBuffer.isView(body) &&
  typeof body[Symbol.iterator] === 'function';

/** The ways in which an application of the table is an async one (B-06). */
export const ASYNC_FORMS: { form: string; make: (app: Application) => AsyncApplication }[] = [
  { form: 'plain result', make: (app) => app as unknown as AsyncApplication },
  {
    form: 'promise',
    make: (app) => async (environ, startResponse) => {
      await null;
      return app(environ as never, startResponse as unknown as StartResponse);
    },
  },
  {
    form: 'async iterable',
    make: (app) => (environ, startResponse) => {
      const body = app(environ as never, startResponse as unknown as StartResponse);
      return isStream(body) ? asyncBody(body) : body;
    },
  },
];
