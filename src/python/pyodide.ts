/**
 * Pyodide, and what Emscripten has below it, as far as this folder calls it. Some of that is internal to them: a start
 * fails where it is not there, and tests fail where it has changed.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ConfigurationError } from '../interface/errors.ts';

/**
 * The major that has been tried: Python 3.14 with sqlite3. Of a later one a start fails where something is not there as
 * it is expected (`repairSystemCalls`).
 */
const OLDEST = 314;

/** Where Pyodide is. Plain data. */
export interface PyodidePackage {
  readonly folder: string;
  readonly version: string;
}

/** A function of Python. */
type PythonFunction<P extends unknown[], R> = (...parameters: P) => R;

/** What runner.py has for this side. */
export interface RunnerModule {
  readonly run: PythonFunction<[application: number, shape: number, length: number], number>;
  readonly step: PythonFunction<[], number>;
  readonly close: PythonFunction<[], number>;
  readonly add_shape: PythonFunction<[names: string, flags: number], number>;
  readonly forget_shapes: PythonFunction<[], void>;
  readonly wake: PythonFunction<[settings: string], void>;
  readonly load: PythonFunction<[file: string, module: string, name: string], string>;
  readonly run_hook: PythonFunction<[stage: string], string | undefined>;
  readonly IN: PythonBuffer;
  readonly WORDS_MEMORY: PythonBuffer;
}

interface PythonBuffer {
  getBuffer(type: 'u8'): { readonly data: Uint8Array; release(): void };
  destroy(): void;
}

/** What stands behind a descriptor of Python. */
export interface OpenStream {
  /** The descriptor of the system, where it is a file or a directory of the host. */
  readonly nfd?: number;
  readonly path: string;
  readonly position: number;
}

export interface FileNode {
  readonly mount: { readonly type: unknown };
  name: string;
}

interface HostFiles {
  readonly node_ops: {
    mknod(directory: FileNode, name: string, mode: number, device: number): FileNode;
    rename(node: FileNode, directory: FileNode, name: string): void;
  };
  readonly stream_ops: {
    fsync?(stream: OpenStream): void;
    close(stream: OpenStream): void;
  };
  createNode(directory: FileNode, name: string, mode: number, device: number): FileNode;
  realPath(node: FileNode): string;
  /** Has errors of Node become those of the file system. */
  tryFSOperation<T>(operation: () => T): T;
}

/** The file system of Emscripten. */
export interface EmscriptenFileSystem {
  readonly filesystems: { readonly NODEFS: HostFiles };
  readonly streams: readonly (OpenStream | null | undefined)[];
  getStream(descriptor: number): OpenStream | null | undefined;
  open(path: string | FileNode, flags: number, mode?: number): OpenStream;
  rename(from: string, to: string): void;
  mayCreate(directory: FileNode, name: string): number;
  lookupNode(directory: FileNode, name: string): FileNode;
  lookupPath(path: string, options: { follow: boolean; noent_okay: boolean }): { readonly node?: FileNode | null };
  destroyNode(node: FileNode): void;
  mkdirTree(path: string): void;
  mount(type: unknown, options: { root: string }, path: string): void;
  symlink(target: string, path: string): void;
  analyzePath(path: string): { readonly exists: boolean };
}

/** What Emscripten makes a program of: settings first, then the program itself. */
export interface EmscriptenModule {
  readonly HEAPU8: Uint8Array<ArrayBuffer>;
  readonly FS: EmscriptenFileSystem;
  readonly preRun: ((module: EmscriptenModule) => void)[];
  growMemory(size: number): void;
  /** Where the memory ends that has been asked for, with so many bytes more of it. */
  _sbrk(bytes: number): number;
  instantiateWasm(imports: { readonly env: SystemCalls }, done: (instance: unknown) => void): unknown;
}

/** The imports of the program: what takes the place of a system below it. */
export type SystemCalls = Record<string, (...parameters: number[]) => number>;

export type MakeModule = (settings: EmscriptenModule) => Promise<EmscriptenModule>;

interface Input {
  /** Answers how many bytes there are; 0: none any more. */
  read(target: Uint8Array): number;
}

interface Output {
  write(bytes: Uint8Array): number;
}

/** An interpreter. */
export interface Python {
  readonly _module: EmscriptenModule;
  readonly ffi: { readonly PythonError: abstract new (...parameters: never[]) => Error };
  readonly globals: { set(name: string, value: unknown): void };
  runPython(code: string): unknown;
  pyimport(name: string): unknown;
  setStdin(input: Input): void;
  setStdout(output: Output): void;
  setStderr(output: Output): void;
  /** Looks at the first element now and then: a number other than 0 is that of a signal, and is set to 0. */
  setInterruptBuffer(buffer: { 0: number }): void;
  makeMemorySnapshot(): Uint8Array;
}

export interface PyodideOptions {
  env: Record<string, string>;
  fsInit(files: EmscriptenFileSystem): Promise<void>;
  createPyodideModule: MakeModule;
  _makeSnapshot?: boolean;
  _loadSnapshot?: Uint8Array;
}

/**
 * Pyodide as the programs of a directory find it, else beside us.
 *
 * @throws ConfigurationError where there is none, or one that is too old
 */
export function findPyodide(directory: string): PyodidePackage {
  for (const place of [join(directory, 'package.json'), import.meta.filename]) {
    let folder: string;
    try {
      folder = dirname(createRequire(place).resolve('pyodide/pyodide.mjs'));
    } catch {
      continue;
    }
    const { version }: { version: string } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    if (Number.parseInt(version, 10) >= OLDEST) return { folder, version };
    throw new ConfigurationError(
      `Python applications need Pyodide ${OLDEST} or later; ${folder} is ${version}: npm i pyodide@${OLDEST}`,
    );
  }
  throw new ConfigurationError('Python applications need the package pyodide: npm i pyodide');
}
