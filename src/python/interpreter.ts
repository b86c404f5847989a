/** Starts interpreters. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { threadId } from 'node:worker_threads';
import { writeOutput } from '../engine/error-stream.ts';
import { sharedFileLocks } from '../rings/index.ts';
import { type WasmModule, wasm } from '../rules/webassembly.ts';
import { FileLocks } from './file-locks.ts';
import { mountDirectories } from './mounts.ts';
import type { EmscriptenModule, MakeModule, PyodideOptions, PyodidePackage, Python } from './pyodide.ts';
import type { MemorySnapshot } from './snapshot.ts';
import { repairFiles, repairSystemCalls } from './system-calls.ts';

interface InterpreterOptions {
  readonly pyodide: PyodidePackage;
  /** The program, compiled. */
  readonly program: WasmModule;
  /** Memory of an interpreter that was made before; null: it is to begin from nothing. */
  readonly snapshot: MemorySnapshot | null;
  /** It is to be made a snapshot of. */
  readonly isPattern?: boolean;
  /** Variables that count at its beginning only. */
  readonly env?: Record<string, string>;
  /** Directories that it sees; null: all. */
  readonly roots: readonly string[] | null;
  /** Bytes that it may have; 0: as many as there can be. */
  readonly memory: number;
}

/** @throws Error where this version of Pyodide is not as it should be */
export async function startInterpreter(options: InterpreterOptions): Promise<Python> {
  const { pyodide, snapshot, isPattern = false, env = {} } = options;
  const { loadPyodide }: { loadPyodide(options: PyodideOptions): Promise<Python> } = await import(
    pathToFileURL(join(pyodide.folder, 'pyodide.mjs')).href
  );
  const make: MakeModule = (await import(pathToFileURL(join(pyodide.folder, 'pyodide.asm.mjs')).href)).default;
  const python = await loadPyodide({
    env: { LANG: 'C.UTF-8', ...env },
    fsInit: async (files) => mountDirectories(files, options.roots),
    createPyodideModule: async (settings) => {
      const module = await make(prepared(settings, options));
      snapshot?.restore(module.HEAPU8, module._sbrk(0));
      return module;
    },
    ...(isPattern && { _makeSnapshot: true }),
    // The memory itself is there by then.
    ...(snapshot !== null && { _loadSnapshot: snapshot.header }),
  });
  // In a worker, `process.stdin` and its like have no descriptor, which Pyodide's own input and output would need.
  const output = (descriptor: number) => ({
    write(bytes: Uint8Array): number {
      writeOutput(descriptor, bytes);
      return bytes.length;
    },
  });
  python.setStdin({ read: () => 0 });
  python.setStdout(output(1));
  python.setStderr(output(2));
  return python;
}

/** The settings of an Emscripten program, with the repairs. */
function prepared(settings: EmscriptenModule, options: InterpreterOptions): EmscriptenModule {
  const { snapshot, program } = options;
  const locks = new FileLocks(sharedFileLocks(), threadId);
  const { instantiateWasm } = settings;
  settings.instantiateWasm = (imports, done) => {
    repairSystemCalls(imports.env, settings, { ...options, locks });
    useProgram(program);
    return instantiateWasm(imports, done);
  };
  settings.preRun.unshift((module) => {
    if (snapshot !== null && module.HEAPU8.length < snapshot.size) module.growMemory(snapshot.size);
    repairFiles(module.FS, locks);
  });
  return settings;
}

/** Bytes of the smallest program that is taken for that of an interpreter. */
const LARGE = 2 ** 22;

/** Has what is instantiated next, if it is large, be this program, which spares its compilation. */
function useProgram(program: WasmModule): void {
  const { instantiate } = wasm;
  wasm.instantiate = async (source, imports) => {
    if (!('byteLength' in source) || source.byteLength < LARGE) return instantiate(source, imports);
    wasm.instantiate = instantiate;
    return { module: program, instance: await instantiate(program, imports) };
  };
}
