/**
 * The device for what is the same in both conventions but for the waiting: it is written once, as a generator that
 * yields whatever has to be waited for, and one of two drivers runs it.
 *
 * ```ts
 * function* firstBlock(environ: Environ | AsyncEnviron): Steps<Uint8Array> {
 *   return yield* wait(environ['wsgi.input'].read(65536)); // bytes in one convention, a promise of them in the other
 * }
 * ```
 *
 * The sync driver gives back at once what was yielded, so it makes no promise and waits for none; the async one awaits
 * it. A rejection is thrown into the generator at its `yield`: `try`, `catch` and `finally` hold as they do anywhere.
 *
 * Not for hot ways: steps cost a sync caller 60 ns, each wait 75 ns, each generator on the way to it 50 ns (Node 20); a
 * whole step of a body of middleware takes no longer. There, a shared object decides, and each convention has a short
 * loop of its own. Let generators be methods, or functions of a module: one that a call makes anew costs it
 * microseconds.
 */
export type Steps<T> = Generator<unknown, T, unknown>;

/** Waits, within steps: for the value itself, or for what the promise is fulfilled with. */
export function* wait<T>(value: T | PromiseLike<T>): Steps<T> {
  return (yield value) as T; // both drivers give back what was yielded, or what it was fulfilled with
}

/** Runs steps in the sync convention. */
export function runSteps<T>(steps: Steps<T>): T {
  let turn = steps.next();
  while (turn.done !== true) turn = steps.next(turn.value);
  return turn.value;
}

/** Runs steps in the async convention. They begin at once, before the promise is returned. */
export async function awaitSteps<T>(steps: Steps<T>): Promise<T> {
  let turn = steps.next();
  while (turn.done !== true) {
    let value: unknown;
    try {
      value = await turn.value;
    } catch (error) {
      turn = steps.throw(error);
      continue;
    }
    turn = steps.next(value);
  }
  return turn.value;
}
