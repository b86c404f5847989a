/** Which directories of the host a Python application sees: each at its own path. */
import { lstatSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { EmscriptenFileSystem } from './pyodide.ts';

/** Those of the top that are Emscripten's own, or no directories of files. */
const OWN = /^(?:dev|proc|sys|lib\w*)$/;

/** @param roots directories; null: all there are */
export function mountDirectories(files: EmscriptenFileSystem, roots: readonly string[] | null): void {
  for (const root of outermost(roots ?? ['/'])) {
    if (root === '/') mountTop(files);
    else mount(files, root);
  }
}

function mount(files: EmscriptenFileSystem, path: string): void {
  files.mkdirTree(path);
  files.mount(files.filesystems.NODEFS, { root: path }, path);
}

function mountTop(files: EmscriptenFileSystem): void {
  for (const name of readdirSync('/')) {
    const path = join('/', name);
    if (OWN.test(name)) continue;
    const stat = lstatSync(path);
    if (stat.isDirectory()) mount(files, path);
    else if (stat.isSymbolicLink() && !files.analyzePath(path).exists) files.symlink(readlinkSync(path), path);
  }
}

/** Those that are there, and not below another; links are followed. */
function outermost(paths: readonly string[]): string[] {
  const there = paths.filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory());
  const real = [...new Set(there.map((path) => realpathSync(path)))];
  return real.filter((path) => !real.some((other) => other !== path && path.startsWith(join(other, '/'))));
}
