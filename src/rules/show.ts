/**
 * How values and errors are shown in messages and logs. Nothing in here throws, whatever it is given: `undefined`,
 * frozen objects, errors whose `stack` getter throws.
 */
import { inspect } from 'node:util';
import { isProxy } from 'node:util/types';
import { property } from './property.ts';

/** Characters of a text that are shown in a message. */
const MOST_SHOWN = 60;
/** A name of a class that is shown as it is. */
const PLAIN_NAME = /^[\w$]{1,40}$/;
/** Errors that are shown of one that was thrown: its causes, those it is the sum of, and theirs. */
const MOST_ERRORS = 10;
/** Characters of one of them. */
const LONGEST = 16384;
const MOST_PROPERTIES = 20;
/** Properties of an error that are shown in ways of their own. */
const KNOWN_PROPERTIES = new Set(['name', 'message', 'stack', 'cause', 'errors']);

/** What `inspect` makes of a value without running anything of the application's. */
function inspected(value: unknown, depth: number, maxStringLength: number): string {
  return inspect(value, { depth, maxStringLength, customInspect: false, breakLength: Number.POSITIVE_INFINITY });
}

/** Properties such as `code`, one level of them: what lies deeper may be a whole request with its secrets. */
function ownProperties(error: object): string {
  try {
    const names = Object.keys(error).filter((name) => !KNOWN_PROPERTIES.has(name));
    if (names.length === 0) return '';
    const own = {};
    for (const name of names.slice(0, MOST_PROPERTIES)) {
      // As it is: a getter is shown as one, not called.
      const descriptor = Object.getOwnPropertyDescriptor(error, name);
      if (descriptor !== undefined) Object.defineProperty(own, name, descriptor);
    }
    return `\n    with ${inspected(own, 0, 200)}`;
  } catch {
    return '';
  }
}

/**
 * An error with its class and its message, which `stack` has as they were when the error was made, and its properties.
 */
function describeObject(error: object): string | null {
  const stack = property(error, 'stack');
  const message = property(error, 'message');
  if ((typeof stack !== 'string' || stack === '') && typeof message !== 'string') return null;
  const name = property(error, 'name');
  const named = typeof name === 'string' && name !== '' ? name : 'Error';
  const head = typeof message === 'string' && message !== '' ? `${named}: ${message}` : named;
  let text = typeof stack === 'string' && stack !== '' ? stack : head;
  if (typeof message === 'string' && !text.includes(message)) text = `${head}\n${text}`;
  const made = property(property(error, 'constructor'), 'name');
  if (typeof made === 'string' && !text.split('\n', 1)[0].includes(made)) {
    text = text.startsWith('Error') ? made + text.slice('Error'.length) : `${made}: ${text}`;
  }
  return text + ownProperties(error);
}

function describeOne(value: unknown): string {
  let text: string | null = null;
  try {
    if (typeof value === 'object' && value !== null) text = describeObject(value);
    text ??= `thrown value: ${inspected(value, 2, 1000)}`;
  } catch {
    return 'a thrown value that cannot be shown';
  }
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
}

/** The errors of an AggregateError. */
function sumOf(error: unknown): unknown[] {
  try {
    const errors = property(error, 'errors');
    return Array.isArray(errors) ? errors.slice(0, MOST_ERRORS) : [];
  } catch {
    return []; // a proxy
  }
}

/**
 * A thrown value for a log: class, message, stack, properties such as `code`, the errors that it is the sum of, and its
 * causes. Bounded; never throws.
 */
export function describeError(error: unknown): string {
  const shown = new Set<unknown>();
  const parts: string[] = [];
  const add = (lead: string, value: unknown): void => {
    if (shown.size === MOST_ERRORS || shown.has(value)) return;
    shown.add(value);
    parts.push(lead + describeOne(value));
    if (typeof value !== 'object' || value === null) return;
    for (const one of sumOf(value)) add('one of them: ', one);
    const cause = property(value, 'cause');
    if (cause !== undefined && cause !== null) add('caused by: ', cause);
  };
  add('', error);
  return parts.join('\n');
}

/** The name of an object's class, or what it says to be; of its own code nothing runs but a getter of `constructor`. */
function className(value: object): string {
  try {
    if (isProxy(value)) return 'Proxy';
    const name: unknown = value.constructor?.name;
    if (typeof name === 'string' && PLAIN_NAME.test(name)) return name;
    return Object.prototype.toString.call(value).slice(8, -1);
  } catch {
    return 'Object';
  }
}

/** The text in printable ASCII, with everything else as `\uXXXX`. */
export function asciiOf(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function withArticle(name: string): string {
  if (name === 'Object' || name === 'Array') return `an ${name.toLowerCase()}`;
  return `${/^[AEIOU](?!int)/.test(name) ? 'an' : 'a'} ${name}`;
}

/**
 * A value for a message, short and on one line of printable ASCII: `"text"`, `12`, `an array`, `a Map`.
 *
 * @param most characters of a text that are shown
 */
export function shown(value: unknown, most = MOST_SHOWN): string {
  switch (typeof value) {
    case 'string': {
      const text = value.length > most ? `${value.slice(0, most)}...` : value;
      return asciiOf(JSON.stringify(text));
    }
    case 'bigint':
      return `${value}n`;
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    case 'object':
      return value === null ? 'null' : withArticle(className(value));
    default:
      return String(value);
  }
}

/** The type of a value for a message: `string`, `null`, `Map`. */
export function typeName(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? className(value) : typeof value;
}

/** A request for reports, by its method and the two parts of its path: `GET "/mount/path"`. */
export function shownRequest(method: unknown, script: unknown, path: unknown): string {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return `${text(method) || '-'} ${JSON.stringify(text(script) + text(path))}`;
}
