/**
 * Values of which nothing is known yet: how they are shown in messages, and how they are asked without a throw.
 */
import { types } from 'node:util';

/** A function that may be called with anything. */
export type Callable = (...args: unknown[]) => unknown;

export function isCallable(value: unknown): value is Callable {
  return typeof value === 'function';
}

export function isIterable(value: unknown): value is Iterable<unknown> {
  return hasMethod(value, Symbol.iterator);
}

const MOST_SHOWN = 60;

/** A value for a message: short, on one line, in printable ASCII. Never throws. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string': {
      const text = value.length > MOST_SHOWN ? `${value.slice(0, MOST_SHOWN)}...` : value;
      return JSON.stringify(text).replace(
        /[^\x20-\x7e]/g,
        (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
      );
    }
    case 'bigint':
      return `${value}n`;
    case 'function':
      return 'a function';
    case 'object':
      return value === null ? 'null' : withArticle(className(value));
    case 'symbol':
      return 'a symbol';
    default:
      return String(value);
  }
}

function withArticle(name: string): string {
  if (name === 'Object') return 'an object';
  return `${/^[AEIOU](?!int)/.test(name) ? 'an' : 'a'} ${name}`;
}

/** The name of an object's class; never throws. */
function className(value: object): string {
  try {
    if (types.isProxy(value)) return 'Proxy';
    const name: unknown = value.constructor?.name;
    if (typeof name === 'string' && /^[\w$]{1,40}$/.test(name)) return name;
    return Object.prototype.toString.call(value).slice(8, -1);
  } catch {
    return 'Object';
  }
}

/** Whether a value is a byte chunk, of any realm (G-103). */
export function isBytes(value: unknown): value is Uint8Array {
  return types.isUint8Array(value);
}

/** Whether the object has a function under that key. */
export function hasMethod(object: unknown, key: string | symbol): boolean {
  if ((typeof object !== 'object' && typeof object !== 'function') || object === null) return false;
  return typeof Reflect.get(object, key) === 'function';
}

/** Calls a method that is there; the result is whatever it gives. */
export function callMethod(object: unknown, key: string | symbol, args: readonly unknown[] = []): unknown {
  if ((typeof object !== 'object' && typeof object !== 'function') || object === null) return undefined;
  const method: unknown = Reflect.get(object, key);
  return typeof method === 'function' ? Reflect.apply(method, object, args) : undefined;
}

/** Handles the rejection of a promise that nobody will look at, so that it does not end the process. */
export function disregard(promise: unknown): void {
  if (types.isPromise(promise)) promise.then(nothing, nothing);
}

export function nothing(): void {}
