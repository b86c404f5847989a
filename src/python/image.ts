/**
 * Images: the memory of an interpreter that has begun, of which others are made in a fraction of the time. The base
 * image has Python's library as far as most applications import it, and runner.py; it is kept in a folder, since making
 * it takes seconds. A preloaded image has the application as well, and is made with each start.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { packageFolder, version } from '../rules/version.ts';
import { type WasmModule, wasm } from '../rules/webassembly.ts';
import { startInterpreter } from './interpreter.ts';
import type { PyodidePackage, Python } from './pyodide.ts';
import { isWhole, pack } from './snapshot.ts';

/** What threads make an interpreter of. Plain data, whose parts threads share. */
export interface Image {
  readonly pyodide: PyodidePackage;
  readonly program: WasmModule;
  /** Packed (see snapshot.ts). */
  readonly memory: SharedArrayBuffer;
  /** Folders for the code of compiled modules: those of the library, and those of applications; null: none. */
  readonly library: string | null;
  readonly pycache: string | null;
}

/** Modules that are there before anything else, in this order. */
const MODULES = [
  ['_quaich_repairs', 'repairs.py'],
  ['_quaich_streams', 'streams.py'],
  ['_quaich_loader', 'loader.py'],
  ['_quaich', 'runner.py'],
] as const;

/** Milliseconds after which a memory that was not used is removed: 30 days. */
const UNUSED = 30 * 24 * 60 * 60 * 1000;

/** Reads the base image, or makes and keeps it. @param cache a folder; null: nothing is kept */
export async function baseImage(pyodide: PyodidePackage, cache: string | null): Promise<Image> {
  const programs = join(packageFolder(), 'src/python');
  const sources = MODULES.map(([name, file]) => [name, readFileSync(join(programs, file), 'utf8')] as const);
  // Hashes of texts are settled when an interpreter begins.
  const { PYTHONHASHSEED: seed } = process.env;
  // Which functions of JavaScript the memory refers to depends on what Node can do, and on the program around it.
  const host = [version(), process.version, Object.getOwnPropertyNames(wasm)];
  const key = createHash('sha256')
    .update(JSON.stringify([sources, seed, host]))
    .digest('hex')
    .slice(0, 16);
  const folder = cache === null ? null : ownFolder(cache, `pyodide-${pyodide.version}-${key}`);
  const compiling = wasm.compile(readFileSync(join(pyodide.folder, 'pyodide.asm.wasm')));
  const file = folder === null ? null : join(folder, 'memory');
  const kept = file === null ? null : readShared(file);
  const program = await compiling;
  const library = folder && ownFolder(folder, 'library');
  const image = { pyodide, program, library, pycache: cache && ownFolder(cache, 'pycache') };
  if (kept !== null) return { ...image, memory: kept };
  const python = await startInterpreter({
    ...{ pyodide, program, snapshot: null, isPattern: true, roots: [], memory: 0 },
    env: seed === undefined ? {} : { PYTHONHASHSEED: seed },
  });
  for (const [name, source] of sources) define(python, name, source);
  const memory = memoryOf(python);
  if (file !== null) keep(file, memory);
  if (cache !== null && folder !== null) clean(cache);
  return { ...image, memory };
}

/** The memory of an interpreter that was started for that, and has no object of JavaScript any more. */
export function memoryOf(python: Python): SharedArrayBuffer {
  python.runPython('import gc; gc.collect(); None');
  return pack(python.makeMemorySnapshot());
}

function define(python: Python, name: string, source: string): void {
  python.globals.set('given', [name, source].join('\0'));
  python.runPython(`
import sys, types
name, source = given.split('\\0')
module = sys.modules[name] = types.ModuleType(name)
module.__file__ = f'<{name}>'
exec(compile(source, module.__file__, 'exec'), module.__dict__)
del given, name, source, module
None`);
}

/** Makes a folder that only its owner writes to; null where that cannot be. */
function ownFolder(parent: string, name: string): string | null {
  const folder = join(parent, name);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = statSync(folder);
    // Code of others is not run.
    return uid === process.getuid?.() && (mode & 0o022) === 0 ? folder : null;
  } catch {
    return null;
  }
}

/** The memory in a file, which counts as used today; null where there is none, or not all of it. */
function readShared(file: string): SharedArrayBuffer | null {
  try {
    const memory = new SharedArrayBuffer(statSync(file).size);
    const descriptor = openSync(file, 'r');
    try {
      readSync(descriptor, new Uint8Array(memory));
    } finally {
      closeSync(descriptor);
    }
    touch(file);
    return isWhole(memory) ? memory : null;
  } catch {
    return null;
  }
}

function touch(file: string): void {
  const now = Date.now() / 1000;
  try {
    utimesSync(file, now, now);
  } catch {
    // It is somebody else's.
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // It may be written to, and not read.
  }
}

/** Removes the memories that nobody has used for long: of other versions of Node, of Pyodide, of this package. */
function clean(cache: string): void {
  const before = Date.now() - UNUSED;
  for (const name of namesIn(cache)) {
    if (!name.startsWith('pyodide-')) continue;
    const folder = join(cache, name);
    try {
      if (statSync(join(folder, 'memory')).mtimeMs < before) rmSync(folder, { recursive: true });
    } catch {
      // It is being made, or somebody else's.
    }
  }
}

/** Writes a file that others see whole or not at all. One that cannot be written is made again with the next start. */
function keep(file: string, memory: SharedArrayBuffer): void {
  const unfinished = `${file}.${process.pid}.${performance.now()}`;
  try {
    writeFileSync(unfinished, new Uint8Array(memory));
    renameSync(unfinished, file);
  } catch {
    // As without a folder.
    rmSync(unfinished, { force: true });
  }
}
