/** Directories that are exchanged for links while a file below them is opened. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { staticFiles } from '../../src/middleware/index.ts';
import { call, hello, KINDS } from './drive.ts';

const race = vi.hoisted(() => ({ before: () => {}, after: () => {}, readsLinks: true }));

function noLink(): never {
  throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
}

vi.mock('node:fs', async (original) => {
  const actual = await original<typeof import('node:fs')>();
  return {
    ...actual,
    openSync(...args: Parameters<typeof actual.openSync>) {
      race.before();
      try {
        return actual.openSync(...args);
      } finally {
        race.after();
      }
    },
    open(path: string, flags: number, done: (error: Error | null, descriptor: number) => void) {
      race.before();
      actual.open(path, flags, (error, descriptor) => {
        race.after();
        done(error, descriptor);
      });
    },
    readlinkSync: (path: string) => (race.readsLinks ? actual.readlinkSync(path) : noLink()),
  };
});

vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof import('node:fs/promises')>();
  return { ...actual, readlink: async (path: string) => (race.readsLinks ? actual.readlink(path) : noLink()) };
});

const top = realpathSync(mkdtempSync(join(tmpdir(), 'quaich-')));
const root = join(top, 'root');
const uploads = join(root, 'uploads');
const aside = join(root, 'aside');

beforeEach(() => {
  rmSync(top, { recursive: true, force: true });
  mkdirSync(uploads, { recursive: true });
  mkdirSync(join(top, 'private'));
  for (const folder of [uploads, join(top, 'private')]) writeFileSync(join(folder, 'a.txt'), folder);
  race.before = race.after = () => {};
  race.readsLinks = true;
});

afterAll(() => rmSync(top, { recursive: true, force: true }));

function exchange(): void {
  renameSync(uploads, aside);
  symlinkSync(join(top, 'private'), uploads);
}

function putBack(): void {
  rmSync(uploads);
  renameSync(aside, uploads);
}

const openBelow = (): number =>
  readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return realpathSync(`/proc/self/fd/${descriptor}`).startsWith(top);
    } catch {
      return false;
    }
  }).length;

describe.each(KINDS)('staticFiles in the %s convention', (kind) => {
  const get = () => call(kind, staticFiles({ root }), hello('fallback'), { path: '/uploads/a.txt' });

  it.each([true, false])(
    'does not serve what lies elsewhere since its path was looked at (links can be read: %s)',
    async (links) => {
      race.readsLinks = links;
      expect((await get()).text).toBe(uploads);
      race.before = exchange;
      expect((await get()).text).toBe('fallback');
      putBack();
      race.after = putBack;
      expect((await get()).text).toBe('fallback');
      race.before = race.after = () => {};
      expect((await get()).text).toBe(uploads);
      if (process.platform === 'linux') expect(openBelow()).toBe(0);
    },
  );

  it('serves a file that is replaced while it is opened', async () => {
    race.after = () => {
      writeFileSync(join(uploads, 'b.txt'), 'new');
      renameSync(join(uploads, 'b.txt'), join(uploads, 'a.txt'));
    };
    expect((await get()).text).toBe(process.platform === 'linux' ? uploads : 'fallback');
  });
});
