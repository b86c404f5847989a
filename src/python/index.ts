export { PythonError } from './errors.ts';
export { pythonApp } from './load.ts';
export type { PythonOptions } from './settings.ts';
