/**
 * The kinds of settings: how a value of each is read, checked and shown. The settings themselves stand in options.ts.
 */
import { ConfigurationError } from '../interface/errors.ts';
import { shown } from '../rules/show.ts';

/** One row of the settings table. `T` is the value that the server sees, `I` what an owner may give for it. */
export interface Setting<T, I = T> {
  readonly group: Group;
  /** How help names the value; `''` for a switch. */
  readonly value: string;
  readonly default: T;
  /** The default in words, where the value says too little. */
  readonly defaultText?: string;
  readonly text: string;
  /** One letter, as `-b`. */
  readonly short?: string;
  /** May be given several times; the string is what separates the parts in an environment variable. */
  readonly separator?: string;
  /** An environment variable that counts where its own is not set: other servers know it by that name. */
  readonly otherVariable?: string;
  /** For the compiler: what an owner may give. */
  readonly accepts?: I;
  /** Checks and converts a value of type `I`, or the text of a flag or variable; throws ConfigurationError. */
  read(input: unknown): T;
  /** The value as an owner would write it. */
  show(input: unknown): string;
}

export type Group =
  | 'Sockets'
  | 'TLS'
  | 'Proxies'
  | 'Workers'
  | 'Python'
  | 'Process'
  | 'Limits'
  | 'Timeouts'
  | 'Health and status'
  | 'Logs'
  | 'Responses and environ';

type Extra = Pick<Setting<unknown>, 'defaultText'>;
type Range = readonly [min: number, max: number];
type Count = Setting<number, number | string>;

const MAX_MS = 2 ** 31 - 1; // beyond it a timer of Node fires at once

export function expected(what: string, input: unknown): ConfigurationError {
  return new ConfigurationError(`expected ${what}, got ${typeof input === 'string' ? `"${input}"` : shown(input)}`);
}

export function count(group: Group, normal: number, [min, max]: Range, text: string, extra: Extra = {}): Count {
  const read = (input: unknown): number => {
    const value = typeof input === 'string' && /^\d{1,16}$/.test(input) ? Number(input) : input;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    throw expected(`a whole number from ${min} to ${max}`, input);
  };
  return { group, value: 'N', default: normal, text, read, show: String, ...extra };
}

const SIZE_UNITS = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
const TIME_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `value` with the largest unit that divides it. */
function withUnit(value: number, units: Record<string, number>): string {
  const [unit, factor] = Object.entries(units).findLast(([, factor]) => value % factor === 0) ?? ['', 1];
  return value === 0 ? '0' : `${value / factor}${unit}`;
}

export function size(group: Group, normal: number, [min, max]: Range, text: string): Count {
  const read = (input: unknown): number => {
    const [, digits, unit = ''] = (typeof input === 'string' && /^(\d+(?:\.\d+)?)([kmg])?(?:i?b)?$/i.exec(input)) || [];
    const factor = Object.entries(SIZE_UNITS).find(([name]) => name === unit.toLowerCase())?.[1] ?? 1;
    const value = digits === undefined ? input : Number(digits) * factor;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
    const range = `from ${withUnit(min, SIZE_UNITS)} to ${withUnit(max, SIZE_UNITS)}`;
    throw expected(
      `a size in bytes ${max < Number.MAX_SAFE_INTEGER ? `${range} ` : ''}such as 65536, 64k or 1m`,
      input,
    );
  };
  return { group, value: 'BYTES', default: normal, text, read, show: (input) => withUnit(read(input), SIZE_UNITS) };
}

export function duration(group: Group, normal: number, min: number, text: string): Count {
  const read = (input: unknown): number => {
    const [, digits, unit = 'ms'] = (typeof input === 'string' && /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(input)) || [];
    const factor = Object.entries(TIME_UNITS).find(([name]) => name === unit)?.[1] ?? 1;
    const value = digits === undefined ? input : Math.round(Number(digits) * factor);
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= MAX_MS) return value;
    throw expected(`milliseconds (at least ${min}) or a duration such as 500ms, 5s or 2m`, input);
  };
  return { group, value: 'MS', default: normal, text, read, show: (input) => withUnit(read(input), TIME_UNITS) };
}

export function toggle(group: Group, normal: boolean, text: string, extra: Extra = {}): Setting<boolean> {
  const words = new Map<unknown, boolean>();
  for (const word of [true, 'true', '1', 'yes', 'on']) words.set(word, true);
  for (const word of [false, 'false', '0', 'no', 'off']) words.set(word, false);
  const read = (input: unknown): boolean => {
    const value = words.get(typeof input === 'string' ? input.toLowerCase() : input);
    if (value === undefined) throw expected('true or false', input);
    return value;
  };
  return { group, value: '', default: normal, text, read, show: (input) => (read(input) ? 'on' : 'off'), ...extra };
}

export function choice<const C extends string>(
  group: Group,
  normal: NoInfer<C>,
  choices: readonly C[],
  text: string,
): Setting<C> {
  const read = (input: unknown): C => {
    const value = choices.find((known) => known === input);
    if (value === undefined) throw expected(`one of ${choices.join(', ')}`, input);
    return value;
  };
  return { group, value: choices.join('|'), default: normal, text, read, show: String };
}

/** Access rights, as `chmod` and `umask` take them; undefined where they stay as they are. */
export function octal(group: Group, defaultText: string, text: string): Setting<number | undefined, number | string> {
  const read = (input: unknown): number => {
    const value =
      typeof input === 'string' && /^(0o?)?[0-7]{3}$/.test(input) ? Number.parseInt(input.slice(-3), 8) : input;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0o777) return value;
    throw expected('an octal number such as 660', input);
  };
  const show = (input: unknown): string => read(input).toString(8).padStart(3, '0');
  return { group, value: 'OCTAL', default: undefined, defaultText, text, read, show };
}

/** @throws ConfigurationError for what is no path */
export function readPath(input: unknown): string {
  if (typeof input !== 'string' || input === '' || input.includes('\0')) throw expected('a path', input);
  return input;
}

/** A list of files, or of what else is found by a path. */
export function files(
  group: Group,
  text: string,
  value = 'PATH',
): Setting<readonly string[], string | readonly string[]> {
  const read = (input: unknown): readonly string[] => {
    const list: readonly unknown[] = Array.isArray(input) ? input : [input];
    return list.map(readPath);
  };
  const show = (input: unknown): string => read(input).join(', ');
  return { group, value, default: [], defaultText: 'none', separator: ',', text, read, show };
}
