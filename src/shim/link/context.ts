/**
 * AsyncLocalStorage on either side of a bridge. On one thread, the context of the gateway's call is that of every step
 * (B-60). It cannot cross threads. What crosses is what was named here (B-61): both sides of a bridge load the same
 * module, which names its storages at its top level.
 */
import type { AsyncLocalStorage } from 'node:async_hooks';
import { KEEPS_ENTERED, newContext } from '../../engine/context.ts';
import { crossing, type WireEntries } from './wire.ts';

const storages = new Map<string, AsyncLocalStorage<unknown>>();

/**
 * Copies the store of an AsyncLocalStorage to the other side of every bridge with each request, under a name that is
 * the same there: a request id, trace headers. Only strings, numbers, booleans, bytes and plain arrays of them cross;
 * any other store stays behind. Call it at the top level of a module that both threads load (B-61).
 */
export function shareContext<T>(name: string, storage: AsyncLocalStorage<T>): void {
  storages.set(name, storage as AsyncLocalStorage<unknown>);
}

/** The stores of this moment. */
export function contextToWire(): WireEntries {
  const context: WireEntries = [];
  for (const [name, storage] of storages) {
    const crossed = crossing(storage.getStore());
    if (crossed !== undefined) context.push(name, crossed);
  }
  return context;
}

/** Runs a function with the stores that crossed. */
export function withContext(context: WireEntries, run: () => void): void {
  let inner = run;
  for (let i = 0; i < context.length; i += 2) {
    const storage = storages.get(context[i] as string);
    const value = context[i + 1];
    if (storage === undefined) continue;
    const outer = inner;
    inner = () => storage.run(value, outer);
  }
  inner();
}

/** Runs a step in the context of a request. */
export type Within = <T>(step: () => T) => T;

/** Keeps the context of this moment (B-60), with what the steps enter in it (G-190). */
export function keepContext(): Within {
  let context = newContext();
  if (KEEPS_ENTERED) return (step) => context.runInAsyncScope(step);
  return (step) =>
    context.runInAsyncScope(() => {
      try {
        return step();
      } finally {
        context = newContext();
      }
    });
}
