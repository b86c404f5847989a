/**
 * Stand-ins for native objects of fetch (`Request`, `Headers`, `Response`), which take many microseconds to make. A
 * stand-in answers what it knows by itself; for anything else it has its native object made, once, and asks that.
 *
 * It is an instance of the native class to whoever looks: by `instanceof`, by its prototypes and by its properties.
 * Node's own functions look further. Where Node keeps the state of an object in symbol properties (20, 22), these are
 * forwarded as well, so that `fetch` and `new Request` take a stand-in for what it stands for. Where it keeps the state
 * in private members (24), nothing can forward them.
 */

/**
 * Gives a class of stand-ins the properties that it does not define itself.
 *
 * @param prototype of the class
 * @param sample any native object, for the prototype and the symbols of its kind
 * @param nativeOf the native object of a stand-in
 */
export function standIn<S extends object, N extends object>(prototype: S, sample: N, nativeOf: (one: S) => N): void {
  const native: object = Object.getPrototypeOf(sample);
  Object.setPrototypeOf(prototype, native);
  Reflect.deleteProperty(prototype, 'constructor'); // so that it is inherited, too
  for (const key of [...Reflect.ownKeys(native), ...Reflect.ownKeys(sample)]) {
    const { enumerable, value }: PropertyDescriptor = Object.getOwnPropertyDescriptor(native, key) ?? {};
    if (Object.hasOwn(prototype, key)) {
      Object.defineProperty(prototype, key, { enumerable });
    } else if (value === undefined) {
      Object.defineProperty(prototype, key, {
        get(this: S): unknown {
          return Reflect.get(nativeOf(this), key);
        },
        enumerable,
        configurable: true,
      });
    } else if (typeof value === 'function' && key !== 'constructor') {
      Object.defineProperty(prototype, key, {
        value(this: S, ...all: unknown[]): unknown {
          return Reflect.apply(value, nativeOf(this), all);
        },
        enumerable,
        writable: true,
        configurable: true,
      });
    }
  }
}
