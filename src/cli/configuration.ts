import { ConfigurationError } from '../interface/errors.ts';
import { mostMemory, requestLayout } from '../server/memory.ts';
import { resolveOptions, type ServeOptions, settingNames, settings } from '../server/options.ts';
import type { Arguments } from './arguments.ts';
import { findConfigFile, readConfigFile } from './config-file.ts';
import { findEntry, PLACES } from './entry.ts';
import { type Environment, readEnvironment } from './environment.ts';

/** The settings of all sources put together. */
export interface Configuration {
  options: ServeOptions;
  /** The origin of each setting, and of `apps`, that is not at its default. */
  origins: Map<string, string>;
  warnings: string[];
}

/**
 * Merges the sources: flags go before the environment, that before the configuration file, that before what platforms
 * say, and that before the defaults. Applications are not merged: the first source that names any names all. Where none
 * does, the usual entry is taken.
 *
 * @param time how often this was done before in this process
 * @throws ConfigurationError
 */
export async function configure(
  args: Arguments,
  env: Environment,
  directory: string,
  time = 0,
): Promise<Configuration> {
  const variables = readEnvironment(env);
  const file = findConfigFile(args.config ?? variables.config, directory);
  const fromFile = file === undefined ? { layer: new Map(), apps: [] } : await readConfigFile(file, time);
  const values: Record<string, unknown> = {};
  const origins = new Map<string, string>();
  for (const name of settingNames) {
    const layers = [args.layer, variables.layer, fromFile.layer, variables.platform];
    const found = layers.find((layer) => layer.has(name))?.get(name);
    if (found === undefined) continue;
    values[name] = found.value;
    origins.set(name, found.where);
  }
  const sources = [
    ['the command line', args.apps],
    ['QUAICH_APPS', variables.apps],
    [file ?? '', fromFile.apps],
  ] as const;
  const [origin, apps] = sources.find(([, list]) => list.length > 0) ?? usualEntry(directory);
  if (apps.length > 0) origins.set('apps', origin);
  const options: ServeOptions = { apps, directory };
  return { options: Object.assign(options, values), origins, warnings: variables.warnings };
}

/** @throws ConfigurationError where no application was named, and none was found */
export function assertApplication({ origins }: Configuration): void {
  if (origins.has('apps')) return;
  throw new ConfigurationError(
    `no application: give [PREFIX=]MODULE[:EXPORT], for example ./site.js; looked for in ${PLACES}; see --help`,
  );
}

function usualEntry(directory: string): readonly [origin: string, apps: readonly string[]] {
  const entry = findEntry(directory);
  return entry === null ? ['', []] : [entry.origin, [entry.module]];
}

/**
 * The whole configuration as the text of a configuration file, each line with the origin of its value.
 *
 * @throws ConfigurationError when the settings do not fit each other
 */
export function printConfiguration({ options, origins }: Configuration): string {
  const lines = ['export default {'];
  const apps = origins.has('apps') ? [options.apps].flat() : [];
  const resolved = resolveOptions(apps.length > 0 ? options : { ...options, apps: 'none' });
  const own = resolved.apps.filter(({ workers }) => workers !== undefined).length;
  const memory = mostMemory(requestLayout(resolved, 1, 0)).all * (own + Number(own < resolved.apps.length));
  lines.push(`  // Requests in progress take ${inMegabytes(memory)} of memory at most.`);
  if (apps.length > 0) {
    lines.push(`  // ${origins.get('apps')}`, '  apps: [');
    for (const app of apps) lines.push(`    ${JSON.stringify(app)},`);
    lines.push('  ],');
  }
  for (const name of settingNames) {
    const implied = name === 'accessLog' && resolved.accessLog && !origins.has(name);
    const value: unknown = implied || (options[name] ?? settings[name].default);
    if (value === undefined) continue;
    const origin = implied ? 'the access log is set up below' : (origins.get(name) ?? 'default');
    lines.push(`  ${name}: ${literal(value, settings[name].show(value))}, // ${origin}`);
  }
  return `${[...lines, '};'].join('\n')}\n`;
}

/** `1213 MiB` */
export function inMegabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 ** 2)} MiB`;
}

function literal(value: unknown, written: string): string {
  return typeof value === 'number' && written !== String(value) ? JSON.stringify(written) : JSON.stringify(value);
}
