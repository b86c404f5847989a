/** Where a syntax error of an ES module is, which V8 keeps to itself: `node --check` prints it, and runs nothing. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { EXTENSIONS, isFile } from './find-module.ts';

/** What a module imports from its own project. */
const RELATIVE = /\b(?:from|import)[\s(]{0,20}['"](\.{1,2}\/[^'"\n]{1,500})['"]/g;
const MOST_MODULES = 1000;
/** Files that are tried, each with a process. */
const MOST_CHECKED = 10;

/**
 * What Node says of the first file with a syntax error, among a module and those that it imports; undefined where it
 * finds none. The last one that was saved is the likeliest, and comes first.
 */
export function syntaxError(file: string): string | undefined {
  const byAge = modulesOf(file).map((one) => ({ one, saved: statSync(one).mtimeMs }));
  byAge.sort((a, b) => b.saved - a.saved);
  for (const { one } of byAge.slice(0, MOST_CHECKED)) {
    const output = check(one);
    if (output !== undefined) return output;
  }
  return undefined;
}

/** A module and what it imports by paths, as far as that can be read. */
function modulesOf(file: string): string[] {
  const found = new Set([file]);
  for (const one of found) {
    if (found.size >= MOST_MODULES) break;
    for (const [, path] of readFileSync(one, 'utf8').matchAll(RELATIVE)) {
      const target = fileOf(resolve(dirname(one), path));
      if (target !== undefined) found.add(target);
    }
  }
  return [...found];
}

/** The file as it is named, or one that TypeScript or a bundler would take for it. */
function fileOf(path: string): string | undefined {
  const stem = path.slice(0, path.length - extname(path).length);
  const paths = [path, ...EXTENSIONS.map((extension) => path + extension), `${stem}.ts`, `${stem}.tsx`];
  return paths.find((one) => EXTENSIONS.includes(extname(one)) && isFile(one));
}

function check(file: string): string | undefined {
  try {
    process.getBuiltinModule('node:child_process').execFileSync(process.execPath, ['--check', file], {
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
      timeout: 5000,
    });
  } catch (error) {
    const output: unknown = error instanceof Error ? Reflect.get(error, 'stderr') : undefined;
    if (typeof output === 'string' && /^SyntaxError/m.test(output)) return output;
  }
  return undefined;
}
