/**
 * The globals of fetch, replaced for those who ask for it: `Request` and `fetch` by ones that know lazy requests, where
 * Node's own do not take them, and `Response` by one that makes light responses. Each is a proxy of what was there, so
 * that subclasses, statics and `instanceof` stay what they are.
 */
import { LazyRequest, requestsAreTaken } from './lazy-request.ts';
import { LightResponse, prepareLightResponses } from './light-response.ts';

let replaced = false;

const unwrapped = (all: unknown[]): unknown[] => all.map(LazyRequest.unwrap);

function replace(name: 'Request' | 'Response' | 'fetch', value: unknown): void {
  const { enumerable } = Object.getOwnPropertyDescriptor(globalThis, name) ?? {};
  Object.defineProperty(globalThis, name, { value, enumerable, writable: true, configurable: true });
}

/** Makes `object.constructor === Request` hold, as it did. */
function replaceClass(name: 'Request' | 'Response', value: typeof Request | typeof Response): void {
  replace(name, value);
  Object.defineProperty(value.prototype, 'constructor', { value, writable: true, configurable: true });
}

/** Replaces the globals of this thread, once. */
export function replaceGlobals(): void {
  if (replaced) return;
  replaced = true;
  if (!requestsAreTaken()) {
    replaceClass(
      'Request',
      new Proxy(Request, {
        construct: (native, all, made) => Reflect.construct(native, unwrapped(all), made),
      }),
    );
    replace('fetch', new Proxy(fetch, { apply: (native, self, all) => Reflect.apply(native, self, unwrapped(all)) }));
  }
  prepareLightResponses(Response);
  const light: typeof Response = new Proxy(Response, {
    // A subclass has a `this` of its own, which only the native constructor can make.
    construct: (native, all, made) =>
      (made === light ? LightResponse.make(all) : null) ?? Reflect.construct(native, all, made),
  });
  replaceClass('Response', light);
}
