/** Runs async applications on a recording transport. */
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'vitest';
import type { EngineOptions } from '../../src/engine/options.ts';
import { type RunningRequest, runAsync } from '../../src/engine/run-async.ts';
import type { AsyncApplication, AsyncEnviron } from '../../src/interface/types.ts';
import { asyncEnviron, MemoryErrors } from './environs.ts';
import { AsyncRecorder } from './recording-transport.ts';

export interface Running {
  recorder: AsyncRecorder;
  errors: MemoryErrors;
  counters: { failures: number; disconnects: number };
  environ: AsyncEnviron;
  handle: RunningRequest | undefined;
}

export function start(
  app: AsyncApplication,
  options: EngineOptions = {},
  prepare: (recorder: AsyncRecorder) => void = () => {},
): Running {
  const errors = new MemoryErrors();
  const recorder = new AsyncRecorder();
  prepare(recorder);
  const counters = { failures: 0, disconnects: 0 };
  const environ = asyncEnviron('GET', errors);
  const handle = runAsync(app, environ, recorder, { ...options, counters });
  return { recorder, errors, counters, environ, handle };
}

/** Runs to the end, which must come by itself. */
export async function finish(running: Running): Promise<Running> {
  await running.recorder.over;
  await turn();
  expect(running.recorder.breaches).toEqual([]);
  expect(running.recorder.dones).toBe(1);
  return running;
}

export interface Deferred {
  promise: Promise<void>;
  resolve(): void;
}

export function deferred(): Deferred {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve: () => resolve() };
}
