/** Which export of a module is served, or which server in place of one. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigurationError } from '../interface/errors.ts';
import { foreignInterface } from './foreign.ts';
import type { Exports } from './import-module.ts';
import type { ListenCalls } from './listen-calls.ts';

const DEFAULT_EXPORTS = ['application', 'app', 'default', 'fetch'];
/**
 * Milliseconds within which a module that exports something else is to let a server listen: it may be a program with
 * hooks, or one whose export has another name than ours.
 */
const LATE = 5000;

/** What an export is looked for by. */
interface Wanted {
  module: string;
  export?: string | undefined;
}

interface PickOptions {
  /** What another thread has found; its export is null for a server. */
  known?: { export: string | null } | undefined;
  /** Fulfils when nothing is left to run that could let a server listen. */
  idle?: Promise<void> | undefined;
  calls: ListenCalls | null;
}

/**
 * What is served of a module, whatever it is: its export, else the server that it lets listen.
 *
 * @throws ConfigurationError where it has neither
 */
export async function pick(
  exports: Exports,
  wanted: Wanted,
  { known, idle, calls }: PickOptions,
): Promise<{ name: string; value: unknown }> {
  if (calls !== null && known?.export === null) return listening(await calls.first);
  const exported = findExport(exports, known === undefined ? wanted : { ...wanted, export: known.export ?? undefined });
  const program = exported === null && exportsNothing(exports);
  if (known === undefined && wanted.export === undefined && calls !== null) {
    if (exported === null && idle !== undefined) {
      const late = program ? [] : [sleep(LATE, undefined, { ref: false })];
      await Promise.race([calls.first, idle, ...late]);
    }
    const { server } = calls;
    if (server !== null && !isMeant(exported?.value, server)) return listening(server);
  }
  if (exported !== null) return exported;
  const which = wanted.export === undefined ? '"application", "app" or default' : `"${wanted.export}"`;
  const names = namesOf(exports);
  const there = names.length > 0 && !program ? `it exports ${names.slice(0, 20).join(', ')}` : 'it exports nothing';
  const nor = program && calls !== null ? ', and lets no server of node:http listen' : '';
  throw new ConfigurationError(`${wanted.module} has no export ${which}: ${there}${nor}`);
}

function listening(server: object): { name: string; value: object } {
  return { name: 'listen', value: server };
}

/** Whether an export is served although its module lets a server listen: unless it is just what that server calls. */
function isMeant(value: unknown, server: NonNullable<ListenCalls['server']>): boolean {
  if (foreignInterface(value) !== null) return true;
  return typeof value === 'function' && !server.listeners('request').includes(value);
}

function findExport(exports: Exports, wanted: Wanted): { name: string; value: unknown } | null {
  for (const name of wanted.export === undefined ? DEFAULT_EXPORTS : [wanted.export]) {
    const value = lookUp(exports, name);
    if (value === undefined || (value === exports.default && exportsNothing(exports))) continue;
    // As modules for workers, Bun and Deno have it.
    return name === 'fetch' && typeof value === 'function' ? { name, value: { fetch: value } } : { name, value };
  }
  return null;
}

function namesOf(exports: Exports): string[] {
  return Object.keys(exports).filter((key) => key !== 'module.exports' && key !== '__esModule');
}

/** Whether a module is a program; of CommonJS the default export is an empty object then. */
function exportsNothing(exports: Exports): boolean {
  const whole = exports.default;
  return namesOf(exports).every(
    (name) =>
      name === 'default' &&
      isObject(whole) &&
      Object.getPrototypeOf(whole) === Object.prototype &&
      Object.keys(whole).length === 0,
  );
}

/** An export; dots lead into objects. */
export function lookUp(exports: Exports, path: string): unknown {
  const [first, ...rest] = path.split('.');
  // What a CommonJS module exports is the default export; beside it stand the named exports that Node could guess.
  const whole = exports.default;
  const compiled = isObject(whole) && whole.__esModule === true;
  let value = exports[first];
  if (first === 'default' && compiled) value = whole.default;
  else if (value === undefined && isObject(whole) && Object.hasOwn(whole, first)) value = whole[first];
  for (const key of rest) value = isObject(value) || typeof value === 'function' ? Reflect.get(value, key) : undefined;
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
