/**
 * AsyncLocalStorage cannot cross threads. What crosses is what was named here (B-61): both sides of a bridge load the
 * same module, which names its storages at its top level.
 */
import type { AsyncLocalStorage } from 'node:async_hooks';
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
    const store = storage.getStore();
    const crossed = store === undefined ? undefined : crossing(store);
    if (crossed !== undefined) context.push([name, crossed]);
  }
  return context;
}

/** Runs a function with the stores that crossed. */
export function withContext(context: WireEntries, run: () => void): void {
  let inner = run;
  for (const [name, value] of context) {
    const storage = storages.get(name);
    if (storage === undefined) continue;
    const outer = inner;
    inner = () => storage.run(value, outer);
  }
  inner();
}
