/** What a thread that starts is at: loading modules, running startup hooks; and what is said where it fails (L-18). */
import { describeError } from '../rules/show.ts';
import { resolveModule } from './find-module.ts';
import { explain } from './module-error.ts';

/** An error in words, for the other side of a thread. */
export interface Failure {
  message: string;
  /** The fault is the owner's, and the message says all. */
  configuration: boolean;
}

/** Plain data. */
export interface StartStep {
  /** `loading ./site.js`, `the startup hook of ./site.js at /`. */
  readonly name: string;
  /** What the message of a failure begins with; `''`: nothing. */
  readonly fails: string;
  /** The module that is loaded, whose faults are its owner's; `''`: none is. */
  readonly module: string;
}

/** Before a thread has told of any, and behind the last. */
export const STARTUP: StartStep = { name: 'startup', fails: '', module: '' };

export function loadingStep(module: string): StartStep {
  return { name: `loading ${module}`, fails: `cannot load ${module}`, module };
}

/** @param name whose hook it is, in words */
export function hookStep(name: string): StartStep {
  return { name, fails: name, module: '' };
}

export function tookTooLong({ name }: StartStep, limit: number): Failure {
  return { message: `${name} took longer than ${limit} ms`, configuration: false };
}

export function endedThread(step: StartStep, code: number): Failure {
  return failed(step, `it ended its thread as process.exit does, with exit code ${code}`);
}

/** An error that has ended its thread. */
export function brokeThread(step: StartStep, error: unknown): Failure {
  return failed(step, step.module !== '' && error instanceof Error ? error.message : describeError(error));
}

/** @param directory where the module is looked up */
export function leftError(step: StartStep, error: unknown, directory: string): Failure {
  const { module } = step;
  const what = module === '' ? describeError(error) : explain(error, resolveModule(module, directory));
  return failed(step, `nobody handles ${what}`);
}

function failed({ fails, module }: StartStep, reason: string): Failure {
  return { message: fails === '' ? reason : `${fails}: ${reason}`, configuration: module !== '' };
}
