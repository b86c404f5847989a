import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AsyncFile, asyncFileWrapper, openFile, type SyncFile } from '../../src/engine/file-wrapper.ts';
import { runAsync } from '../../src/engine/run-async.ts';
import { runSync } from '../../src/engine/run-sync.ts';
import type { ResponseHead } from '../../src/interface/transport.ts';
import type { FileLike, HeaderField } from '../../src/interface/types.ts';
import { bytes, type Trace } from './application-table.ts';
import { asyncEnviron, MemoryErrors, syncEnviron } from './environs.ts';
import { AsyncRecorder, SyncRecorder } from './recording-transport.ts';

const folder = mkdtempSync(join(tmpdir(), 'quaich-files-'));
const path = join(folder, 'file');
const CONTENT = 'x'.repeat(100_000);
beforeAll(() => writeFileSync(path, CONTENT));
afterAll(() => rmSync(folder, { recursive: true }));

interface SentFile {
  head: ResponseHead;
  descriptor: number;
  length: number;
}

class SyncFileSender extends SyncRecorder {
  readonly files: SentFile[] = [];

  sendFile(head: ResponseHead, descriptor: number, length: number): undefined {
    fstatSync(descriptor); // open
    this.files.push({ head: { ...head }, descriptor, length });
    this.complete = true;
  }
}

class AsyncFileSender extends AsyncRecorder {
  readonly files: SentFile[] = [];

  async sendFile(head: ResponseHead, descriptor: number, length: number): Promise<void> {
    this.files.push({ head: { ...head }, descriptor, length });
    this.complete = true;
    await new Promise(setImmediate);
    fstatSync(descriptor); // still open when the wait is over
  }
}

/** A file-like over some blocks that traces its use. */
function blocks(trace: Trace, ...texts: string[]): FileLike {
  return {
    read(size) {
      trace.push(`read ${size}`);
      return bytes(texts.shift() ?? '');
    },
    close() {
      trace.push('close');
    },
  };
}

interface Outcome {
  recorder: SyncFileSender | AsyncFileSender;
  errors: MemoryErrors;
}

interface Convention {
  name: string;
  run(
    file: SyncFile,
    options?: { headers?: HeaderField[]; method?: string; wrap?: boolean; size?: number },
  ): Promise<Outcome>;
  /** The same without `sendFile`. */
  plain(
    file: SyncFile,
    disconnectAt?: number,
  ): Promise<{ recorder: SyncRecorder | AsyncRecorder; errors: MemoryErrors }>;
}

const CONVENTIONS: Convention[] = [
  {
    name: 'sync',
    async run(file, { headers = [], method = 'GET', wrap = false, size } = {}) {
      const recorder = new SyncFileSender();
      const errors = new MemoryErrors();
      runSync(
        (environ, startResponse) => {
          startResponse('200 OK', headers);
          const body = environ['wsgi.file_wrapper']!(file as FileLike, size);
          if (!wrap) return body;
          const { close } = body as { close?: () => void };
          return { [Symbol.iterator]: () => body[Symbol.iterator](), close: () => close?.call(body) };
        },
        syncEnviron(method, errors),
        recorder,
      );
      return { recorder, errors };
    },
    async plain(file, disconnectAt = Infinity) {
      const recorder = new SyncRecorder();
      recorder.disconnectAt = disconnectAt;
      const errors = new MemoryErrors();
      runSync(
        (environ, startResponse) => {
          startResponse('200 OK', []);
          return environ['wsgi.file_wrapper']!(file as FileLike);
        },
        syncEnviron('GET', errors),
        recorder,
      );
      return { recorder, errors };
    },
  },
  {
    name: 'async',
    async run(file, { headers = [], method = 'GET', wrap = false, size } = {}) {
      const recorder = new AsyncFileSender();
      const errors = new MemoryErrors();
      runAsync(
        async (environ, startResponse) => {
          startResponse('200 OK', headers);
          const body = environ['wsgi.file_wrapper']!(file as FileLike, size);
          if (!wrap) return body;
          const { close } = body as { close?: () => void };
          return { [Symbol.asyncIterator]: () => body[Symbol.asyncIterator](), close: () => close?.call(body) };
        },
        asyncEnviron(method, errors),
        recorder,
      );
      await recorder.over;
      return { recorder, errors };
    },
    async plain(file, disconnectAt = Infinity) {
      const recorder = new AsyncRecorder();
      recorder.disconnectAt = disconnectAt;
      const errors = new MemoryErrors();
      runAsync(
        async (environ, startResponse) => {
          startResponse('200 OK', []);
          return environ['wsgi.file_wrapper']!(file as FileLike);
        },
        asyncEnviron('GET', errors),
        recorder,
      );
      await recorder.over;
      return { recorder, errors };
    },
  },
];

const isClosed = (descriptor: number): boolean => {
  try {
    fstatSync(descriptor);
    return false;
  } catch {
    return true;
  }
};

for (const convention of CONVENTIONS) {
  describe(`wsgi.file_wrapper, ${convention.name}`, () => {
    test.each([
      ['is closed', { value: 1_000_000 }],
      ['is no integer', { value: 1.5 }],
      [
        'throws',
        {
          get() {
            throw new Error('nobody should have asked');
          },
        },
      ],
    ])('G-162 a file-like whose descriptor %s is read', async (_what, fd) => {
      const trace: Trace = [];
      const { recorder, errors } = await convention.run(Object.defineProperty(blocks(trace, 'a', 'b'), 'fd', fd));
      expect([recorder.body, recorder.files, errors.text]).toEqual(['ab', [], '']);
      expect(trace.at(-1)).toBe('close');
    });

    test('G-161, G-162 any object with read: nothing is read before the body is iterated', async () => {
      const trace: Trace = [];
      const { recorder } = await convention.run(blocks(trace, 'ab', 'c'), { size: 2 });
      expect(recorder.body).toBe('abc');
      expect(trace).toEqual(['read 2', 'read 2', 'read 2', 'close']);
      expect(recorder.breaches).toEqual([]);
    });

    test('G-160 the default block size is 64 KiB', async () => {
      const trace: Trace = [];
      await convention.run(blocks(trace, 'a'));
      expect(trace[0]).toBe('read 65536');
    });

    test('G-163 the wrapper has a close only when the file has one', () => {
      const environs = [syncEnviron('GET', new MemoryErrors()), asyncEnviron('GET', new MemoryErrors())];
      for (const environ of environs) {
        const wrapper = environ['wsgi.file_wrapper'] as (file: SyncFile) => object;
        expect('close' in wrapper({ read: () => bytes('') })).toBe(false);
        expect('close' in wrapper(blocks([]))).toBe(true);
      }
    });

    test('G-161 the very wrapper of a regular file is sent by the transport, then closed', async () => {
      const descriptor = openSync(path, 'r');
      const { recorder, errors } = await convention.run(descriptor, { headers: [['Content-Length', '100000']] });
      expect(errors.text).toBe('');
      expect(recorder.files).toMatchObject([{ descriptor, length: 100_000, head: { length: 100_000 } }]);
      expect(recorder.sends).toEqual([]);
      expect(recorder.dones).toBe(1);
      expect(isClosed(descriptor)).toBe(true);
    });

    test('G-165 no length is derived where the position is not known', async () => {
      const { recorder } = await convention.run(openSync(path, 'r'));
      expect(recorder.files).toMatchObject([{ length: -1, head: { length: -1 } }]);
    });

    test('G-164, G-165 openFile knows its position: the length is what is left of the file', async () => {
      const file = openFile(path);
      expect(file.read(10)).toHaveLength(10);
      const { recorder } = await convention.run(file);
      expect(recorder.files).toMatchObject([{ length: 99_990, head: { length: 99_990 } }]);
      expect(isClosed(file.fd!)).toBe(true);
    });

    test('G-162 wrapped by middleware it is an ordinary iterable', async () => {
      const descriptor = openSync(path, 'r');
      const { recorder } = await convention.run(descriptor, { wrap: true });
      expect(recorder.files).toEqual([]);
      expect(recorder.body).toBe(CONTENT);
      expect(isClosed(descriptor)).toBe(true);
    });

    test('G-164 without a fast path it is read from its position to the end', async () => {
      const descriptor = openSync(path, 'r');
      readSync(descriptor, new Uint8Array(99_000));
      const { recorder } = await convention.plain(descriptor);
      expect(recorder.body).toBe('x'.repeat(1000));
      expect(isClosed(descriptor)).toBe(true);
    });

    test('U-08 a FileHandle is taken too, and closed', async () => {
      const handle = await open(path);
      const { recorder, errors } = await convention.plain(handle);
      expect(errors.text).toBe('');
      expect(recorder.body).toBe(CONTENT);
      await handle.close(); // waits for a close in progress
      expect(handle.fd).toBe(-1);
    });

    test('G-166 the file is closed for HEAD, without being sent; the length is that of the file', async () => {
      const file = openFile(path);
      const { recorder } = await convention.run(file, { method: 'HEAD' });
      expect(recorder.files).toEqual([]);
      expect(recorder.head?.text).toBe('200 OK\r\nContent-Length: 100000\r\n');
      expect(isClosed(file.fd!)).toBe(true);
    });

    test('G-166 the file is closed after a disconnect', async () => {
      const trace: Trace = [];
      const { recorder } = await convention.plain(blocks(trace, 'a', 'b'), 0);
      expect(trace).toEqual(['read 65536', 'close']);
      expect(recorder.dones).toBe(1);
    });

    test('G-166 the file is closed after an error of read', async () => {
      const trace: Trace = [];
      const { recorder, errors } = await convention.plain({
        read() {
          throw new Error('unreadable');
        },
        close: () => void trace.push('close'),
      });
      expect(recorder.status).toBe(500);
      expect(errors.text).toMatch(/unreadable/);
      expect(trace).toEqual(['close']);
    });

    test('G-165 what is no regular file is read block by block', async () => {
      const descriptor = openSync('/dev/null', 'r');
      const { recorder } = await convention.run(descriptor);
      expect(recorder.files).toEqual([]);
      expect(recorder.body).toBe('');
      expect(isClosed(descriptor)).toBe(true);
    });

    test.each([null, undefined, 'name', -1, 1.5, {}])('G-160 %j is no file', (file) => {
      for (const environ of [syncEnviron('GET', new MemoryErrors()), asyncEnviron('GET', new MemoryErrors())]) {
        const wrapper = environ['wsgi.file_wrapper'] as (file: unknown, size?: unknown) => object;
        expect(() => wrapper(file)).toThrow(TypeError);
        expect(() => wrapper(blocks([]), 0)).toThrow(TypeError);
      }
    });
  });
}

test('G-162 an async file-like is read with promises', async () => {
  const recorder = new AsyncRecorder();
  const texts = ['a', 'b'];
  const file: AsyncFile = { read: async () => bytes(texts.shift() ?? '') };
  runAsync(
    async (environ, startResponse) => {
      startResponse('200 OK', []);
      return environ['wsgi.file_wrapper']!(file as FileLike);
    },
    asyncEnviron('GET', new MemoryErrors()),
    recorder,
  );
  await recorder.over;
  expect(recorder.body).toBe('ab');
});

test('G-163 an opened file is closed once', () => {
  const file = openFile(path);
  file.close?.();
  const again = openSync(path, 'r'); // takes the same number
  file.close?.();
  expect(isClosed(again)).toBe(false);
  closeSync(again);
});

test('G-166 a descriptor is not closed while a read of it is in progress', async () => {
  const descriptor = openSync(path, 'r');
  const body = asyncFileWrapper(descriptor, 10);
  const reading = body[Symbol.asyncIterator]().next();
  const closing = body.close?.();
  expect(isClosed(descriptor)).toBe(false);
  await expect(reading).resolves.toMatchObject({ done: false });
  await closing;
  expect(isClosed(descriptor)).toBe(true);
});
