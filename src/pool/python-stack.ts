import { isPython } from './find-module.ts';

/** Bytes of stack of threads with Python applications, whose recursion Python limits by itself. */
const PYTHON_STACK = 2 ** 26;

/** Bytes of stack that a thread needs for its applications; 0: as Node has it. */
export function stackSize(apps: readonly { readonly module: string }[]): number {
  return apps.some(({ module }) => isPython(module)) ? PYTHON_STACK : 0;
}
