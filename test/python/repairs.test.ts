/** What Python on WebAssembly lacks is there, or says that it is not. Each of these fails without its repair. */
import fs, { mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { redirectOutput } from '../../src/engine/error-stream.ts';
import { isThreadBroken, setGivenUp } from '../../src/engine/thread-state.ts';
import { FileLocks } from '../../src/python/file-locks.ts';
import { pythonApp } from '../../src/python/index.ts';
import type { EmscriptenModule } from '../../src/python/pyodide.ts';
import { repairSystemCalls } from '../../src/python/system-calls.ts';
import { sharedFileLocks } from '../../src/rings/index.ts';
import { SyncTestClient } from '../../src/testing/sync-client.ts';
import { apps, cache } from './folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'quaich-python-'));
let client: SyncTestClient;
let other: SyncTestClient;

beforeAll(async () => {
  process.env.FOLDER = folder;
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
  it('time.sleep does not use the processor', () => {
    // The least of some, since V8 compiles meanwhile on other threads.
    const used = [1, 2, 3].map(() => {
      const before = process.cpuUsage();
      expect(Number(tell('sleep'))).toBeGreaterThan(0.29);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000;
    });
    // It would be 300.
    expect(Math.min(...used)).toBeLessThan(200);
  });

  it('hashes of OpenSSL are there', () => {
    expect(tell('hashes')).toMatch(/^ae4d0c95af6b46d32d0adff928f06dd02a303f8e [0-9a-f]{32}$/);
  });

  it('asyncio.run works, and no event loop runs outside of it', () => {
    expect(tell('loops')).toBe('[0, 2, 4] RuntimeError: no running event loop');
    expect(tell('endless_wait')).toMatch(/^RuntimeError: this event loop waits for something that cannot happen/);
  });

  it('print is out with the end of its line', () => {
    const lines: string[] = [];
    redirectOutput((bytes) => lines.push(Buffer.from(bytes).toString()));
    tell('printed');
    expect(lines.join('')).toBe('a line of text\n');
  });

  it('the process has its number, and no input', () => {
    expect(tell('process')).toBe(`${process.pid} ''`);
  });
});

describe('PY-34', () => {
  it('threads say that there are none', () => {
    const refused =
      "RuntimeError: can't start new thread: Python applications have no threads here (see docs/python.md)";
    expect(tell('threads')).toBe(`${refused}\n${refused}`);
  });

  it('processes say so', () => {
    expect(tell('processes')).toContain('Python applications start no processes here');
  });

  it('connections say so', () => {
    const [connect, code, opened] = tell('sockets').split('\n');
    expect(connect).toMatch(/^OSError: .*cannot connect to \('127\.0\.0\.1', 1\): Python applications have no sockets/);
    expect(code).toMatch(/^\d+$/);
    expect(opened).toMatch(/^URLError: /);
  });
});

describe('files', () => {
  it('PY-32 are not mapped to be shared, and SQLite refuses its WAL', () => {
    expect(tell('shared_map').split('\n')).toEqual([
      ...[expect.stringMatching(/^OSError: /), "b'x'", expect.stringMatching(/^OSError: /)],
    ]);
    for (const way of ['wal', 'wal_of_others'])
      expect([way, tell(way)]).toEqual([way, 'OperationalError: disk I/O error']);
    expect(tell('out_of_wal')).toBe("[[('exclusive',)], [('delete',)], []]");
  });

  it('PY-32 are not mapped by SQLite to be read, which would not see what others write', () => {
    expect(tell('mapped_database')).toBe('[[(0,)]]');
  });

  it('PY-33 are written to the disk', () => {
    const synced: string[] = [];
    const { fsyncSync, fdatasyncSync } = fs;
    const noting = (name: string) => () => void synced.push(name);
    Object.assign(fs, { fsyncSync: noting('fsync'), fdatasyncSync: noting('fdatasync') });
    syncBuiltinESMExports();
    try {
      expect(tell('synced')).toBe('None None None None');
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

  it('PY-30 are locked for all other interpreters, until they are closed', () => {
    expect(tell('lock', other)).toBe('NoneNone');
    for (const hold of ['hold', 'hold_flock']) {
      expect(tell(hold)).toBe('None');
      expect(tell('lock', other)).toMatch(/^BlockingIOError.*BlockingIOError/);
      tell('release');
      expect(tell('lock', other)).toBe('NoneNone');
    }
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
});
