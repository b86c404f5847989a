/** The modules that run on a thread ahead of its applications (L-49): what starts a tracer, or registers a loader. */
import { resolveModule } from './find-module.ts';
import { importModule } from './import-module.ts';
import { atThreadEnd } from './this-thread.ts';

/** Those of this thread: their files. */
const files: string[] = [];

/** The files of the modules that this thread has imported first, for the threads that it starts. */
export function importedFirst(): readonly string[] {
  return files;
}

/**
 * Imports modules, one after the other. An export `shutdown` of theirs is called at the end of the thread, behind the
 * hooks of the applications.
 *
 * @param directory where relative paths and packages are looked up; an absolute path
 * @throws ConfigurationError in one line, with the name of the module
 */
export async function importFirst(modules: readonly string[], directory: string): Promise<void> {
  for (const module of modules) {
    const file = resolveModule(module, directory);
    const { shutdown } = await importModule(file, module, directory);
    if (files.includes(file)) continue;
    files.push(file);
    if (typeof shutdown === 'function') atThreadEnd(async () => Reflect.apply(shutdown, undefined, []));
  }
}
