import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AsyncInput } from '../../src/engine/async-input.ts';
import { SyncInput } from '../../src/engine/sync-input.ts';
import { ClientDisconnected, RequestBodyError } from '../../src/interface/errors.ts';
import { READ_BLOCK } from '../../src/interface/read-block.ts';
import type { BodySource } from '../../src/interface/transport.ts';
import { bytes } from './application-table.ts';

const text = (chunk: Uint8Array): string => Buffer.from(chunk).toString('latin1');

/** A body in given blocks; a block larger than `max` is handed out in parts, as the seam demands. */
class Blocks implements BodySource<false> {
  reads = 0;
  readonly asked: number[] = [];
  readonly #blocks: Uint8Array[];
  readonly #end: Error | null;

  constructor(blocks: string[], end: Error | null = null) {
    this.#blocks = blocks.map(bytes);
    this.#end = end;
  }

  read(max: number): Uint8Array | null {
    this.reads++;
    this.asked.push(max);
    expect(max).toBeGreaterThan(0);
    const block = this.#blocks.shift();
    if (block === undefined) {
      if (this.#end !== null) throw this.#end;
      return null;
    }
    if (block.byteLength > max) this.#blocks.unshift(block.slice(max));
    return block.slice(0, max);
  }
}

/** The same, some blocks at once and some later. */
function later(blocks: Blocks): BodySource<true> {
  let reading = false;
  return {
    read(max: number) {
      if (reading) throw new Error('a read while another one waits');
      if (blocks.reads % 3 === 0) return blocks.read(max);
      reading = true;
      return new Promise((resolve, reject) => {
        setImmediate(() => {
          reading = false;
          try {
            resolve(blocks.read(max));
          } catch (error) {
            reject(error);
          }
        });
      });
    },
  };
}

type Call = ['read' | 'readline' | 'readlines', number | null | undefined] | ['iterate', number];

/** What the rows G-53 to G-61 say, on a string. */
class Model {
  #rest: string;

  constructor(body: string) {
    this.#rest = body;
  }

  #cut(length: number): string {
    const result = this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
    return result;
  }

  #line(size: number | null | undefined): string {
    const newline = this.#rest.indexOf('\n');
    const line = newline < 0 ? this.#rest.length : newline + 1;
    return this.#cut(size === null || size === undefined || size < 0 ? line : Math.min(size, line));
  }

  call([method, size]: Call): string | string[] {
    if (method === 'read') return this.#cut(size === null || size === undefined || size < 0 ? Infinity : size);
    if (method === 'readline') return this.#line(size);
    const lines: string[] = [];
    if (method === 'iterate') {
      for (let i = 0; i < size && this.#rest !== ''; i++) lines.push(this.#line(-1));
      return lines;
    }
    const most = size === null || size === undefined || size <= 0 ? Infinity : size;
    for (let total = 0; total < most && this.#rest !== ''; total += lines.at(-1)!.length) lines.push(this.#line(-1));
    return lines;
  }
}

function callSync(input: SyncInput, [method, size]: Call): string | string[] {
  if (method === 'iterate') {
    const lines: string[] = [];
    if (size === 0) return lines;
    for (const line of input) if (lines.push(text(line)) === size) break;
    return lines;
  }
  const result = input[method](size);
  return Array.isArray(result) ? result.map(text) : text(result);
}

async function callAsync(input: AsyncInput, [method, size]: Call): Promise<string | string[]> {
  if (method === 'iterate') {
    const lines: string[] = [];
    if (size === 0) return lines;
    for await (const line of input) if (lines.push(text(line)) === size) break;
    return lines;
  }
  const result = await input[method](size);
  return Array.isArray(result) ? result.map(text) : text(result);
}

const sizes = fc.oneof(fc.constant(undefined), fc.constant(null), fc.constant(-1), fc.integer({ min: 0, max: 12 }));
const calls: fc.Arbitrary<Call[]> = fc.array(
  fc.oneof(
    fc.tuple(fc.constantFrom('read' as const, 'readline' as const, 'readlines' as const), sizes),
    fc.tuple(fc.constant('iterate' as const), fc.integer({ min: 0, max: 4 })),
  ),
  { maxLength: 12 },
);
const blocks = fc.array(
  fc.array(fc.constantFrom('a', 'b', '\n', '\r'), { minLength: 1, maxLength: 8 }).map((units) => units.join('')),
  { maxLength: 12 },
);

describe('any split of the body and any mix of calls', () => {
  test('G-51 to G-61 sync input agrees with the model', () => {
    fc.assert(
      fc.property(blocks, calls, (split, mix) => {
        const input = new SyncInput(new Blocks(split));
        const model = new Model(split.join(''));
        for (const call of mix) expect(callSync(input, call)).toEqual(model.call(call));
        expect(callSync(input, ['read', -1])).toBe(model.call(['read', -1]));
        expect(callSync(input, ['readline', -1])).toBe('');
      }),
      { numRuns: 500 },
    );
  });

  test('B-10 async input agrees with the model, call after call', async () => {
    await fc.assert(
      fc.asyncProperty(blocks, calls, async (split, mix) => {
        const input = new AsyncInput(later(new Blocks(split)));
        const model = new Model(split.join(''));
        for (const call of mix) expect(await callAsync(input, call)).toEqual(model.call(call));
        expect(await callAsync(input, ['read', -1])).toBe(model.call(['read', -1]));
      }),
      { numRuns: 200 },
    );
  });

  test('B-10 async input serves overlapping reads in call order', async () => {
    await fc.assert(
      fc.asyncProperty(blocks, calls, async (split, mix) => {
        const plain = mix.filter((call) => call[0] !== 'iterate');
        const input = new AsyncInput(later(new Blocks(split)));
        const model = new Model(split.join(''));
        const results = await Promise.all(plain.map((call) => callAsync(input, call)));
        expect(results).toEqual(plain.map((call) => model.call(call)));
      }),
      { numRuns: 200 },
    );
  });

  test('B-11, G-61 chunks() shares the position with the other methods', async () => {
    await fc.assert(
      fc.asyncProperty(blocks, calls, async (split, mix) => {
        const input = new AsyncInput(later(new Blocks(split)));
        const model = new Model(split.join(''));
        for (const call of mix) expect(await callAsync(input, call)).toEqual(model.call(call));
        let rest = '';
        for await (const block of input.chunks()) {
          expect(block.byteLength).toBeGreaterThan(0);
          rest += text(block);
        }
        expect(rest).toBe(model.call(['read', -1]));
      }),
      { numRuns: 200 },
    );
  });
});

describe('blocks of a sync input, for bridges', () => {
  test('B-11, G-61 are what has arrived, at most as much as is wanted, and share the position with the other methods', () => {
    const source = new Blocks(['one\ntwo', 'three']);
    const input = new SyncInput(source);
    const block = (max: number): string | null => {
      const got = input[READ_BLOCK](max);
      return got === null ? null : text(got);
    };
    expect(block(2)).toBe('on');
    expect(text(input.readline())).toBe('e\n');
    expect(block(2)).toBe('tw');
    expect(block(100)).toBe('o');
    expect(source.reads).toBe(2);
    expect(block(100)).toBe('three');
    expect([block(1), block(100)]).toEqual([null, null]);
    expect(source.reads).toBe(4);
    expect(new SyncInput(null)[READ_BLOCK](1)).toBe(null);
  });

  test('G-63 throw where the body breaks off, each time', () => {
    const input = new SyncInput(new Blocks(['a'], new ClientDisconnected()));
    expect(text(input[READ_BLOCK](9) as Uint8Array)).toBe('a');
    for (let i = 0; i < 2; i++) expect(() => input[READ_BLOCK](9)).toThrow(ClientDisconnected);
  });
});

describe('the ends of it', () => {
  test('G-53, G-55 without a body everything is empty at once and stays so', async () => {
    const sync = new SyncInput(null);
    const asynchronous = new AsyncInput(null);
    for (let i = 0; i < 2; i++) {
      for (const result of [sync.read(), sync.read(5), sync.readline(), await asynchronous.read()]) {
        expect(result).toBeInstanceOf(Uint8Array);
        expect(result).toHaveLength(0);
      }
      expect(sync.readlines()).toEqual([]);
      expect([...sync]).toEqual([]);
      expect(await asynchronous.readlines()).toEqual([]);
    }
    for await (const _ of asynchronous) expect.unreachable();
    for await (const _ of asynchronous.chunks()) expect.unreachable();
  });

  test('G-57, G-67 read(0) and readline(0) do not touch the source', async () => {
    const source = new Blocks(['abc']);
    expect(new SyncInput(source).read(0)).toHaveLength(0);
    expect(new SyncInput(source).readline(0)).toHaveLength(0);
    expect(await new AsyncInput(later(source)).read(0)).toHaveLength(0);
    expect(source.reads).toBe(0);
  });

  test('G-65 read asks the source for no more than was asked of it', () => {
    const source = new Blocks(['abcdef']);
    const input = new SyncInput(source);
    input.read(2);
    input.read(3);
    expect(source.asked).toEqual([2, 3]);
    input.read();
    expect(Math.max(...source.asked)).toBeLessThanOrEqual(65536);
  });

  test('G-53 the source is not asked again after its end', () => {
    const source = new Blocks(['a']);
    const input = new SyncInput(source);
    input.read();
    const { reads } = source;
    input.read();
    input.readline();
    expect([...input]).toEqual([]);
    expect(source.reads).toBe(reads);
  });

  test('G-60 iteration of an input that does not end in a newline yields the last line', () => {
    expect([...new SyncInput(new Blocks(['a\nb', '\n', 'c']))].map(text)).toEqual(['a\n', 'b\n', 'c']);
  });

  test.each([1.5, Number.NaN, '5', true, {}, Infinity])('G-56 %j is no size', async (size) => {
    expect(() => new SyncInput(null).read(size as number)).toThrow(TypeError);
    expect(() => new SyncInput(null).readlines(size as number)).toThrow(TypeError);
    await expect(new AsyncInput(null).readline(size as number)).rejects.toThrow(TypeError);
  });

  test('G-68 there is nothing to close', () => {
    expect('close' in new SyncInput(null)).toBe(false);
    expect('close' in new AsyncInput(null)).toBe(false);
  });
});

describe('a body that breaks off', () => {
  test.each([new ClientDisconnected(), new RequestBodyError('bad chunk')])('G-63 reads throw: %s', async (error) => {
    const input = new SyncInput(new Blocks(['abc'], error));
    expect(text(input.read(2))).toBe('ab');
    expect(() => input.read(2)).toThrow(error);
    expect(() => input.read(1)).toThrow(error);
    expect(() => input.readline()).toThrow(error);
    expect(() => [...input]).toThrow(error);
    const other = new AsyncInput(later(new Blocks(['abc'], error)));
    await expect(other.read()).rejects.toBe(error);
    await expect(other.readlines()).rejects.toBe(error);
  });

  test('B-10 a failed read does not hold up the ones behind it', async () => {
    const error = new RequestBodyError('bad');
    const input = new AsyncInput(later(new Blocks(['a'], error)));
    const results = await Promise.allSettled([input.read(5), input.read(5), input.read(0)]);
    expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  });
});

test('G-146 reads that nobody awaits may reject without ending the process', async () => {
  const error = new ClientDisconnected();
  const input = new AsyncInput(later(new Blocks([], error)));
  input.read();
  input.readline();
  input.readlines();
  input.read(1.5);
  input.readlines(1.5);
  input.chunks()[Symbol.asyncIterator]().next();
  input[Symbol.asyncIterator]().next();
  const throwing = new AsyncInput({
    read() {
      throw error;
    },
  });
  throwing.read();
  await expect(throwing.read()).rejects.toBe(error);
  for (let i = 0; i < 10; i++) await new Promise(setImmediate); // an unhandled rejection would fail the test run
});

describe('the bytes', () => {
  test('G-66, G-52 what was read can be changed and transferred without an effect on later reads', () => {
    const input = new SyncInput(new Blocks(['one\ntwo\nthree']));
    const first = input.readline();
    expect(first.buffer).toBeInstanceOf(ArrayBuffer);
    first.fill(0);
    structuredClone(first.buffer, { transfer: [first.buffer as ArrayBuffer] });
    expect(text(input.read(2))).toBe('tw');
    expect(text(input.read())).toBe('o\nthree');
  });

  test('G-66 the same where the source gives Buffers', () => {
    const input = new SyncInput({ read: () => Buffer.from(bytes('a\nb\n').buffer) });
    const first = input.readline();
    first.fill(0);
    structuredClone(first.buffer, { transfer: [first.buffer as ArrayBuffer] });
    expect(text(input.readline())).toBe('b\n');
  });

  test('G-65 many small blocks and one long line take linear time', () => {
    const count = 300_000;
    const block = bytes('ab');
    let left = count;
    const input = new SyncInput({ read: () => (left-- > 0 ? block.slice() : null) });
    expect(input.readline()).toHaveLength(2 * count);
    left = count;
    const second = new SyncInput({ read: () => (left-- > 0 ? block.slice() : null) });
    expect(second.read()).toHaveLength(2 * count);
    const lines = new SyncInput(new Blocks(['\n'.repeat(count)]));
    expect(lines.readlines()).toHaveLength(count);
  });

  test('B-11 stream() gives the body, reads nothing ahead, and reports a broken body', async () => {
    const source = new Blocks(['abc', 'def']);
    const stream = new AsyncInput(later(source)).stream();
    await new Promise(setImmediate);
    expect(source.reads).toBe(0);
    expect(await new Response(stream).text()).toBe('abcdef');
    const error = new ClientDisconnected();
    const broken = new AsyncInput(later(new Blocks(['abc'], error))).stream();
    await expect(new Response(broken).text()).rejects.toBe(error);
  });

  test('B-11 cancelling the stream leaves the rest to the other methods', async () => {
    const input = new AsyncInput(later(new Blocks(['abc', 'def'])));
    const reader = input.stream().getReader();
    expect(text((await reader.read()).value!)).toBe('abc');
    await reader.cancel();
    expect(text(await input.read())).toBe('def');
  });
});
