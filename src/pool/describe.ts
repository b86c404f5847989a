import { inspect } from 'node:util';

/** What a value is, for messages: "a Promise", "an object", "the number 5". */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object') {
    const text = inspect(value, { maxStringLength: 60, breakLength: Number.POSITIVE_INFINITY });
    return typeof value === 'string' ? text : `the ${typeof value} ${text}`;
  }
  const name = value.constructor?.name;
  return !name || name === 'Object' ? 'an object' : `a${/^[AEIOU]/.test(name) ? 'n' : ''} ${name}`;
}
