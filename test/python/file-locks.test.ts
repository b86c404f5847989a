/** The table of locks, against a list of bytes. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import {
  type ByteRange,
  EXCLUSIVE,
  type FileIdentity,
  FileLocks,
  type LockKind,
  SHARED,
} from '../../src/python/file-locks.ts';
import { LOCK_ENTRIES, sharedFileLocks } from '../../src/rings/index.ts';

const memory = (): SharedArrayBuffer => new SharedArrayBuffer(sharedFileLocks().byteLength);
const FILE: FileIdentity = [1, 2, 3];
const OTHER: FileIdentity = [1, 2, 4];
const range = (start: number, end: number): ByteRange => ({ start, end });

describe('locks on files (PY-30)', () => {
  it('hold as POSIX says, for each byte and owner', () => {
    const BYTES = 12;
    const step = fc.record({
      owner: fc.nat(2),
      file: fc.nat(1),
      kind: fc.constantFrom<LockKind | 'unlock'>(SHARED, EXCLUSIVE, 'unlock'),
      start: fc.nat(BYTES - 1),
      length: fc.integer({ min: 1, max: BYTES }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const shared = memory();
        const owners = [1, 2, 3].map((thread) => new FileLocks(shared, thread));
        /** By owner, file and byte: how it is locked. */
        const model = owners.map(() => [FILE, OTHER].map(() => new Array<number | undefined>(BYTES).fill(undefined)));
        for (const { owner, file, kind, start, length } of steps) {
          const end = Math.min(start + length, BYTES);
          const identity = [FILE, OTHER][file];
          const mine = model[owner][file];
          if (kind === 'unlock') {
            owners[owner].unlock(identity, range(start, end));
            mine.fill(undefined, start, end);
            continue;
          }
          const isFree = model.every(
            (held, other) =>
              other === owner ||
              held[file].slice(start, end).every((lock) => lock === undefined || (lock === SHARED && kind === SHARED)),
          );
          expect(owners[owner].conflict(identity, kind, range(start, end)) === null).toBe(isFree);
          expect(owners[owner].lock(identity, 7, kind, range(start, end))).toBe(isFree ? 'locked' : 'conflict');
          if (isFree) mine.fill(kind, start, end);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('tell which one is in the way', () => {
    const shared = memory();
    const [one, two] = [1, 2].map((thread) => new FileLocks(shared, thread));
    one.lock(FILE, 5, EXCLUSIVE, range(10, Number.POSITIVE_INFINITY));
    expect(two.conflict(FILE, SHARED, range(100, 101))).toEqual({
      ...{ kind: EXCLUSIVE, owner: one.owner, start: 10, end: Number.POSITIVE_INFINITY },
    });
    expect(two.conflict(FILE, SHARED, range(0, 10))).toBe(null);
    expect(two.conflict(OTHER, EXCLUSIVE, range(100, 101))).toBe(null);
  });

  it('end with the descriptor by which they were set', () => {
    const shared = memory();
    const [one, two] = [1, 2].map((thread) => new FileLocks(shared, thread));
    one.lock(FILE, 5, EXCLUSIVE, range(0, 10));
    one.lock(FILE, 6, EXCLUSIVE, range(20, 30));
    // Of another file of its own.
    two.closed(5);
    expect(two.lock(FILE, 9, EXCLUSIVE, range(0, 10))).toBe('conflict');
    one.closed(5);
    expect(two.lock(FILE, 9, EXCLUSIVE, range(0, 20))).toBe('locked');
    expect(two.lock(FILE, 9, EXCLUSIVE, range(20, 21))).toBe('conflict');
  });

  it('end with their thread, also where that has ended at the table', () => {
    const shared = memory();
    const [one, two, main] = [1, 2, 0].map((thread) => new FileLocks(shared, thread));
    one.lock(FILE, 5, EXCLUSIVE, range(0, 10));
    // As a thread leaves it that is ended within a call.
    const words = new Int32Array(shared);
    words[0] = 1 + 1;
    expect(main.releaseThread(2)).toBe(false);
    expect(main.releaseThread(1)).toBe(true);
    expect(words[0]).toBe(0);
    expect(two.lock(FILE, 9, EXCLUSIVE, range(0, 10))).toBe('locked');
  });

  it('are looked at by one thread at a time', () => {
    const shared = memory();
    const [one, two] = [1, 2].map((thread) => new FileLocks(shared, thread));
    const words = new Int32Array(shared);
    // As while another thread is at the table.
    words[0] = 9 + 1;
    const waiting = vi.spyOn(Atomics, 'wait').mockImplementation(() => {
      words[0] = 0;
      return 'ok';
    });
    expect(one.lock(FILE, 5, EXCLUSIVE, range(0, 10))).toBe('locked');
    expect(waiting).toHaveBeenCalledTimes(1);
    waiting.mockRestore();
    expect(two.lock(FILE, 5, EXCLUSIVE, range(0, 10))).toBe('conflict');
  });

  it('are refused where the table is full, and not one is lost', () => {
    const shared = memory();
    const [one, two] = [1, 2].map((thread) => new FileLocks(shared, thread));
    let count = 0;
    while (one.lock(FILE, 5, EXCLUSIVE, range(2 * count, 2 * count + 1)) === 'locked') count++;
    expect(count).toBeGreaterThanOrEqual(LOCK_ENTRIES - 2);
    expect(one.lock(FILE, 5, EXCLUSIVE, range(2 * count, 2 * count + 1))).toBe('full');
    for (const held of [0, count - 1]) {
      expect(two.lock(FILE, 9, SHARED, range(2 * held, 2 * held + 1))).toBe('conflict');
    }
    one.unlock(FILE, range(0, Number.POSITIVE_INFINITY));
    expect(two.lock(FILE, 9, SHARED, range(0, Number.POSITIVE_INFINITY))).toBe('locked');
  });
});
