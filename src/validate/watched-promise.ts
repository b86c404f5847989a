/** Runs once, when somebody has looked. */
interface Look {
  onLook: (() => void) | null;
}

function looked(look: Look): void {
  const { onLook } = look;
  look.onLook = null;
  onLook?.();
}

/**
 * A promise that knows whether somebody goes on with it: has awaited it, or attached a handler for its value. Whoever
 * only catches its error does not wait for it, unless he goes on with the promise that `catch` gave him.
 */
class WatchedPromise<T> extends Promise<T> {
  #look: Look | null = null;

  // What is derived from it is an ordinary promise.
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  static watch<T>(promise: Promise<T>, look: Look): WatchedPromise<T> {
    const made = new WatchedPromise<T>((resolve, reject) => {
      promise.then(resolve, reject);
    });
    made.#look = look;
    return made;
  }

  // biome-ignore lint/suspicious/noThenProperty: `await` calls it on promises of any class but Promise itself
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const look = this.#look;
    const derived = super.then(onFulfilled, onRejected);
    if (look === null || look.onLook === null) return derived;
    if (typeof onFulfilled !== 'function') return WatchedPromise.watch(derived, look);
    looked(look);
    return derived;
  }
}

/** The same promise for whoever awaits it; `onLook` is called when the first one does. */
export function watched<T>(promise: Promise<T>, onLook: () => void): Promise<T> {
  return WatchedPromise.watch(promise, { onLook });
}

/** The same promise; `ignored` is called when nobody goes on with it by the next turn of the event loop. */
export function expectAwaited<T>(promise: Promise<T>, ignored: () => void): Promise<T> {
  const turn = setImmediate(ignored);
  return watched(promise, () => clearImmediate(turn));
}
