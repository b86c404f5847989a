import { types } from 'node:util';
import { QuaichError } from '../interface/errors.ts';

/** Who broke a rule, as seen from the validator that noticed. */
export type Side = 'application' | 'server' | 'middleware';

//: @in messages
//: V-139: Every message of the validator names the clause that was broken, the side at fault (the application, the server,
//: or a middleware), what was seen in a short escaped form, and what to do instead. A violation is thrown as a
//: `ValidationError` with the properties `row`, `side` and `code`; a warning is given to a callback with the same words.
//:
//: ```text
//: V-54: the value of the header "Content-Length" is 12; header values are strings: String(12) (at fault: the application)
//: ```
/** A rule of the interface was broken. `row` is the clause of docs/SPEC.md; `code` is always `QUAICH_VALIDATION`. */
export class ValidationError extends QuaichError {
  readonly row: string;
  readonly side: Side;

  /**
   * @param seen what was seen
   * @param advice what to do instead
   */
  constructor(row: string, side: Side, seen: string, advice: string) {
    super('QUAICH_VALIDATION', `${row}: ${seen}; ${advice} (at fault: the ${side})`);
    this.row = row;
    this.side = side;
  }
}

/** Something that is no violation and yet hardly meant. */
export interface ValidationWarning {
  readonly row: string;
  readonly side: Side;
  /** As the message of a ValidationError. */
  readonly message: string;
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
export function callMethod(object: object, key: string | symbol, args: readonly unknown[] = []): unknown {
  const method: unknown = Reflect.get(object, key);
  return typeof method === 'function' ? Reflect.apply(method, object, args) : undefined;
}

/** Handles the rejection of a promise that nobody will look at, so that it does not end the process. */
export function disregard(promise: unknown): void {
  if (types.isPromise(promise)) promise.then(nothing, nothing);
}

export function nothing(): void {}
