import { closeSync, openSync, writeFileSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fileOf } from '../../src/engine/file-wrapper.ts';
import { AsyncFileWrapper, FileWrapper } from '../../src/toolbox/index.ts';
import { gather } from './gather.ts';

let folder: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quaich-'));
  path = join(folder, 'file');
  writeFileSync(path, 'x'.repeat(20000));
});

afterAll(() => rm(folder, { recursive: true }));

describe('U-08 FileWrapper', () => {
  test('reads blocks of 8192 bytes until an empty one', () => {
    const asked: number[] = [];
    const blocks = [Buffer.from('ab'), Buffer.from('c'), Buffer.alloc(0), Buffer.from('never')];
    const wrapper = new FileWrapper({
      read: (size) => {
        asked.push(size);
        return blocks[asked.length - 1];
      },
    });
    expect(Buffer.concat([...wrapper]).toString()).toBe('abc');
    expect(asked).toEqual([8192, 8192, 8192]);
    expect(wrapper.next()).toEqual({ done: true, value: undefined });
  });

  test('a falsy result ends it too', () => {
    expect([...new FileWrapper({ read: () => undefined as unknown as Uint8Array })]).toEqual([]);
  });

  test('the size of the blocks can be given', () => {
    const sizes: number[] = [];
    const wrapper = new FileWrapper({ read: (size) => new Uint8Array(sizes.push(size) < 3 ? 1 : 0) }, 7);
    expect([...wrapper]).toHaveLength(2);
    expect(sizes).toEqual([7, 7, 7]);
  });

  test('it has close only if the file has, and is its own iterator', () => {
    const plain = new FileWrapper({ read: () => new Uint8Array(0) });
    expect('close' in plain).toBe(false);
    expect(plain[Symbol.iterator]()).toBe(plain);
    let closed = 0;
    const closing = new FileWrapper({ read: () => new Uint8Array(0), close: () => closed++ });
    closing.close?.();
    closing.close?.();
    expect(closed).toBe(1);
  });

  test('return() closes, and ends it', () => {
    let closed = 0;
    const wrapper = new FileWrapper({ read: () => new Uint8Array(1), close: () => closed++ });
    for (const _ of wrapper) break;
    expect([closed, wrapper.next().done]).toEqual([1, true]);
  });

  test('a descriptor is read in blocks and closed', () => {
    const wrapper = new FileWrapper(openSync(path, 'r'));
    expect([...wrapper].map((block) => block.byteLength)).toEqual([8192, 8192, 3616]);
    wrapper.close?.();
  });

  test('G-161 a gateway knows it as its own file wrapper', () => {
    const descriptor = openSync(path, 'r');
    expect(fileOf(new FileWrapper(descriptor))).toEqual({ descriptor, length: -1 });
    closeSync(descriptor);
  });

  test('the async form reads a FileHandle and closes it', async () => {
    const wrapper = new AsyncFileWrapper(await open(path));
    expect((await gather(wrapper)).map((block) => block.byteLength)).toEqual([8192, 8192, 3616]);
    await wrapper.close?.();
    expect(wrapper[Symbol.asyncIterator]()).toBe(wrapper);
  });
});
