import { isAbsolute, relative } from 'node:path';
import type { ServedApplication } from '../server/index.ts';

/**
 * A line for each application, in columns: `/api  ./api.js:api  koa application · 3 async workers`.
 *
 * @param directory modules in it are shown by their paths from there
 */
export function mountTable(applications: readonly ServedApplication[], directory: string): string {
  const rows = applications.map((one) => [one.prefix, moduleOf(one, directory), `${one.what} · ${one.where}`]);
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map(([prefix, module, what]) => `${prefix.padEnd(widths[0])}  ${module.padEnd(widths[1])}  ${what}\n`).join('');
}

/** As it would be written on the command line; the export where it is none of those that go without saying. */
function moduleOf({ module, export: name }: ServedApplication, directory: string): string {
  const path = isAbsolute(module) ? relative(directory, module) : '..';
  const shown = path.startsWith('..') ? module : `./${path}`;
  return name === null || /^(?:application|app|default|fetch)$/.test(name) ? shown : `${shown}:${name}`;
}
