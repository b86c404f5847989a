/** What the command says once requests can be answered. */
import { isAbsolute, relative } from 'node:path';
import type { ServedApplication } from '../server/index.ts';
import type { ServeOptions } from '../server/options.ts';

interface Started {
  readonly urls: readonly string[];
  readonly statusUrl?: string | null;
  readonly applications?: readonly ServedApplication[];
}

/** A text, and what an object has in its place. */
type StartLine = readonly [text: string, fields: Readonly<Record<string, unknown>>];

/**
 * A line for each application, in columns, unless the level hides messages of the level info, and one for each address.
 */
export function startLines(
  { urls, statusUrl, applications = [] }: Started,
  { logLevel = 'info' }: ServeOptions,
  directory: string,
): StartLine[] {
  const mounts = logLevel === 'info' || logLevel === 'debug' ? applications : [];
  const table = mountTable(mounts, directory);
  return [
    ...mounts.map((one, index): StartLine => [table[index], { msg: 'mounted', ...one }]),
    ...urls.map((url): StartLine => [`listening on ${url}`, { msg: 'listening', url }]),
    ...[statusUrl ?? []].flat().map((url): StartLine => [`status on ${url}`, { msg: 'status', url }]),
  ];
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
