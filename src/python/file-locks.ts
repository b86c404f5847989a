/**
 * POSIX record locks between the interpreters of one process. Emscripten answers each `fcntl(F_SETLK)` with "granted",
 * so two workers with one SQLite database destroy it. Here the locks stand in a table in memory that all threads share,
 * one entry for each range of bytes; a mutex is held for as long as the table is looked at. When a thread has ended,
 * whoever started it gives back what it held (`releaseThread`), the mutex included: entries of others it has not
 * touched. Another process sees nothing of these locks.
 */
import { LOCK_ENTRIES, LOCKS_USED } from '../rings/index.ts';

/** How a range is locked. */
export const SHARED = 0;
export const EXCLUSIVE = 1;
export type LockKind = typeof SHARED | typeof EXCLUSIVE;

/** A file, whatever its name: device, and inode in two halves. */
export type FileIdentity = readonly [device: number, low: number, high: number];

/** Bytes of a file, from the first to the one behind the last; `Infinity` for the end of any file. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

// Words of the table. LOCKS_USED counts the entries up to the last one in use.
/** Thread id of the holder plus one; 0: free. */
const MUTEX = 0;
/** The last owner that there was. */
const OWNERS = 2;
const FIRST = 4;
// Words of an entry.
const OWNER = 0;
const THREAD = 1;
/** Descriptor of the system by which it was set. */
const DESCRIPTOR = 2;
const KIND = 3;
const FILE = 4;
const ENTRY_WORDS = 8;

/** Milliseconds between two looks at a mutex whose holder may have been ended. */
const LOOK_EVERY = 10;

export class FileLocks {
  readonly #words: Int32Array;
  /** Start and end of each entry. */
  readonly #ranges: Float64Array;
  readonly #thread: number;
  /** Locks are an owner's, as they are a process's elsewhere: an interpreter. */
  readonly owner: number;

  /** @param memory of `sharedFileLocks` */
  constructor(memory: SharedArrayBuffer, thread: number) {
    const words = FIRST + LOCK_ENTRIES * ENTRY_WORDS;
    this.#words = new Int32Array(memory, 0, words);
    this.#ranges = new Float64Array(memory, words * 4, LOCK_ENTRIES * 2);
    this.#thread = thread;
    this.owner = Atomics.add(this.#words, OWNERS, 1) + 1;
  }

  /**
   * Locks a range, in place of what the owner has there.
   *
   * @param descriptor of the system, by which the file is open
   * @returns what is in the way: 'conflict' of another owner, or a table that is 'full'
   */
  lock(file: FileIdentity, descriptor: number, kind: LockKind, range: ByteRange): 'locked' | 'conflict' | 'full' {
    return this.#exclusively(() => {
      if (this.#find(file, kind, range) >= 0) return 'conflict';
      // Beside it at most one entry is needed, where one that is there is cut in two.
      if (this.#free() < 2) return 'full';
      this.#clear(file, range);
      this.#add(file, descriptor, kind, range);
      return 'locked';
    });
  }

  unlock(file: FileIdentity, range: ByteRange): void {
    this.#exclusively(() => this.#clear(file, range));
  }

  /** What keeps the owner from locking a range; null: nothing. */
  conflict(file: FileIdentity, kind: LockKind, range: ByteRange): (ByteRange & { kind: number; owner: number }) | null {
    return this.#exclusively(() => {
      const entry = this.#find(file, kind, range);
      if (entry < 0) return null;
      const [owner, , , held] = this.#words.subarray(at(entry), at(entry) + FILE);
      return { kind: held, owner, ...this.#range(entry) };
    });
  }

  /** The descriptor is being closed: the owner's locks by it are free. */
  closed(descriptor: number): void {
    if (this.#words[LOCKS_USED] === 0) return;
    this.#exclusively(() => {
      for (const entry of this.#entries()) {
        const place = at(entry);
        if (this.#words[place + OWNER] === this.owner && this.#words[place + DESCRIPTOR] === descriptor)
          this.#words[place + OWNER] = 0;
      }
    });
  }

  /**
   * Frees what a thread held that has ended.
   *
   * @returns false where another thread is at the table now; to be tried again
   */
  releaseThread(thread: number): boolean {
    const words = this.#words;
    const mine = this.#thread + 1;
    // Acquires what the holder has written. Takes the mutex over from a thread that was ended with it.
    const wasHeld = Atomics.compareExchange(words, MUTEX, thread + 1, mine) === thread + 1;
    if (!wasHeld && Atomics.compareExchange(words, MUTEX, 0, mine) !== 0) return false;
    for (const entry of this.#entries()) {
      if (words[at(entry) + THREAD] === thread) words[at(entry) + OWNER] = 0;
    }
    this.#leave();
    return true;
  }

  #exclusively<T>(action: () => T): T {
    const words = this.#words;
    const mine = this.#thread + 1;
    for (;;) {
      // Acquires what the last holder has written.
      const holder = Atomics.compareExchange(words, MUTEX, 0, mine);
      if (holder === 0) break;
      // Ends: when the holder leaves, which takes microseconds, or `releaseThread` does so in its stead; and by time.
      Atomics.wait(words, MUTEX, holder, LOOK_EVERY);
    }
    try {
      return action();
    } finally {
      this.#leave();
    }
  }

  #leave(): void {
    // Releases what was written.
    Atomics.store(this.#words, MUTEX, 0);
    Atomics.notify(this.#words, MUTEX, 1);
  }

  /** The entries in use. */
  *#entries(): Generator<number> {
    const words = this.#words;
    for (let entry = 0; entry < words[LOCKS_USED]; entry++) if (words[at(entry) + OWNER] !== 0) yield entry;
  }

  *#overlapping(file: FileIdentity, { start, end }: ByteRange): Generator<number> {
    for (const entry of this.#entries()) {
      const held = this.#range(entry);
      const isSame = file.every((word, index) => this.#words[at(entry) + FILE + index] === word);
      if (isSame && held.start < end && held.end > start) yield entry;
    }
  }

  /** An entry of another owner that stands in the way of a lock; -1: none. */
  #find(file: FileIdentity, kind: LockKind, range: ByteRange): number {
    for (const entry of this.#overlapping(file, range)) {
      const place = at(entry);
      const excludes = kind === EXCLUSIVE || this.#words[place + KIND] === EXCLUSIVE;
      if (excludes && this.#words[place + OWNER] !== this.owner) return entry;
    }
    return -1;
  }

  /** Takes a range out of the entries of the owner. */
  #clear(file: FileIdentity, { start, end }: ByteRange): void {
    for (const entry of [...this.#overlapping(file, { start, end })]) {
      const [owner, , descriptor, kind] = this.#words.subarray(at(entry), at(entry) + FILE);
      if (owner !== this.owner) continue;
      const held = this.#range(entry);
      this.#words[at(entry) + OWNER] = 0;
      if (held.start < start) this.#add(file, descriptor, kind, { start: held.start, end: start });
      if (held.end > end) this.#add(file, descriptor, kind, { start: end, end: held.end });
    }
  }

  #add(file: FileIdentity, descriptor: number, kind: number, { start, end }: ByteRange): void {
    const words = this.#words;
    let entry = 0;
    while (words[at(entry) + OWNER] !== 0) entry++;
    this.#ranges.set([start, end], entry * 2);
    words.set([this.owner, this.#thread, descriptor, kind, ...file], at(entry));
    words[LOCKS_USED] = Math.max(words[LOCKS_USED], entry + 1);
  }

  #free(): number {
    return LOCK_ENTRIES - [...this.#entries()].length;
  }

  #range(entry: number): ByteRange {
    return { start: this.#ranges[entry * 2], end: this.#ranges[entry * 2 + 1] };
  }
}

/** Index of the first word of an entry. */
function at(entry: number): number {
  return FIRST + entry * ENTRY_WORDS;
}
