/** What `npm install` does in a folder, of packages that are there already: this build is the package `quaich`. */
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from '../docs/samples.ts';

/** Commands of packages, and where they lie. */
const COMMANDS: Readonly<Record<string, readonly [name: string, path: string]>> = {
  quaich: ['quaich', 'dist/src/cli/main.js'],
  typescript: ['tsc', 'node_modules/typescript/bin/tsc'],
};

export function install(folder: string, packages: readonly string[]): void {
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
  for (const name of packages) {
    const place = join(folder, 'node_modules', name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(name === 'quaich' ? root : join(root, 'node_modules', name), place);
    if (!Object.hasOwn(COMMANDS, name)) continue;
    const [command, path] = COMMANDS[name];
    chmodSync(join(root, path), 0o755);
    symlinkSync(join(root, path), join(folder, 'node_modules/.bin', command));
  }
}

/** The environment without what would make a test runner there one of these tests. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:NODE_|VITEST|QUAICH_)/.test(name)));
}
