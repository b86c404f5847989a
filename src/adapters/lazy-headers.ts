/** The header fields of a request as `Headers` that cost nothing until somebody looks. */
import type { AsyncEnviron } from '../interface/types.ts';
import { fieldValue, headerFields } from './request-fields.ts';

/** A stand-in (`standIn`) for the native Headers of a request: reads single fields from the environ. */
export class LazyHeaders implements Pick<Headers, 'get' | 'has' | 'forEach'> {
  readonly #environ: AsyncEnviron;
  /** Null as long as the environ says it all. */
  #native: Headers | null;

  /** @param native those of the native Request, if there is one already */
  constructor(environ: AsyncEnviron, native: Headers | null) {
    this.#environ = environ;
    this.#native = native;
  }

  static nativeOf(headers: LazyHeaders): Headers {
    headers.#native ??= new Headers(headerFields(headers.#environ));
    return headers.#native;
  }

  /** The native ones, if they have been made: perhaps they have been changed. */
  static made(headers: LazyHeaders | null): Headers | null {
    return headers === null ? null : headers.#native;
  }

  /** Stands for those of a native Request from now on, which were made of the same fields. */
  static become(headers: LazyHeaders, native: Headers): void {
    headers.#native = native;
  }

  get(name: string): string | null {
    const value = this.#native === null ? fieldValue(this.#environ, name) : undefined;
    return value === undefined ? LazyHeaders.nativeOf(this).get(name) : value;
  }

  has(name: string): boolean {
    const value = this.#native === null ? fieldValue(this.#environ, name) : undefined;
    return value === undefined ? LazyHeaders.nativeOf(this).has(name) : value !== null;
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void, self?: unknown): void {
    LazyHeaders.nativeOf(this).forEach((value, name) => {
      Reflect.apply(callback, self, [value, name, this]);
    });
  }
}
