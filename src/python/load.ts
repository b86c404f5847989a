/** Loads Python applications. */
import { resolve } from 'node:path';
import { ConfigurationError } from '../interface/errors.ts';
import { passHook } from '../interface/hooks.ts';
import { markSync } from '../interface/kind.ts';
import type { Application, Lifespan } from '../interface/types.ts';
import { PythonError } from './errors.ts';
import { baseImage, type Image, memoryOf } from './image.ts';
import { findPyodide } from './pyodide.ts';
import { Runner } from './runner.ts';
import { type PythonOptions, type PythonSettings, pythonSettings } from './settings.ts';

/** What threads need to load the applications of a module. Plain data. */
export interface PreparedPython {
  readonly image: Image;
  readonly settings: PythonSettings;
}

/** A module, as it was resolved, and what it exports. */
interface Target {
  /** The path of a file, or `python:` and a name with dots. */
  readonly module: string;
  readonly export?: string | undefined;
}

interface LoadedPython extends Lifespan {
  readonly app: Application;
  readonly export: string;
}

/** What runner.py says of an application. */
type Loaded = { application: number; export: string; starts: boolean } | { failure: string; traceback: string };

const DOTTED = 'python:';

/** Base images of this thread, by what they were asked for with. */
const images: Map<string, Promise<Image>> = new Map();

/** @throws ConfigurationError where Pyodide, or a directory, is not there */
export async function preparePython(directory: string, options: PythonOptions = {}): Promise<PreparedPython> {
  const settings = pythonSettings(options, directory);
  const pyodide = findPyodide(directory);
  const key = JSON.stringify([pyodide, settings.cache]);
  const image = images.get(key) ?? baseImage(pyodide, settings.cache);
  images.set(key, image);
  return { image: await image, settings };
}

/**
 * The same with an image that has the module of an application (`--python-preload`), or, where that cannot be, with a
 * sentence that says why.
 *
 * @throws ConfigurationError where the module does not load
 */
export async function preloadPython(
  target: Target,
  { image, settings }: PreparedPython,
): Promise<{ export: string; prepared: PreparedPython; notes: string[] }> {
  const runner = await Runner.start(image, settings, true);
  const { export: name } = loadInto(runner, target);
  const without = (why: string) => ({
    export: name,
    prepared: { image, settings },
    notes: [`${target.module} is not preloaded: ${why}`],
  });
  if (runner.openFiles > 0) return without('it has files open, which its workers could not share');
  try {
    const memory = memoryOf(runner.disconnect());
    return { export: name, prepared: { image: { ...image, memory }, settings }, notes: [] };
  } catch {
    return without('it holds objects of JavaScript');
  }
}

/** @throws ConfigurationError in one line, with Python's traceback as its cause */
function loadInto(runner: Runner, { module, export: name = '' }: Target): Exclude<Loaded, { failure: string }> {
  const isDotted = module.startsWith(DOTTED);
  const text = runner.load(isDotted ? '' : module, isDotted ? module.slice(DOTTED.length) : module, name);
  const loaded: Loaded = JSON.parse(text);
  if (!('failure' in loaded)) return loaded;
  throw new ConfigurationError(`cannot load ${module}: ${loaded.failure}`, {
    cause: new PythonError(loaded.traceback),
  });
}

/** The interpreters of this thread with their hooks, by module: the applications of a module share them. */
const shared: Map<string, Promise<{ runner: Runner; hooks: Required<Lifespan> }>> = new Map();

/** Loads an application on this thread. @throws ConfigurationError */
export async function loadPython(target: Target, { image, settings }: PreparedPython): Promise<LoadedPython> {
  const { module } = target;
  const start = async () => {
    const runner = await Runner.start(image, settings);
    return { runner, hooks: hooksOf(runner, () => shared.delete(module)) };
  };
  const starting = shared.get(module) ?? start();
  shared.set(module, starting);
  const { runner, hooks } = await starting;
  return loadedFrom(runner, hooks, target);
}

function hooksOf(runner: Runner, ended: () => void): Required<Lifespan> {
  return {
    startup: passHook(() => runner.hook('startup')),
    shutdown: passHook(() => {
      ended();
      runner.hook('shutdown');
    }),
  };
}

function loadedFrom(runner: Runner, { startup, shutdown }: Required<Lifespan>, target: Target): LoadedPython {
  const { application, export: name, starts } = loadInto(runner, target);
  return { app: runner.application(application), export: name, shutdown, ...(starts && { startup }) };
}

const TARGET = /^(.+\.py|(?:python:)?[\w.]+)(?::([\w.]+(?:\(\))?))?$/;

/**
 * An application of a Python module, in an interpreter of its own on this thread: for tests, and to put middleware
 * around it. Its hooks, `startup` and `shutdown`, are those of the module.
 *
 * @param target `./site.py`, `./site.py:create_app()`, `blog.wsgi:application`
 * @throws ConfigurationError
 */
export async function pythonApp(
  target: string,
  { directory = '.', ...options }: PythonOptions & { directory?: string } = {},
): Promise<Application> {
  const [, module, name] = TARGET.exec(target) ?? [];
  if (module === undefined) {
    throw new ConfigurationError(`"${target}" names no Python application, as ./site.py:app does`);
  }
  const from = resolve(directory);
  const isFile = module.endsWith('.py');
  const resolved = isFile ? resolve(from, module) : DOTTED + module.replace(DOTTED, '');
  const { image, settings } = await preparePython(from, options);
  const runner = await Runner.start(image, settings);
  const { app, startup, shutdown } = loadedFrom(
    runner,
    hooksOf(runner, () => {}),
    { module: resolved, export: name },
  );
  return Object.assign(markSync(app), { shutdown, ...(startup && { startup }) });
}
