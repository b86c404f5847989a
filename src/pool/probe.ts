import { hasMark } from '../interface/kind.ts';
import { type Original, originalOf } from '../interface/original.ts';
import type { PythonOptions } from '../python/settings.ts';
import { turn } from '../rules/event-loop.ts';
import { nothing } from '../rules/promises.ts';
import { describeFailure } from './applications.ts';
import { isPython, resolveModule } from './find-module.ts';
import { likelyDeclaration } from './foreign.ts';
import { importFirst } from './imports.ts';
import {
  type AppOptions,
  type KnownApplication,
  keepLoaded,
  knownPython,
  type LoadedApplication,
  loadApplication,
  unlessIdle,
} from './load.ts';
import { noteOpenFiles, type OpenFiles } from './open-files.ts';
import { writeOutputDirectly } from './output.ts';
import { type Failure, leftError, loadingStep, type StartStep } from './start-step.ts';

export interface ProbeTask {
  apps: readonly AppOptions[];
  directory: string;
  /** Modules that run ahead of the applications (L-49). */
  imports: readonly string[];
  python: ProbedPython;
  /** Where the thread notes the files that it opens. */
  files: OpenFiles;
  /** As `ThreadLoad.wrapper`: loaded ahead of the applications, as workers do. */
  wrapper?: string | undefined;
}

/** For Python applications: their settings, and what is done with their modules. */
export interface ProbedPython extends PythonOptions {
  /**
   * `prepare`: nothing, which leaves it to the threads that serve them; `preload`: they become part of what these are
   * made of; `check`: they are loaded to see whether they can be.
   */
  modules: 'prepare' | 'preload' | 'check';
}

/** What is known of an application once it has loaded. */
export interface ProbedApplication extends KnownApplication {
  /** What an adapter has made it of; null where none has. */
  readonly adapted: Original['interface'] | null;
  /** What its owner should hear: a sentence each. */
  readonly notes: readonly string[];
}

export type ProbeMessage =
  /** What it is at from now on. */
  | { type: 'loading'; step: StartStep }
  | { type: 'loaded'; found: ProbedApplication[] }
  | ({ type: 'failed' } & Failure);

/**
 * Loads applications on a thread that serves nothing, to learn what they are and whether they load at all (B-01, L-18).
 *
 * @returns whether all have loaded; they are kept for what the thread may do next
 */
export async function probeApplications(
  { apps, directory, imports, python, files, wrapper }: ProbeTask,
  post: (message: ProbeMessage) => void,
): Promise<boolean> {
  writeOutputDirectly();
  noteOpenFiles(files);
  if (wrapper !== undefined) await import(wrapper);
  const watched = async <T>(module: string, load: (idle: Promise<void>) => Promise<T>): Promise<T> => {
    const step = loadingStep(module);
    const uncaught = (error: unknown): void => {
      post({ type: 'failed', ...leftError(step, error, directory) });
    };
    process.on('uncaughtException', uncaught);
    post({ type: 'loading', step });
    let isIdle = nothing;
    // Ends: when nothing is left to run; the server, which waits for the outcome, has a limit.
    const idle = new Promise<void>((resolve) => {
      isIdle = resolve;
    });
    process.once('beforeExit', isIdle);
    const loaded = await load(idle);
    // Promises that it left rejected become known in the next turn.
    await turn();
    process.off('uncaughtException', uncaught);
    process.off('beforeExit', isIdle);
    return loaded;
  };
  const found: ProbedApplication[] = [];
  try {
    for (const module of imports) {
      await watched(module, (idle) => unlessIdle(importFirst([module], directory), module, idle));
    }
    const alone = apps.length === 1;
    for (const app of apps) {
      if (isPython(app.module)) {
        found.push(await watched(app.module, () => probePython(app, directory, python)));
        continue;
      }
      const loaded = await watched(app.module, (idle) => loadApplication(app, directory, { idle, alone }));
      keepLoaded(app, loaded);
      const adapted = originalOf(loaded.app)?.interface ?? null;
      found.push({ ...loaded.known, adapted, notes: notesOn(app, loaded) });
    }
  } catch (error) {
    post({ type: 'failed', ...describeFailure(error) });
    return false;
  }
  post({ type: 'loaded', found });
  return true;
}

async function probePython(
  app: AppOptions,
  directory: string,
  { modules, ...options }: ProbedPython,
): Promise<ProbedApplication> {
  const { loadPython, preloadPython, preparePython } = await import('../python/load.ts');
  const target = { ...app, module: resolveModule(app.module, directory) };
  const prepared = await preparePython(directory, options);
  if (modules === 'prepare') return { ...knownPython(prepared, app.export ?? null), adapted: null, notes: [] };
  if (modules === 'check') {
    const { export: name } = await loadPython(target, prepared);
    return { ...knownPython(prepared, name), adapted: null, notes: [] };
  }
  const { export: name, prepared: preloaded, notes } = await preloadPython(target, prepared);
  return { ...knownPython(preloaded, name), adapted: null, notes };
}

function notesOn({ module, kind }: AppOptions, { app, known }: LoadedApplication): string[] {
  const notes: string[] = [];
  if (known.foreign !== null && known.listens.length > 0) {
    const calls = known.listens.map((address) => `listen(${address})`).join(' and ');
    const first = known.export === null && known.listens.length > 1 ? ', by the first of these servers' : '';
    notes.push(`${module} calls ${calls}, which is left out: it is served here${first}`);
  }
  const likely = known.foreign === null && kind === undefined && !hasMark(app) ? likelyDeclaration(app) : null;
  if (likely !== null) {
    const what = likely === 'node' ? 'a listener for node:http, (req, res) => ...' : 'a handler for fetch';
    notes.push(
      `"${known.export}" in ${module} is served as a ${known.kind} application, (environ, startResponse) => ...; ` +
        `if it is ${what}, start it with --adapt ${likely}`,
    );
  }
  return notes;
}
