/**
 * System calls that Emscripten answers wrongly or not at all. Each repair takes the place of an import of the program,
 * or of a function of its file system; a start fails where one of them is not there, since nobody would notice later.
 */
import { closeSync, fdatasyncSync, fstatSync, fsyncSync, lstatSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { isGivenUp } from '../engine/thread-state.ts';
import { type ByteRange, EXCLUSIVE, type FileIdentity, type FileLocks, type LockKind, SHARED } from './file-locks.ts';
import type { EmscriptenFileSystem, EmscriptenModule, FileNode, OpenStream, SystemCalls } from './pyodide.ts';

// Numbers of errors, as Emscripten has them.
const EAGAIN = 6;
const EBADF = 8;
const EEXIST = 20;
const EINTR = 27;
const EINVAL = 28;
const EIO = 29;
const ENODEV = 43;
const ENOLCK = 46;

// Of `open`.
const O_CREAT = 64;
const O_EXCL = 128;

// Of the mode of a file.
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

// Of `mmap`.
const PROT_WRITE = 2;
const MAP_SHARED = 1;

interface SystemOptions {
  readonly locks: FileLocks;
  /** Bytes that the interpreter may have; 0: as many as there can be. */
  readonly memory: number;
}

/** Mends the imports of a program that is about to be made. @throws Error where one of them is not there */
export function repairSystemCalls(calls: SystemCalls, module: EmscriptenModule, options: SystemOptions): void {
  const { locks, memory } = options;
  const repair = (name: string, repaired: (own: SystemCalls[string]) => SystemCalls[string]): void => {
    if (typeof calls[name] !== 'function') throw new Error(`this version of Pyodide cannot be used: it has no ${name}`);
    calls[name] = repaired(calls[name]);
  };
  // It answers each lock with "granted".
  repair('__syscall_fcntl64', (own) => {
    const recordLocks = new RecordLocks(module, locks);
    return (descriptor, command, parameters) =>
      recordLocks.control(descriptor, command, parameters) ?? own(descriptor, command, parameters);
  });
  // It answers 0, and does nothing.
  repair('__syscall_fdatasync', () => (descriptor) => {
    const stream = module.FS.getStream(descriptor);
    if (!stream) return -EBADF;
    try {
      if (stream.nfd !== undefined) fdatasyncSync(stream.nfd);
      return 0;
    } catch {
      return -EIO;
    }
  });
  // What is mapped to be shared is a copy, of which nobody else sees what becomes. So would be the index of SQLite's
  // WAL, also where it is only read: commits of others would not be there, or be overwritten.
  repair('_mmap_js', (own) => (length, protection, flags, descriptor, ...rest) => {
    const { nfd, path = '' } = module.FS.getStream(descriptor) ?? {};
    const isChanged = (protection & PROT_WRITE) !== 0 || path.endsWith('-shm');
    if (nfd !== undefined && (flags & MAP_SHARED) !== 0 && isChanged) return -ENODEV;
    return own(length, protection, flags, descriptor, ...rest);
  });
  repair('emscripten_resize_heap', (own) => (size) => (memory > 0 && size >>> 0 > memory ? 0 : own(size)));
}

/** Mends the file system, before the program begins. */
export function repairFiles(files: EmscriptenFileSystem, locks: FileLocks): void {
  const { NODEFS } = files.filesystems;
  const { close } = NODEFS.stream_ops;
  // There is none.
  NODEFS.stream_ops.fsync = ({ nfd }) => {
    if (nfd !== undefined) NODEFS.tryFSOperation(() => fsyncSync(nfd));
  };
  // Locks end with their descriptor.
  NODEFS.stream_ops.close = (stream) => {
    if (stream.nfd !== undefined) locks.closed(stream.nfd);
    close(stream);
  };
  // It keeps what it has seen of a directory, also what another worker has removed since.
  const isRemoved = (node: FileNode): boolean =>
    node.mount.type === NODEFS &&
    NODEFS.tryFSOperation(() => lstatSync(NODEFS.realPath(node), { throwIfNoEntry: false })) === undefined;
  const { mayCreate } = files;
  files.mayCreate = (directory, name) => {
    const answer = mayCreate.call(files, directory, name);
    if (answer !== EEXIST) return answer;
    const node = files.lookupNode(directory, name);
    if (!isRemoved(node)) return answer;
    files.destroyNode(node);
    return mayCreate.call(files, directory, name);
  };
  // It writes an empty file where it has found none, and what another worker has created meanwhile would be emptied.
  NODEFS.node_ops.mknod = (directory, name, mode, device) => {
    const path = join(NODEFS.realPath(directory), name);
    NODEFS.tryFSOperation(() => {
      if ((mode & S_IFMT) === S_IFDIR) mkdirSync(path, mode);
      else closeSync(openSync(path, 'wx', mode));
    });
    return NODEFS.createNode(directory, name, mode, device);
  };
  // To open such a file, or to rename to its name, fails for no reason of the application's.
  const { open, rename } = files;
  files.open = (path, flags, mode) => {
    if ((flags & O_CREAT) === 0 || typeof path !== 'string') return open.call(files, path, flags, mode);
    const { node } = files.lookupPath(path, { follow: true, noent_okay: true });
    if (node && isRemoved(node)) files.destroyNode(node);
    return unlessCreated(() => open.call(files, path, flags, mode), (flags & O_EXCL) === 0);
  };
  files.rename = (from, to) => unlessCreated(() => rename.call(files, from, to), true);
  // It removes the file of the new name ahead, and others find none meanwhile.
  NODEFS.node_ops.rename = (node, directory, name) => {
    const path = join(NODEFS.realPath(directory), name);
    if (files.mayCreate(directory, name) === EEXIST) files.destroyNode(files.lookupNode(directory, name));
    NODEFS.tryFSOperation(() => renameSync(NODEFS.realPath(node), path));
    node.name = name;
  };
}

/** How often a name may appear just when it is looked up, and be gone again. */
const MOST_TRIES = 10;

/** Does something again where a file has been created since its name was looked up, if that is allowed. */
function unlessCreated<T>(action: () => T, allowed: boolean): T {
  for (let tries = 1; ; tries++) {
    try {
      return action();
    } catch (error) {
      if (!allowed || tries === MOST_TRIES || (error as { errno?: unknown }).errno !== EEXIST) throw error;
    }
  }
}

// Commands of `fcntl`, and what `struct flock` has.
const F_GETLK = 12;
const F_SETLK = 13;
const F_SETLKW = 14;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;
const FLOCK_SIZE = 32;
const WHENCE = 2;
const START = 8;
const LENGTH = 16;
const OWNER = 24;
const SEEK_CUR = 1;
const SEEK_END = 2;

/** Milliseconds between two tries of a lock that is waited for. */
const TRY_EVERY = 2;
const pause = new Int32Array(new SharedArrayBuffer(4));

/** The bytes that a `struct flock` is about. */
function rangeOf(flock: DataView, position: number, descriptor: number): ByteRange {
  const whence = flock.getInt16(WHENCE, true);
  const base = whence === SEEK_CUR ? position : whence === SEEK_END ? fstatSync(descriptor).size : 0;
  const from = base + Number(flock.getBigInt64(START, true));
  const length = Number(flock.getBigInt64(LENGTH, true));
  if (length < 0) return { start: from + length, end: from };
  return { start: from, end: length === 0 ? Number.POSITIVE_INFINITY : from + length };
}

/** `fcntl` for record locks, over the table of the process. */
class RecordLocks {
  readonly #module: EmscriptenModule;
  readonly #locks: FileLocks;
  /** Of files that are open. */
  readonly #identities: WeakMap<OpenStream, FileIdentity> = new WeakMap();

  constructor(module: EmscriptenModule, locks: FileLocks) {
    this.#module = module;
    this.#locks = locks;
  }

  /** 0, or the negative number of an error; undefined for what is no lock of a file of the host. */
  control(descriptor: number, command: number, parameters: number): number | undefined {
    if (command !== F_GETLK && command !== F_SETLK && command !== F_SETLKW) return undefined;
    const { FS, HEAPU8 } = this.#module;
    const stream = FS.getStream(descriptor);
    if (!stream) return -EBADF;
    const { nfd } = stream;
    if (nfd === undefined) return undefined;
    const { buffer } = HEAPU8;
    const flock = new DataView(buffer, new DataView(buffer).getUint32(parameters, true), FLOCK_SIZE);
    const type = flock.getInt16(0, true);
    const range = rangeOf(flock, stream.position, nfd);
    if (range.start < 0) return -EINVAL;
    const file = this.#identity(stream, nfd);
    if (type === F_UNLCK) {
      if (command !== F_GETLK) this.#locks.unlock(file, range);
      return 0;
    }
    const kind = type === F_WRLCK ? EXCLUSIVE : SHARED;
    if (command === F_GETLK) return this.#tell(flock, file, kind, range);
    for (;;) {
      const outcome = this.#locks.lock(file, nfd, kind, range);
      if (outcome === 'locked') return 0;
      if (outcome === 'full') return -ENOLCK;
      if (command === F_SETLK) return -EAGAIN;
      if (isGivenUp()) return -EINTR;
      // Ends: by time; the loop, when the range is free, or when the server gives the request up.
      Atomics.wait(pause, 0, 0, TRY_EVERY);
    }
  }

  /** Writes down the lock that is in the way. */
  #tell(flock: DataView, file: FileIdentity, kind: LockKind, range: ByteRange): number {
    const found = this.#locks.conflict(file, kind, range);
    flock.setInt16(0, found === null ? F_UNLCK : found.kind === EXCLUSIVE ? F_WRLCK : F_RDLCK, true);
    if (found === null) return 0;
    flock.setInt16(WHENCE, 0, true);
    flock.setBigInt64(START, BigInt(found.start), true);
    flock.setBigInt64(LENGTH, Number.isFinite(found.end) ? BigInt(found.end - found.start) : 0n, true);
    flock.setInt32(OWNER, found.owner, true);
    return 0;
  }

  #identity(stream: OpenStream, descriptor: number): FileIdentity {
    const known = this.#identities.get(stream);
    if (known !== undefined) return known;
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    const half = (value: bigint): number => Number(BigInt.asIntN(32, value));
    const identity = [half(dev), half(ino), half(ino >> 32n)] as const;
    this.#identities.set(stream, identity);
    return identity;
  }
}
