/** Applications that hand in what is not what it says, or throws where it is looked at. */
import type { Environ } from '../../../src/interface/types.ts';
import { type ApplicationCase, bytes, OK, PAGE_BODY } from './parts.ts';

/** Newer than the library files: Node 20 has it. */
const Resizable = ArrayBuffer as unknown as new (
  size: number,
  options: { maxByteLength: number },
) => ArrayBuffer & { resize(size: number): void };
const Growable = SharedArrayBuffer as unknown as new (
  size: number,
  options: { maxByteLength: number },
) => SharedArrayBuffer;

const CHUNK = '12345678';

/** Makes chunks with properties of their own. */
const own =
  (properties: PropertyDescriptorMap) =>
  (text: string): Uint8Array =>
    Object.defineProperties(bytes(text), properties);

function boom(): never {
  throw new Error('nobody should have asked');
}

class Liar extends Buffer {
  override get length(): number {
    return 100_000;
  }
  override get byteLength(): number {
    return 100_000;
  }
  override subarray = boom;
  override slice = boom;
  override set = boom;
}

/** Chunks of this text that do not look it. */
const LIARS: [what: string, make: (text: string) => Uint8Array][] = [
  ['that claims to be longer', own({ length: { value: 100_000 }, byteLength: { value: 100_000 } })],
  ['that claims to be endless', own({ length: { value: Infinity }, byteLength: { value: 2 ** 53 } })],
  ['that claims to be shorter', own({ length: { value: 1 }, byteLength: { value: 1 } })],
  ['that claims to be empty', own({ length: { value: 0 }, byteLength: { value: 0 } })],
  ['with lengths that are none', own({ length: { value: 'x' }, byteLength: { value: Number.NaN } })],
  ['with getters that throw', own({ length: { get: boom }, byteLength: { get: boom }, buffer: { get: boom } })],
  ['with the buffer of another', own({ buffer: { value: new ArrayBuffer(64) }, byteOffset: { value: 32 } })],
  ['with a constructor of its own', own({ constructor: { get: boom } })],
  ['of a class that lies', (text) => Object.setPrototypeOf(Buffer.from(text), Liar.prototype)],
  ['without a prototype', (text) => Object.setPrototypeOf(bytes(text), null)],
  [
    'as long as its buffer',
    (text) => {
      const buffer = new Resizable(text.length + 92, { maxByteLength: text.length + 192 });
      const chunk = new Uint8Array(buffer);
      chunk.set(bytes(text));
      buffer.resize(text.length);
      return chunk;
    },
  ],
  [
    'on shared memory that may grow',
    (text) => {
      const chunk = new Uint8Array(new Growable(text.length, { maxByteLength: text.length + 192 }));
      chunk.set(bytes(text));
      return chunk;
    },
  ],
];

/** Chunks that have lost their bytes. */
const LOST: [what: string, make: () => Uint8Array][] = [
  [
    'that is detached',
    () => {
      const chunk = bytes(CHUNK);
      structuredClone(chunk.buffer, { transfer: [chunk.buffer as ArrayBuffer] });
      return chunk;
    },
  ],
  [
    'that is out of bounds',
    () => {
      const buffer = new Resizable(16, { maxByteLength: 16 });
      const chunk = new Uint8Array(buffer, 8, 8);
      buffer.resize(4);
      return chunk;
    },
  ],
];

const chunkCases = LIARS.flatMap(([what, make]): ApplicationCase[] => [
  {
    title: `G-103 B-67 of a chunk ${what} its bytes are sent, and nothing else: one by one`,
    app: () =>
      function* (_environ, startResponse) {
        const write = startResponse(...OK);
        write(make(CHUNK));
        yield make(CHUNK);
        yield make(CHUNK);
      },
    status: 200,
    body: CHUNK.repeat(3),
  },
  {
    title: `G-103 B-67 of a chunk ${what} its bytes are sent, and nothing else: alone in an array`,
    app: () => (_environ, startResponse) => {
      startResponse(...OK);
      return [make(CHUNK)];
    },
    status: 200,
    body: CHUNK,
    length: 8,
  },
  {
    title: `G-103 B-67 of a chunk ${what} its bytes are sent, and nothing else: beside others, cut at the length`,
    app: () => (_environ, startResponse) => {
      startResponse('200 OK', [['Content-Length', '20']]);
      return [make(CHUNK), bytes(''), make(CHUNK), make(CHUNK)];
    },
    status: 200,
    body: CHUNK.repeat(3).slice(0, 20),
    errors: /G-120/,
  },
]);

/** The way that a chunk takes depends on its size: byte by byte, as text, copied at once, or lent. */
const LARGER = [96, 1_000, 3_000, 40_000];

const largerCases = LIARS.flatMap(([what, make]) =>
  LARGER.map((size): ApplicationCase => {
    const text = CHUNK.repeat(size / CHUNK.length);
    return {
      title: `G-103 B-67 of a chunk ${what} its bytes are sent, and nothing else: ${size} of them`,
      app: () =>
        function* (_environ, startResponse) {
          startResponse(...OK);
          yield make(text);
          yield make(text);
        },
      status: 200,
      body: text.repeat(2),
    };
  }),
);

const lostCases = LOST.map(
  ([what, make]): ApplicationCase => ({
    title: `G-107 a chunk ${what} is empty`,
    app: () =>
      function* (_environ, startResponse) {
        startResponse(...OK);
        yield make();
        yield bytes('rest');
      },
    status: 200,
    body: 'rest',
  }),
);

/** Variables that throw when they are read. */
function spoil(environ: Environ): void {
  for (const name of ['PATH_INFO', 'SCRIPT_NAME', 'REQUEST_METHOD', 'wsgi.errors']) {
    Object.defineProperty(environ, name, { get: boom, configurable: true, enumerable: true });
  }
}

/** "200 OK", the name, and the line ends around them. */
const AROUND = 17;
const LARGEST_HEAD = 262_144;

export const HOSTILE: ApplicationCase[] = [
  ...chunkCases,
  ...largerCases,
  ...lostCases,
  {
    title: 'A-17 G-140 an error is told and answered though the environ throws',
    app: () => (environ) => {
      spoil(environ);
      throw new Error('after that');
    },
    status: 500,
    body: PAGE_BODY,
    errors: /after that/,
  },
  {
    title: 'A-17 G-120 a surplus is told though the environ throws',
    app: () => (environ, startResponse) => {
      startResponse('200 OK', [['Content-Length', '1']]);
      spoil(environ);
      return [bytes('ab')];
    },
    status: 200,
    body: 'a',
    errors: /G-120/,
  },
  {
    title: 'G-145 an array whose iterator method throws fails the request',
    app: () => (_environ, startResponse) => {
      startResponse(...OK);
      return new Proxy([bytes('a')], {
        get(target, key) {
          if (key === Symbol.iterator) throw new Error('expected: a trap');
          return Reflect.get(target, key);
        },
      });
    },
    status: 500,
    body: PAGE_BODY,
    errors: /a trap/,
  },
  {
    title: 'G-82 the first call counts also when its third argument was refused',
    app: () => (_environ, startResponse) => {
      try {
        startResponse('200 OK', [], 'no error' as never);
      } catch {
        // G-85
      }
      startResponse('200 OK', []);
      return [bytes('a')];
    },
    status: 500,
    body: PAGE_BODY,
    errors: /G-82/,
  },
  ...[new ArrayBuffer(1), new Response('x'), new (class Page {})()].map(
    (body): ApplicationCase => ({
      title: `G-100 the error for a body that is none names its type: ${body.constructor.name}`,
      app: () => (_environ, startResponse) => {
        startResponse(...OK);
        return body as never;
      },
      status: 500,
      body: PAGE_BODY,
      errors: new RegExp(`returned ${body.constructor.name}\\b`),
    }),
  ),
  {
    title: 'G-191 a head of the largest size is sent',
    app: () => (_environ, startResponse) => {
      startResponse('200 OK', [['X-Big', 'x'.repeat(LARGEST_HEAD - AROUND)]]);
      return [bytes('a')];
    },
    status: 200,
    body: 'a',
  },
  {
    title: 'G-191 G-87 a larger head is refused in the call',
    app: () => (_environ, startResponse) => {
      try {
        startResponse('200 OK', [['X-Big', 'x'.repeat(LARGEST_HEAD - AROUND + 1)]]);
      } catch (error) {
        startResponse('501 Told', [], new Error('again', { cause: error }));
        return [bytes(String(error))];
      }
      return [bytes('not refused')];
    },
    status: 501,
    body: 'ApplicationError: startResponse: the head has 262145 bytes, more than 262144 (G-191)',
  },
  {
    title: 'G-191 G-140 where that is not caught it is an error of the application',
    app: () =>
      function* (_environ, startResponse) {
        startResponse(
          '200 OK',
          Array.from({ length: 100 }, (_, i): [string, string] => [`X-${i}`, 'x'.repeat(9000)]),
        );
        yield bytes('a');
      },
    status: 500,
    body: PAGE_BODY,
    errors: /G-191/,
  },
];
