/** Chunks that lose their bytes after the application has handed them over: a response never ends as complete then. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { runSync } from '../../src/engine/run-sync.ts';
import type { AsyncApplication, AsyncBody, AsyncWrite, StartResponse } from '../../src/interface/types.ts';
import { detach } from '../detach.ts';
import { finish, type Running, start } from './async-runner.ts';
import { MemoryErrors, syncEnviron } from './environs.ts';
import { type Recorder, SyncRecorder } from './recording-transport.ts';

const Resizable = ArrayBuffer as unknown as new (size: number, options: { maxByteLength: number }) => ArrayBuffer;

function resize(buffer: ArrayBufferLike, size: number): void {
  (buffer as ArrayBuffer & { resize(size: number): void }).resize(size);
}

const WAYS: [how: string, lose: (chunk: Uint8Array) => void][] = [
  ['is detached', detach],
  ['shrinks', (lost) => resize(lost.buffer, 0)],
];

const chunk = (size: number) => new Uint8Array(new Resizable(size, { maxByteLength: size })).fill(97);

/** As long as is sent in steps, and short enough to be joined. */
const SIZES = [20_000, 10];

const HEAD = Buffer.from('head');

function returning(chunks: Uint8Array[], write: AsyncWrite): AsyncBody {
  write(HEAD);
  return chunks;
}

function* writing(given: Uint8Array, write: AsyncWrite): Generator<Uint8Array> {
  write(HEAD);
  yield given;
}

/** Runs an application whose `write` has to wait; something happens meanwhile. */
async function behindWrite(bodyOf: (write: AsyncWrite) => AsyncBody, meanwhile: () => void): Promise<Running> {
  const app: AsyncApplication = async (_environ, startResponse) => bodyOf(startResponse('200 OK', []));
  const running = start(app, {}, (made) => made.gate(0));
  const { recorder } = running;
  await expect.poll(() => recorder.gates.size).toBe(1);
  await turn();
  meanwhile();
  recorder.gates.get(0)?.open();
  await recorder.over;
  expect(recorder.breaches).toEqual([]);
  return running;
}

describe.each(WAYS)('a chunk that %s', (_how, lose) => {
  /** An array of which a later element loses an earlier one. */
  function treacherous(size: number, more: number): Uint8Array[] {
    const [first, ...others] = [size, ...new Array(more).fill(size), 0].map(chunk);
    const body = [first, ...others];
    Object.defineProperty(body, body.length - 1, {
      get() {
        lose(first);
        return others[0];
      },
    });
    return body;
  }

  const cases = SIZES.flatMap((size) => [0, 1, 3].map((more) => [size, more]));

  test.each(cases)('G-118 while its array is looked at: %i bytes, %i more chunks', async (size, more) => {
    const app = (_environ: unknown, startResponse: StartResponse) => {
      startResponse('200 OK', []);
      return treacherous(size, more);
    };
    const expected = (recorder: Recorder, errors: MemoryErrors): void => {
      expect([recorder.status, recorder.aborted]).toEqual([500, false]);
      expect(errors.text).toContain('G-118');
    };
    const errors = new MemoryErrors();
    const recorder = new SyncRecorder();
    runSync(app, syncEnviron('GET', errors), recorder);
    expected(recorder, errors);
    const running = await finish(start(app as unknown as AsyncApplication));
    expected(running.recorder, running.errors);
  });

  test.each([true, false])('G-118 while the chunks before it are sent; after a write: %s', async (written) => {
    const body = [chunk(20_000), chunk(20_000), chunk(20_000)];
    const app: AsyncApplication = async (_environ, startResponse) => {
      const write = startResponse('200 OK', []);
      if (written) await write(Buffer.from('head'));
      return body;
    };
    const number = written ? 2 : 1; // of the send of the second chunk
    const { recorder, errors } = start(app, {}, (made) => made.gate(number));
    await expect.poll(() => recorder.gates.size).toBe(1);
    lose(body[2]);
    recorder.gates.get(number)?.open();
    await recorder.over;
    expect([recorder.complete, recorder.aborted]).toEqual([false, true]);
    expect(errors.text).toContain('G-118');
    expect(recorder.breaches).toEqual([]);
  });

  test.each<[string, (given: Uint8Array, write: AsyncWrite) => AsyncBody]>([
    ['returned in an array', (given, write) => returning([given], write)],
    ['returned in an array with others', (given, write) => returning([chunk(3), given], write)],
    ['yielded', (given, write) => writing(given, write)],
  ])('G-118 behind a write that waits: %s', async (_what, bodyOf) => {
    const given = chunk(100);
    const { recorder, errors } = await behindWrite(
      (write) => bodyOf(given, write),
      () => lose(given),
    );
    expect([recorder.complete, recorder.aborted, recorder.body]).toEqual([false, true, 'head']);
    expect(errors.text).toContain('G-118');
  });

  test('G-118 behind one write that waits and another that follows the return', async () => {
    const given = chunk(100);
    let again = (): void => {};
    const { recorder, errors } = await behindWrite(
      (write) => {
        again = () => void write(HEAD);
        return returning([given], write);
      },
      () => {
        again();
        lose(given);
      },
    );
    expect([recorder.complete, recorder.aborted, recorder.body]).toEqual([false, true, 'headhead']);
    expect(errors.text).toContain('G-118');
  });

  test('G-107 before it is handed over is an empty chunk', async () => {
    const given = chunk(100);
    lose(given);
    const { recorder, errors } = await behindWrite(
      (write) => returning([given], write),
      () => {},
    );
    expect([recorder.complete, recorder.body, errors.text]).toEqual([true, 'head', '']);
  });
});

test.each([
  ['yielded', (given: Uint8Array, write: AsyncWrite) => writing(given, write)],
  ['returned', (given: Uint8Array, write: AsyncWrite) => returning([given], write)],
])(
  'G-115 behind a write that waits a chunk has the bytes of its hand-over, though it grows: %s',
  async (_how, bodyOf) => {
    const buffer = new Resizable(4, { maxByteLength: 8 });
    const given = new Uint8Array(buffer).fill(97);
    const { recorder } = await behindWrite(
      (write) => bodyOf(given, write),
      () => resize(buffer, 8),
    );
    expect([recorder.complete, recorder.body]).toEqual([true, 'headaaaa']);
  },
);

const throws = (): never => {
  throw new Error('expected');
};

test.each<[string, () => unknown[]]>([
  ['whose element throws', () => Object.defineProperty([], 0, { get: throws })],
  ['whose iterator throws', () => Object.defineProperty([HEAD], Symbol.iterator, { get: throws })],
  ['with a hole', () => Object.assign([], { length: 2 ** 32 - 1 })],
])('G-140 G-111 an array behind a write that waits, %s, fails the response and is closed', async (_what, make) => {
  let closed = 0;
  const body = Object.assign(make(), { close: () => void closed++ });
  const began = performance.now();
  const { recorder, counters } = await behindWrite(
    (write) => returning(body as Uint8Array[], write),
    () => {},
  );
  expect([recorder.complete, recorder.aborted, recorder.body]).toEqual([false, true, 'head']);
  expect([closed, counters.failures]).toEqual([1, 1]);
  expect(performance.now() - began).toBeLessThan(1000);
});
