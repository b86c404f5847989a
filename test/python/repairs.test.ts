/** What Python on WebAssembly lacks is there, or says that it is not. Each of these fails without its repair. */
import fs, {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { redirectOutput } from '../../src/engine/error-stream.ts';
import { isThreadBroken, setGivenUp } from '../../src/engine/thread-state.ts';
import { FileLocks, SHARED } from '../../src/python/file-locks.ts';
import { pythonApp } from '../../src/python/index.ts';
import { preloadPython, preparePython } from '../../src/python/load.ts';
import type { EmscriptenModule } from '../../src/python/pyodide.ts';
import { Runner } from '../../src/python/runner.ts';
import { repairSystemCalls } from '../../src/python/system-calls.ts';
import { sharedFileLocks } from '../../src/rings/index.ts';
import { wasm } from '../../src/rules/webassembly.ts';
import { SyncTestClient } from '../../src/testing/sync-client.ts';
import { apps, cache } from './folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'quaich-python-'));
let client: SyncTestClient;
let other: SyncTestClient;
let environ: NodeJS.ProcessEnv;

beforeAll(async () => {
  process.env.FOLDER = folder;
  environ = { ...process.env };
  const options = { directory: apps, cache, memory: 2 ** 27 };
  client = new SyncTestClient(await pythonApp('./repairs.py', options));
  other = new SyncTestClient(await pythonApp('./repairs.py', options));
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

const tell = (what: string, from = client): string => {
  const response = from.get(`/${what}`);
  expect(response.errors).toBe('');
  return response.text;
};

describe('PY-35', () => {
  it.each(['time', 'asyncio'])('%s.sleep does not use the processor', (way) => {
    const { wait } = Atomics;
    let waited = 0;
    const waiting = vi.spyOn(Atomics, 'wait').mockImplementation((...given) => {
      const begun = performance.now();
      const outcome = wait(...given);
      waited += performance.now() - begun;
      return outcome;
    });
    expect(Number(tell(`sleep/${way}`))).toBeGreaterThan(0.29);
    waiting.mockRestore();
    expect(waited).toBeGreaterThan(200);
  });

  it('time.sleep has no negative length', () => {
    expect(tell('negative_sleep')).toBe('ValueError: sleep length must be non-negative');
  });

  it('hashes of OpenSSL are there', () => {
    expect(tell('hashes')).toMatch(/^ae4d0c95af6b46d32d0adff928f06dd02a303f8e [0-9a-f]{32}$/);
  });

  it('hashes that cannot be made raise what they do elsewhere', () => {
    expect(tell('wrong_hashes').split('\n')).toEqual([1, 2, 3].map(() => expect.stringMatching(/^ValueError: /)));
  });

  it('asyncio.run works, and no event loop runs outside of it', () => {
    expect(tell('loops')).toBe('[0, 2, 4] told RuntimeError: no running event loop');
    expect(tell('endless_wait')).toMatch(/^RuntimeError: this event loop waits for something that cannot happen/);
  });

  it('print is out with the end of its line', () => {
    const lines: string[] = [];
    redirectOutput((bytes) => lines.push(Buffer.from(bytes).toString()));
    expect(tell('printed')).toBe('False False');
    expect(lines.join('')).toBe('a line of text\nanother line\n');
  });

  it('the process has its number, its variables and its directory, and no input', () => {
    expect(JSON.parse(tell('process'))).toEqual({
      ...{ pid: process.pid, environ, directory: apps, input: '', 'paths without a name': 0 },
    });
  });
});

describe('PY-34', () => {
  it('threads say that there are none', () => {
    const refused =
      "RuntimeError: can't start new thread: Python applications have no threads here (see docs/python.md)";
    expect(tell('threads').split('\n')).toEqual(new Array(4).fill(refused));
  });

  it('processes say so', () => {
    expect(tell('processes')).toContain('Python applications start no processes here');
  });

  it('connections say so', () => {
    const [connect, code, opened, ...others] = tell('sockets').split('\n');
    expect(connect).toMatch(/^OSError: .*cannot connect to \('127\.0\.0\.1', 1\): Python applications have no sockets/);
    expect(code).toBe('ENETUNREACH');
    expect(opened).toMatch(/^URLError: /);
    expect(others).toEqual(new Array(3).fill(expect.stringContaining('Python applications have no sockets here')));
  });
});

describe('files', () => {
  it('PY-32 are not mapped to be shared, and SQLite refuses its WAL', () => {
    expect(tell('shared_map').split('\n')).toEqual([
      ...[expect.stringMatching(/^OSError: /), "b'x'", "b'x'", expect.stringMatching(/^OSError: /)],
    ]);
    for (const way of ['wal', 'wal_of_others'])
      expect([way, tell(way)]).toEqual([way, 'OperationalError: disk I/O error']);
    expect(tell('out_of_wal')).toBe("[[('exclusive',)], [('delete',)], []]");
  });

  it('PY-32 are not mapped by SQLite to be read, which would not see what others write', () => {
    expect(tell('mapped_database')).toBe('[[(0,)]]');
  });

  it.each([
    ['are written to the disk', 'None', () => {}],
    [
      'tell of a disk that fails',
      'OSError: [Errno 29] I/O error',
      () => {
        throw Object.assign(new Error('EIO'), { code: 'EIO' });
      },
    ],
  ])('PY-33 %s', (_, told, outcome) => {
    const synced: string[] = [];
    const { fsyncSync, fdatasyncSync } = fs;
    const noting = (name: string) => () => {
      synced.push(name);
      outcome();
    };
    Object.assign(fs, { fsyncSync: noting('fsync'), fdatasyncSync: noting('fdatasync') });
    syncBuiltinESMExports();
    try {
      expect(tell('synced')).toBe(new Array(4).fill(told).join(' '));
    } finally {
      Object.assign(fs, { fsyncSync, fdatasyncSync });
      syncBuiltinESMExports();
    }
    expect(synced).toEqual(['fsync', 'fdatasync', 'fsync', 'fdatasync']);
  });

  it('PY-33 that somebody has removed can be made anew', () => {
    expect(tell('make')).toBe('None');
    expect(tell('make')).toMatch(/^FileExistsError/);
    rmdirSync(join(folder, 'made'));
    expect(tell('make')).toBe('None');
  });

  it.each(['w', 'x', 'a'])('PY-33 that somebody has removed can be opened anew by %s', (mode) => {
    const path = join(folder, `again-${mode}`);
    for (const removed of [true, false]) {
      expect(tell(`opened/again-${mode}/${mode}`)).toBe('None');
      if (removed) rmSync(path);
    }
    expect(readFileSync(path, 'utf8')).toBe(' ours');
  });

  it('PY-33 that cannot be reached any more are an error', () => {
    const path = join(folder, 'way');
    mkdirSync(path);
    expect(tell('opened/way:file/w')).toBe('None');
    rmSync(path, { recursive: true });
    symlinkSync(path, path);
    expect(tell('opened/way:file/w')).toMatch(/^OSError: .*symbolic link/i);
  });

  // Each look-up may be the last before another worker creates the file; from the fourth on nobody does.
  describe.each([1, 2, 3, 4])('PY-33 that somebody creates after look-up %i', (last) => {
    const meet = (name: string, act: () => void): boolean => {
      const { lstatSync } = fs;
      const path = join(folder, name);
      let looks = 0;
      const meeting = ((...given: Parameters<typeof lstatSync>) => {
        try {
          return lstatSync(...given);
        } finally {
          if (given[0] === path && ++looks === last) writeFileSync(path, 'theirs', { flag: 'wx' });
        }
      }) as typeof lstatSync;
      Object.assign(fs, { lstatSync: meeting });
      syncBuiltinESMExports();
      try {
        act();
      } finally {
        Object.assign(fs, { lstatSync });
        syncBuiltinESMExports();
      }
      return looks >= last;
    };
    const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

    it('are opened, and not emptied', () => {
      const name = `opened-${last}`;
      const met = meet(name, () => expect(tell(`opened/${name}/a`)).toBe('None'));
      expect(read(name)).toBe(met ? 'theirs ours' : ' ours');
      expect(met).toBe(last < 4);
    });

    it('are not created once more', () => {
      const name = `created-${last}`;
      const met = meet(name, () => expect(tell(`opened/${name}/x`)).toMatch(last < 4 ? /^FileExistsError/ : /^None$/));
      expect(read(name)).toBe(met ? 'theirs' : ' ours');
      expect(met).toBe(last < 4);
    });

    it('are replaced', () => {
      const name = `renamed-${last}`;
      meet(name, () => expect(tell(`renamed/${name}`)).toBe('None'));
      expect(read(name)).toBe('ours');
      expect(tell(`opened/${name}/a`)).toBe('None');
      expect(read(name)).toBe('ours ours');
    });
  });

  it('PY-30 are locked for all other interpreters, until they are closed', () => {
    expect(tell('lock', other)).toBe('NoneNone');
    for (const hold of ['hold', 'hold_flock']) {
      expect(tell(hold)).toBe('None');
      expect(tell('lock', other)).toMatch(/^BlockingIOError.*BlockingIOError/);
      tell('release');
      expect(tell('lock', other)).toBe('NoneNone');
    }
  });

  it('PY-30 are locked by ranges, from wherever these are counted, and tell what is in the way', () => {
    const [READ, WRITE, NONE] = [0, 1, 2];
    const call = (from: SyncTestClient, ...given: (string | number)[]) => {
      const answer = tell(`ranges/${given.join('/')}`, from);
      return answer.startsWith('(') ? answer.slice(1, -1).split(', ').map(Number) : answer;
    };
    for (const each of [client, other]) tell('open_ranges', each);
    for (const [whence, start, length, from, most] of [
      [0, 5, 10, 5, 10],
      [0, 5, 0, 5, 0],
      [1, 5, 10, 15, 10],
      [2, -5, 10, 95, 10],
      [0, 20, -5, 15, 5],
    ]) {
      for (const [kind, held] of [
        ['F_WRLCK', WRITE],
        ['F_RDLCK', READ],
      ]) {
        call(client, 'F_SETLK', kind, whence, start, length);
        expect(call(other, 'F_GETLK', 'F_WRLCK', 1, -10, 0)).toEqual([held, 0, from, most, expect.any(Number)]);
        // It has locked nothing.
        expect(call(client, 'F_GETLK', 'F_WRLCK', 0, 0, 0)).toEqual([NONE, 0, 0, 0, 0]);
        call(client, 'F_SETLK', 'F_UNLCK', 0, 0, 0);
        expect(call(other, 'F_GETLK', 'F_WRLCK', 0, 0, 0)).toEqual([NONE, 0, 0, 0, 0]);
      }
    }
    expect(call(client, 'F_SETLK', 'F_WRLCK', 0, -1, 1)).toMatch(/^OSError: .*Invalid argument/);
    for (const each of [client, other]) tell('release', each);
  });

  it('PY-30 are waited for, until they are free or the request is given up', () => {
    let waits = 0;
    const waiting = vi.spyOn(Atomics, 'wait').mockImplementation(() => {
      // Also where nothing else ends it.
      if (++waits % 100 === 0) tell('release');
      return 'timed-out';
    });
    tell('hold');
    expect([tell('wait', other), waits]).toEqual(['None', 100]);
    tell('hold');
    setGivenUp(() => waits > 110);
    const outcome = tell('wait', other);
    setGivenUp(() => false);
    waiting.mockRestore();
    expect([outcome, waits]).toEqual([expect.stringMatching(/^KeyboardInterrupt/), 111]);
    tell('release');
  });

  it('PY-30 are not locked where there is no room for it', () => {
    const [locks, main] = [99, 0].map((thread) => new FileLocks(sharedFileLocks(), thread));
    for (let at = 0; locks.lock([0, 0, 0], 0, SHARED, { start: at, end: at + 1 }) === 'locked'; at += 2);
    expect(tell('lock')).toMatch(/^OSError.*No locks available.*OSError.*No locks available/);
    expect(main.releaseThread(99)).toBe(true);
    expect(tell('lock')).toBe('NoneNone');
  });
});

describe('an interpreter', () => {
  const calls = ['__syscall_fcntl64', '__syscall_fdatasync', '_mmap_js', 'emscripten_resize_heap'];
  it.each(calls)('PY-30 is not made where %s is not there to be mended', (missing) => {
    const others = Object.fromEntries(calls.filter((name) => name !== missing).map((name) => [name, () => 0]));
    const locks = new FileLocks(sharedFileLocks(), 0);
    // It is looked at when one of them is called.
    const program = {} as EmscriptenModule;
    expect(() => repairSystemCalls(others, program, { locks, memory: 0 })).toThrow(
      `cannot be used: it has no ${missing}`,
    );
  });

  it('PY-42 has no more memory than it may have, and goes on', () => {
    expect(tell('memory')).toMatch(/^\d\d MiB$/);
    expect(tell('memory')).toMatch(/MiB$/);
    expect(tell('hashes')).not.toBe('');
  });

  it('PY-40 is interrupted once for a request that is given up, and runs the next', async () => {
    const behaviours = new SyncTestClient(await pythonApp('./behaviours.py', { directory: apps, cache }));
    let asked = 0;
    setGivenUp(() => ++asked > 1000);
    const response = behaviours.get('/loop');
    setGivenUp(() => false);
    expect(response.errors).toMatch(/^the loop begins\nthe loop has ended\n[\s\S]*KeyboardInterrupt/);
    expect(behaviours.get('/steps').text).toBe('one two three');
  });

  it.each(['slept', 'awaited', 'computed'])('PY-40 is interrupted where it has %s', (path) => {
    const begun = performance.now();
    setGivenUp(() => performance.now() - begun > 100);
    const { errors } = client.get(`/${path}`);
    setGivenUp(() => false);
    expect(errors).toMatch(/KeyboardInterrupt\n$/);
    // It would be 8 seconds.
    expect(performance.now() - begun).toBeLessThan(5000);
  });

  it.each(['os_exit', 'os_abort'])('PY-41 ends with %s, and answers nothing any more', async (end) => {
    const behaviours = new SyncTestClient(await pythonApp('./behaviours.py', { directory: apps, cache }));
    const warned = vi.spyOn(console, 'error').mockImplementation(() => {});
    const response = behaviours.get(`/${end}`);
    warned.mockRestore();
    expect([response.status, response.errors]).toEqual([500, expect.stringContaining('InterpreterLost')]);
    expect(behaviours.get('/steps').status).toBe(500);
    expect(isThreadBroken()).toBe(true);
  });

  it('PY-50 has random numbers of its own', async () => {
    const numbers = await Promise.all(
      [1, 2].map(async () => new SyncTestClient(await pythonApp('./behaviours.py', { directory: apps, cache }))),
    );
    const [one, two] = numbers.map((each) => each.get('/worker').text);
    expect(one).not.toBe(two);
  });

  it('PY-50 PY-51 has random numbers and names of its own, also where others have begun with the same', async () => {
    const module = join(apps, 'preloaded.py');
    const { prepared, notes } = await preloadPython({ module }, await preparePython(apps, { cache }));
    expect(notes).toEqual([]);
    const runners = await Promise.all([1, 2].map(() => Runner.start(prepared.image, prepared.settings)));
    const [one, two] = runners.map((runner) => new SyncTestClient(runner.application(0)).get('/').text.split(' '));
    expect(one).toHaveLength(2);
    for (const [index, value] of one.entries()) expect(value).not.toBe(two[index]);
  });

  it('PY-50 has what most applications import, and its program is compiled once', async () => {
    expect(['sqlite3', 'statistics', 'colorsys'].map((name) => tell(`known/${name}`))).toEqual([
      ...['True', 'True', 'False'],
    ]);
    const instantiate = vi.spyOn(wasm, 'instantiate');
    await pythonApp('./site.py', { directory: apps, cache });
    const sizes = instantiate.mock.calls.map(([source]) => ('byteLength' in source ? source.byteLength : 0));
    instantiate.mockRestore();
    expect(Math.max(...sizes)).toBeLessThan(2 ** 20);
  });

  it('PY-50 keeps what it compiles of its library', async () => {
    const { image } = await preparePython(apps, { cache });
    const kept = join(String(image.library), 'colorsys.pyc');
    writeFileSync(kept, 'what somebody has broken');
    expect(tell('imports/colorsys')).toBe('colorsys');
    const { ino, size } = statSync(kept);
    expect(size).toBeGreaterThan(1000);
    expect(tell('imports/colorsys', other)).toBe('colorsys');
    expect(statSync(kept).ino).toBe(ino);
  });

  it('PY-50 keeps the code of applications in the cache, or nowhere', async () => {
    const site = join(folder, 'compiled');
    mkdirSync(site);
    writeFileSync(join(site, 'part.py'), 'app = lambda environ, start_response: []\n');
    writeFileSync(join(site, 'site.py'), 'import part\napp = part.app\n');
    const { image, settings } = await preparePython(site, { cache });
    const pycache = join(folder, 'pycache');
    for (const kept of [null, pycache]) {
      const runner = await Runner.start({ ...image, pycache: kept }, settings);
      expect(JSON.parse(runner.load(join(site, 'site.py'), '', ''))).toMatchObject({ export: 'app' });
      expect(readdirSync(site)).toEqual(['part.py', 'site.py']);
      expect(existsSync(join(pycache, site, 'part.cpython-314.pyc'))).toBe(kept !== null);
    }
  });
});
