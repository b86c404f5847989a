import { describe, expect, it } from 'vitest';
import { asyncEnviron, bytes, MemoryErrors, syncEnviron } from './transport.ts';
import { fine, OK, textOf, tryAsync, trySync, validated, type Wrong, type WrongApplication } from './trial.ts';

/** An application that does something with its streams first. */
const using = (use: (input: Wrong, errors: Wrong, environ: Wrong) => unknown) => (environ: Wrong, start: Wrong) => {
  use(environ['wsgi.input'], environ['wsgi.errors'], environ);
  return fine(environ, start);
};
const usingLater =
  (use: (input: Wrong, errors: Wrong, environ: Wrong) => Promise<unknown>) => async (environ: Wrong, start: Wrong) => {
    await use(environ['wsgi.input'], environ['wsgi.errors'], environ);
    return fine(environ, start);
  };

const BODY = ['one\ntwo\n', 'three'];

const good = {
  read: () => bytes(''),
  readline: () => bytes(''),
  readlines: () => [],
  *[Symbol.iterator]() {},
};

/** A sync environ with an input whose methods are replaced. */
function withInput(methods: object, changes: object = {}): object {
  return Object.assign(syncEnviron(), { 'wsgi.input': { ...good, ...methods } }, changes);
}

function withAsyncInput(methods: object): object {
  const input = {
    read: async () => bytes(''),
    readline: async () => bytes(''),
    readlines: async () => [],
    async *[Symbol.asyncIterator]() {},
    ...methods,
  };
  return Object.assign(asyncEnviron(), { 'wsgi.input': input });
}

describe('what the application does with wsgi.input', () => {
  it.each<[string, string, (input: Wrong) => unknown, (input: Wrong) => unknown]>([
    ['V-70', 'read gets at most one argument', (i) => i.read(1, 2), (i) => i.read(1)],
    ['V-70', 'read may get none', (i) => i.read(null, null), (i) => i.read()],
    ['V-72', 'readline gets at most one argument', (i) => i.readline(1, 2), (i) => i.readline(1)],
    ['V-74', 'readlines gets at most one argument', (i) => i.readlines(1, 2), (i) => i.readlines()],
    ['V-78', 'it is not closed', (i) => i.close(), (i) => i.read(-1)],
    ['V-79', 'no other member is used', (i) => i.pipe, (i) => i.readlines(3)],
    ['V-109', 'the size is an integer', (i) => i.read('5'), (i) => i.read(5)],
    ['V-109', 'the size has no fraction', (i) => i.readline(0.5), (i) => i.readline(null)],
    ['V-109', 'the size is a number', (i) => i.readlines(Number.NaN), (i) => i.readlines(undefined)],
  ])('%s %s', async (row, _title, broken, correct) => {
    expect(trySync(using(broken), { body: BODY })).toMatchObject({ row, side: 'application' });
    expect(trySync(using(correct), { body: BODY })).toMatchObject({ row: null, warned: [] });
    expect(
      (
        await tryAsync(
          usingLater(async (input) => broken(input)),
          { body: BODY },
        )
      ).row,
    ).toBe(row);
    expect(
      (
        await tryAsync(
          usingLater(async (input) => correct(input)),
          { body: BODY },
        )
      ).row,
    ).toBeNull();
  });

  it('V-79 the tools of the language may look at it', async () => {
    const look = (input: Wrong) => {
      String(input);
      JSON.stringify(input);
      expect('chunks' in input).toBe(false);
    };
    expect(trySync(using(look)).row).toBeNull();
    expect((await tryAsync(usingLater(async (input) => void (await input)))).row).toBeNull();
  });

  it('A-12 V-109 warns of reading past CONTENT_LENGTH without wsgi.input_terminated', () => {
    const environ = (terminated: boolean) =>
      Object.assign(syncEnviron('GET', undefined, ['abc']), {
        CONTENT_LENGTH: '3',
        'wsgi.input_terminated': terminated,
      });
    const past = using((input) => {
      input.read(2);
      input.read(2);
    });
    expect(trySync(past, { environ: environ(false) })).toMatchObject({ row: null, warned: ['V-109'] });
    expect(trySync(past, { environ: environ(true) })).toMatchObject({ row: null, warned: [] });
    const exact = using((input) => input.read(3));
    expect(trySync(exact, { environ: environ(false) })).toMatchObject({ row: null, warned: [] });
    const all = using((input) => input.read());
    expect(trySync(all, { environ: environ(false) }).warned).toEqual(['V-109']);
  });
});

describe('what the server gives through wsgi.input', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(2));
  let served: number;
  const repeated = (...blocks: string[]) => {
    served = 0;
    return () => bytes(blocks[served++] ?? '');
  };

  it.each<[string, string, object, (input: Wrong) => unknown]>([
    ['V-71', 'read gives bytes', { read: () => 'text' }, (i) => i.read(4)],
    ['V-71', 'read gives no null at the end', { read: () => null }, (i) => i.read(4)],
    ['V-71', 'read gives no promise', { read: async () => bytes('') }, (i) => i.read(4)],
    ['V-71', 'read gives no view of shared memory', { read: () => shared }, (i) => i.read(4)],
    ['V-73', 'readline gives bytes', { readline: () => 'text' }, (i) => i.readline()],
    ['V-73', 'readline ends at the newline', { readline: () => bytes('a\nb') }, (i) => i.readline()],
    ['V-75', 'readlines gives an array', { readlines: () => new Set() }, (i) => i.readlines()],
    ['V-76', 'readlines gives bytes', { readlines: () => ['text'] }, (i) => i.readlines()],
    ['V-73', 'iteration goes through readline (V-77)', { readline: () => 'text' }, (i) => [...i]],
    ['V-108', 'read gives no more than asked for', { read: () => bytes('abc') }, (i) => i.read(2)],
    ['V-108', 'readline gives no more than asked for', { readline: () => bytes('abc') }, (i) => i.readline(2)],
  ])('%s %s', (row, _title, methods, use) => {
    expect(trySync(using(use), { environ: withInput(methods) })).toMatchObject({ row, side: 'server' });
    expect(trySync(using(use), { body: BODY })).toMatchObject({ row: null, warned: [] });
  });

  it('V-77 iteration gives the lines and ends at the end', async () => {
    const lines: string[] = [];
    const collect = (line: Wrong) => lines.push(textOf(line));
    expect(
      trySync(
        using((input) => [...input].forEach(collect)),
        { body: BODY },
      ).row,
    ).toBeNull();
    const later = usingLater(async (input) => {
      for await (const line of input) collect(line);
    });
    expect((await tryAsync(later, { body: BODY })).row).toBeNull();
    expect(lines).toEqual(['one\n', 'two\n', 'three', 'one\n', 'two\n', 'three']);
  });

  it('V-108 nothing comes after the end', () => {
    const twice = using((input) => {
      input.read(4);
      input.read(4);
    });
    expect(trySync(twice, { environ: withInput({ read: repeated('', 'late') }) }).row).toBe('V-108');
    expect(trySync(twice, { environ: withInput({ read: repeated('abc', 'late') }) }).row).toBe('V-108');
    expect(trySync(twice, { environ: withInput({ read: repeated('abcd', 'late') }) }).row).toBeNull();
    const zero = using((input) => {
      input.read(0);
      input.read(4);
    });
    expect(trySync(zero, { environ: withInput({ read: repeated('', 'late') }) }).row).toBeNull();
    const all = using((input) => {
      input.read();
      input.read(1);
    });
    expect(trySync(all, { environ: withInput({ read: repeated('abc', 'd') }) }).row).toBe('V-108');
    const lines = using((input) => {
      input.readline();
      input.readline();
    });
    expect(trySync(lines, { environ: withInput({ readline: repeated('no newline', 'late') }) }).row).toBe('V-108');
    expect(trySync(lines, { environ: withInput({ readline: repeated('newline\n', 'late') }) }).row).toBeNull();
  });

  it('V-108 no more than CONTENT_LENGTH bytes come', () => {
    const environ = (length: string) => withInput({ read: repeated('abcd') }, { CONTENT_LENGTH: length });
    const read = using((input) => input.read(4));
    expect(trySync(read, { environ: environ('3') })).toMatchObject({ row: 'V-108', side: 'server' });
    expect(trySync(read, { environ: environ('4') }).row).toBeNull();
    expect(trySync(read, { environ: environ('') }).row).toBeNull();
  });

  it.each<[string, object, (input: Wrong) => unknown]>([
    ['V-71', { read: () => bytes('') }, (i) => i.read(1)],
    ['V-71', { read: async () => 'text' }, (i) => i.read(1)],
    ['V-73', { readline: () => bytes('') }, (i) => i.readline()],
    ['V-75', { readlines: async () => 'text' }, (i) => i.readlines()],
    ['V-76', { readlines: async () => [5] }, (i) => i.readlines()],
    ['V-108', { read: async () => bytes('abc') }, (i) => i.read(2)],
  ])('%s async: the methods return promises of the same values', async (row, methods, use) => {
    const later = usingLater(async (input) => void (await use(input)));
    expect(await tryAsync(later, { environ: withAsyncInput(methods) })).toMatchObject({ row, side: 'server' });
    expect((await tryAsync(later, { body: BODY })).row).toBeNull();
  });

  it('V-108 B-11 chunks() and stream() give the body', async () => {
    const got: string[] = [];
    const blocks = usingLater(async (input) => {
      for await (const block of input.chunks()) got.push(textOf(block));
    });
    expect((await tryAsync(blocks, { body: BODY })).row).toBeNull();
    const stream = usingLater(async (input) => {
      for await (const block of input.stream()) got.push(textOf(block));
    });
    expect((await tryAsync(stream, { body: BODY })).row).toBeNull();
    expect(got).toEqual([...BODY, ...BODY]);
    const broken = {
      chunks: async function* () {
        yield 'text';
      },
    };
    expect((await tryAsync(blocks, { environ: withAsyncInput(broken) })).row).toBe('V-71');
    expect((await tryAsync(blocks, { environ: withAsyncInput({}) })).row).toBe('V-79');
  });

  it('V-79 one validator inside another looks for no more than there is', async () => {
    const app = usingLater(async (input) => input.read());
    const inner: WrongApplication = validated(app, { kind: 'async' });
    expect((await tryAsync(inner, { environ: withAsyncInput({}) })).row).toBeNull();
    expect((await tryAsync(inner, { body: BODY })).row).toBeNull();
    expect(
      (
        await tryAsync(
          usingLater(async (input) => input.chunks()),
          { environ: withAsyncInput({}) },
        )
      ).row,
    ).toBe('V-79');
  });

  it('an error of the input passes as it is', async () => {
    const error = new Error('gone');
    const fail = () => {
      throw error;
    };
    expect(
      trySync(
        using((i) => i.read(1)),
        { environ: withInput({ read: fail }) },
      ).error,
    ).toBe(error);
    const later = usingLater(async (i) => void (await i.read(1)));
    const environ = withAsyncInput({ read: () => Promise.reject(error) });
    expect((await tryAsync(later, { environ })).error).toBe(error);
  });
});

describe('wsgi.errors', () => {
  it.each<[string, string, (errors: Wrong) => unknown, (errors: Wrong) => unknown]>([
    ['V-80', 'write gets a string', (e) => e.write(bytes('x')), (e) => e.write('\ud800 any text')],
    ['V-80', 'write gets one argument', (e) => e.write('a', 'b'), (e) => e.write('')],
    ['V-81', 'writelines gets strings', (e) => e.writelines(['a', 5]), (e) => e.writelines(new Set(['a']))],
    ['V-81', 'writelines gets no single string', (e) => e.writelines('ab'), (e) => e.writelines([])],
    ['V-82', 'it is not closed', (e) => e.close(), (e) => e.flush()],
    ['V-82', 'no other member is used', (e) => e.end('x'), (e) => e.flush()],
  ])('%s %s', async (row, _title, broken, correct) => {
    expect(trySync(using((_input, errors) => broken(errors)))).toMatchObject({ row, side: 'application' });
    expect(trySync(using((_input, errors) => correct(errors))).row).toBeNull();
    expect((await tryAsync(usingLater(async (_input, errors) => broken(errors)))).row).toBe(row);
  });

  it('V-81 V-82 text arrives as it was written, lines in one go', () => {
    const calls: unknown[] = [];
    const errors = new MemoryErrors();
    errors.writelines = (lines) => void calls.push([...lines]);
    errors.flush = () => void calls.push('flush');
    const write = using((_input, stream) => {
      stream.write('text\n');
      stream.writelines(['a', 'b']);
      stream.flush();
    });
    expect(trySync(write, { environ: syncEnviron('GET', errors) }).row).toBeNull();
    expect(errors.text).toBe('text\n');
    expect(calls).toEqual([['a', 'b'], 'flush']);
  });
});

describe('write', () => {
  const writing =
    (...chunks: unknown[]) =>
    (_environ: Wrong, start: Wrong) => {
      const write = start(...OK);
      for (const chunk of chunks) write(chunk);
      return [];
    };

  it('V-83 write gets bytes', async () => {
    expect(trySync(writing('text'))).toMatchObject({ row: 'V-83', side: 'application' });
    expect(trySync((_environ: Wrong, start: Wrong) => start(...OK)(bytes('a'), 1)).row).toBe('V-83');
    expect(trySync(writing(bytes('a'), bytes(''))).row).toBeNull();
    expect((await tryAsync(writing('text'))).row).toBe('V-83');
  });

  it('V-84 nothing else of the writer is used', () => {
    const outer = () => Object.assign(() => {}, { flush() {} });
    const flushing = (_environ: Wrong, start: Wrong) => {
      start(...OK).flush();
      return [];
    };
    expect(trySync(flushing, { startResponse: outer })).toMatchObject({ row: 'V-84', side: 'application' });
    const calling = (_environ: Wrong, start: Wrong) => {
      start(...OK).call(null, bytes('a'));
      return [];
    };
    expect(trySync(calling, { startResponse: outer }).row).toBeNull();
  });

  it('V-127 write is not called from within the body, nor after its first step, nor after the end', () => {
    let write: Wrong;
    const within = function* (_environ: Wrong, start: Wrong) {
      write = start(...OK);
      write(bytes('a'));
      yield bytes('b');
    };
    expect(trySync(within)).toMatchObject({ row: 'V-127', side: 'application' });
    const app = (_environ: Wrong, start: Wrong) => {
      write = start(...OK);
      write(bytes('a'));
      return (function* () {
        yield bytes('b');
      })();
    };
    const between = (checked: Wrong, environ: Wrong, start: Wrong) => {
      const iterator = checked(environ, start)[Symbol.iterator]();
      iterator.next();
      write(bytes('late'));
    };
    expect(trySync(app, { serve: between }).row).toBe('V-127');
    expect(trySync(app).row).toBeNull();
    expect(() => write(bytes('late'))).toThrow(/^V-127/);
  });

  it('B-09 V-136 async: a promise of write that nobody awaits is a warning', async () => {
    const app = (awaits: boolean) => async (_environ: Wrong, start: Wrong) => {
      const promise = start(...OK)(bytes('a'));
      if (awaits) await promise;
      return {
        async *[Symbol.asyncIterator]() {
          yield bytes('b');
        },
      };
    };
    expect(await tryAsync(app(false))).toMatchObject({ row: null, warned: ['V-136'] });
    expect(await tryAsync(app(true))).toMatchObject({ row: null, warned: [] });
    const array = async (_environ: Wrong, start: Wrong) => {
      start(...OK)(bytes('a'));
      return [bytes('b')];
    };
    expect(await tryAsync(array)).toMatchObject({ row: null, warned: ['V-136'] });
    expect((await tryAsync(app(true), { startResponse: () => () => {} })).row).toBe('B-09');
  });

  it('V-136 async: neither startResponse nor write is called after the body ended', async () => {
    let start: Wrong;
    let write: Wrong;
    const app = (_environ: Wrong, startResponse: Wrong) => {
      start = startResponse;
      write = start(...OK);
      return {
        async *[Symbol.asyncIterator]() {
          yield bytes('b');
        },
      };
    };
    expect((await tryAsync(app)).row).toBeNull();
    expect(() => write(bytes('late'))).toThrow(/^V-136/);
    expect(() => start(...OK, new Error('late'))).toThrow(/^V-136/);
  });

  it('G-146 a rejected promise of write that nobody looks at ends no process', async () => {
    const startResponse = () => () => Promise.reject(new Error('gone'));
    const app = async (_environ: Wrong, start: Wrong) => {
      start(...OK)(bytes('a'));
      return [];
    };
    // vitest fails on an unhandled rejection.
    expect((await tryAsync(app, { startResponse })).row).toBeNull();
  });
});
