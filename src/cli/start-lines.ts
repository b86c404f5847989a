/** What the command prints once requests can be answered. */
import { isAbsolute, relative } from 'node:path';
import type { ServedApplication } from '../server/index.ts';
import type { ServeOptions } from '../server/options.ts';

interface Started {
  readonly urls: readonly string[];
  readonly applications?: readonly ServedApplication[];
}

/**
 * A line for each application, in columns, unless the level hides messages of the level info, and one for each address;
 * as objects where the access log has objects.
 */
export function startLines({ urls, applications = [] }: Started, options: ServeOptions, directory: string): string {
  const { logLevel = 'info', accessLog = true, accessLogFormat } = options;
  const mounts = logLevel === 'info' || logLevel === 'debug' ? applications : [];
  const lines =
    accessLog && accessLogFormat === 'json'
      ? jsonLines(urls, mounts)
      : [...mountTable(mounts, directory), ...urls.map((url) => `listening on ${url}`)];
  return lines.map((line) => `${line}\n`).join('');
}

/** A line for each application, in columns. */
export function mountTable(applications: readonly ServedApplication[], directory: string): string[] {
  const rows = applications.map((one) => [one.prefix, moduleOf(one, directory), `${one.what} · ${one.where}`]);
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map(([prefix, module, what]) => `${prefix.padEnd(widths[0])}  ${module.padEnd(widths[1])}  ${what}`);
}

/** As it would be written on the command line; the export where it is none of those that go without saying. */
function moduleOf({ module, export: name }: ServedApplication, directory: string): string {
  const path = isAbsolute(module) ? relative(directory, module) : '..';
  const shown = path.startsWith('..') ? module : `./${path}`;
  return name === null || /^(?:application|app|default|fetch)$/.test(name) ? shown : `${shown}:${name}`;
}

/** Objects as pino writes them, as in the access log. */
function jsonLines(urls: readonly string[], applications: readonly ServedApplication[]): string[] {
  const common = { level: 30, time: Date.now() };
  return [
    ...applications.map((one) => ({ ...common, msg: 'mounted', ...one })),
    ...urls.map((url) => ({ ...common, msg: 'listening', url })),
  ].map((line) => JSON.stringify(line));
}
