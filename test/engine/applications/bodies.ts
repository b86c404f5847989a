/** Applications for the rows on iterating and sending (G-100 to G-117). */
import { ALL, type ApplicationCase, answering, bytes, closableArray, OK, PAGE_BODY, streaming, TEXT } from './parts.ts';

export const BODIES: ApplicationCase[] = [
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
    title: 'G-112 a body of exact length runs to its end',
    app: answering('200 OK', [['Content-Length', '3']], bytes('abc')),
    status: 200,
    body: 'abc',
    trace: ALL,
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
    title: 'G-116 the buffer of a chunk stays with the application, whole',
    app: (trace) =>
      function* (_environ, startResponse) {
        startResponse(...OK);
        const buffer = new Uint8Array(new ArrayBuffer(8));
        buffer.set(bytes('abcdefgh'));
        const chunk = buffer.subarray(2, 4);
        yield chunk;
        trace.push(`${buffer.buffer.byteLength} ${Buffer.from(buffer)}`);
        yield chunk;
      },
    status: 200,
    body: 'cdcd',
    trace: ['8 abcdefgh'],
  },
  {
    title: 'G-124 an array is taken by its length, and each chunk is checked',
    app: (trace) => (_environ, startResponse) => {
      startResponse(...OK);
      const chunks: Uint8Array[] = [];
      chunks[1] = bytes('behind a hole');
      return closableArray(trace, chunks);
    },
    status: 500,
    body: PAGE_BODY,
    trace: ['close'],
    errors: /G-103/,
  },
];
