/** The settings of Python applications. */
import { ConfigurationError } from '../interface/errors.ts';
import { isPython } from '../pool/find-module.ts';
import type { PythonOptions } from '../python/settings.ts';
import { files, readPath, type Setting, size, toggle } from './setting-kinds.ts';

export const pythonPath = files(
  'Python',
  'A directory with Python modules, ahead of those of the variable PYTHONPATH; repeatable',
);

export const pythonVenv: Setting<string | undefined, string> = {
  group: 'Python',
  value: 'PATH',
  default: undefined,
  defaultText: 'that of the variable VIRTUAL_ENV, or .venv if it is there',
  text: 'The virtual environment whose packages Python applications have',
  read: readPath,
  show: String,
};

export const pythonRoot: Setting<readonly string[] | undefined, string | readonly string[]> = {
  ...files(
    'Python',
    'A directory that Python applications see, beside their own, those of modules and the one for temporary files; repeatable',
  ),
  default: undefined,
  defaultText: 'all of the machine but those of devices and of system libraries',
};

export const pythonMemory = size(
  'Python',
  2 ** 30,
  [2 ** 26, 2 ** 32 - 2 ** 16],
  'Memory that the interpreter of a Python application may have on each worker: beyond it, it gets a MemoryError',
);

export const pythonPreload = toggle(
  'Python',
  false,
  'Import Python applications once, ahead of the workers, which begin with what that has made of memory',
);

export const pythonCache: Setting<string | undefined, string> = {
  group: 'Python',
  value: 'DIR|off',
  default: undefined,
  defaultText: 'quaich in XDG_CACHE_HOME, or else in ~/.cache',
  text: 'Where compiled Python modules are kept, and what interpreters begin with; off: nowhere, and each start takes seconds more',
  read: readPath,
  show: String,
};

/** Of all settings. */
interface GivenSettings {
  readonly pythonPath: readonly string[];
  readonly pythonVenv: string | undefined;
  readonly pythonRoot: readonly string[] | undefined;
  readonly pythonMemory: number;
  readonly pythonCache: string | undefined;
}

/** As Python applications take them. */
export function pythonOptions(options: GivenSettings): PythonOptions {
  return {
    path: options.pythonPath,
    venv: options.pythonVenv,
    root: options.pythonRoot,
    memory: options.pythonMemory,
    cache: options.pythonCache,
  };
}

/** @throws ConfigurationError where Python applications cannot be served so */
export function checkPython(apps: readonly { module: string }[], processes: number): void {
  const python = apps.find(({ module }) => isPython(module));
  if (python === undefined || processes === 1) return;
  throw new ConfigurationError(
    `${python.module}: Python applications run in one process, since others do not see their locks on files; ` +
      'use syncWorkers in place of processes',
  );
}
