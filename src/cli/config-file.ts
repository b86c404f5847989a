import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { writeFully } from '../engine/error-stream.ts';
import { ConfigurationError } from '../interface/errors.ts';
import { lookUp } from '../pool/find-export.ts';
import { resolveModule } from '../pool/find-module.ts';
import { type Exports, importModule } from '../pool/import-module.ts';
import { type AppOptions, parseApplication } from '../pool/load.ts';
import { shown } from '../rules/show.ts';
import { checkApp } from '../server/apps.ts';
import { checkNames } from '../server/names.ts';
import { fromDirectory, readSetting, settingNames } from '../server/options.ts';
import type { Layer } from './arguments.ts';
import { MISCONFIGURED } from './exit-codes.ts';

const NAMES = ['js', 'mjs', 'cjs', 'ts', 'mts', 'cts', 'json'].map((ending) => `quaich.config.${ending}`);

/**
 * The configuration file to read, if any: the one that was asked for, else the one in the directory.
 *
 * @throws ConfigurationError when it does not exist, or when the directory has several
 */
export function findConfigFile(asked: string | undefined, directory: string): string | undefined {
  if (asked !== undefined) {
    const file = resolve(directory, asked);
    if (!existsSync(file)) throw new ConfigurationError(`cannot read the configuration: ${file} does not exist`);
    return file;
  }
  const found = NAMES.filter((name) => existsSync(join(directory, name)));
  if (found.length > 1) throw new ConfigurationError(`${found.join(' and ')} are both there: choose one with --config`);
  return found.length === 1 ? join(directory, found[0]) : undefined;
}

/**
 * Reads a configuration file. Its paths (modules, Unix sockets, certificates, the access log) are relative to itself.
 *
 * @param time how often it has been read before; modules that it imports are read once
 * @throws ConfigurationError
 */
export async function readConfigFile(file: string, time: number): Promise<{ layer: Layer; apps: AppOptions[] }> {
  const directory = dirname(file);
  const label = basename(file);
  const found = file.endsWith('.json') ? readJson(file, label) : await readModule(file, label, directory, time);
  if (typeof found !== 'object' || found === null || Array.isArray(found)) {
    const got = found === undefined ? 'it has none' : `that is ${shown(found)}`;
    const what = file.endsWith('.json') ? 'it must have' : 'the default export must be';
    throw new ConfigurationError(`${label}: ${what} an object of settings; ${got}`);
  }
  try {
    checkNames(found, [...settingNames, 'apps'], 'setting');
  } catch (error) {
    throw error instanceof ConfigurationError ? new ConfigurationError(`${label}: ${error.message}`) : error;
  }
  const given: Readonly<Record<string, unknown>> = { ...found };
  const layer: Layer = new Map();
  for (const name of settingNames) {
    if (given[name] === undefined) continue;
    const value = readSetting(name, given[name], `${label}: ${name}`);
    layer.set(name, { value: fromDirectory(name, value, directory), where: label });
  }
  return { layer, apps: readApps(given.apps, label, directory) };
}

function readJson(file: string, label: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ConfigurationError(`cannot load ${label}: ${error instanceof Error ? error.message : shown(error)}`);
  }
}

async function readModule(file: string, label: string, directory: string, time: number): Promise<unknown> {
  return lookUp(await importHere(file, label, directory, time), 'default');
}

/**
 * As `importModule`, of a file that may end this process, or wait for what never comes, which ends it as well (L-18).
 */
async function importHere(file: string, label: string, directory: string, time: number): Promise<Exports> {
  const ended = (): void => {
    const text = `quaich: cannot load ${label}: it ended the process, or its top-level await never settles\n`;
    writeFully(2, Buffer.from(text));
    process.exitCode = MISCONFIGURED;
  };
  process.on('exit', ended);
  try {
    return await importModule(file, label, directory, time);
  } finally {
    process.off('exit', ended);
  }
}

function readApps(given: unknown, label: string, directory: string): AppOptions[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : given === undefined ? [] : [given];
  return list.map((item, index) => {
    if (typeof item !== 'string') checkApp(item, `${label}: apps[${index}]`);
    const app = typeof item === 'string' ? parseApplication(item) : item;
    return { ...app, module: resolveModule(app.module, directory) };
  });
}
