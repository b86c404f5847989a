/** A promise that knows whether somebody has looked at it: awaited it, or attached a handler. */
class WatchedPromise<T> extends Promise<T> {
  #onLook: (() => void) | null = null;

  // What is derived from it is an ordinary promise.
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  static watch<T>(promise: Promise<T>, onLook: () => void): WatchedPromise<T> {
    const made = new WatchedPromise<T>((resolve, reject) => {
      promise.then(resolve, reject);
    });
    made.#onLook = onLook;
    return made;
  }

  // biome-ignore lint/suspicious/noThenProperty: `await` calls it on every promise that is not of the very class Promise
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const onLook = this.#onLook;
    this.#onLook = null;
    onLook?.();
    return super.then(onFulfilled, onRejected);
  }
}

/** The same promise for whoever awaits it; `onLook` is called when the first one does. */
export function watched<T>(promise: Promise<T>, onLook: () => void): Promise<T> {
  return WatchedPromise.watch(promise, onLook);
}

/** The same promise; `ignored` is called when nobody has looked at it by the next turn of the event loop. */
export function expectAwaited<T>(promise: Promise<T>, ignored: () => void): Promise<T> {
  const turn = setImmediate(ignored);
  return watched(promise, () => clearImmediate(turn));
}
