/** Why Node reads a file as an ES module or as CommonJS, for messages about code of the other kind. */
import { readFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { property } from '../rules/property.ts';
import { isFile } from './find-module.ts';

/** What CommonJS says of the syntax of ES modules. */
const MODULE_SYNTAX =
  /^Cannot use import statement outside a module|^Cannot use 'import\.meta' outside a module|^Unexpected token 'export'/;
/** What ES modules lack. */
const COMMONJS_NAME = /^(?:require|module|exports|__filename|__dirname) is not defined/;

/** What to do where the code of a file is of one kind and Node reads it as the other; null for any other message. */
export function wrongSystem(message: string, file: string): string | null {
  if (MODULE_SYNTAX.test(message)) {
    const { reason, manifest } = readAs(file, 'CommonJS');
    const or = manifest === null ? '' : `, or set "type": "module" in ${manifest}`;
    return `it was read as CommonJS ${reason}: name it ${renamed(file, 'm')}${or}`;
  }
  if (!COMMONJS_NAME.test(message)) return null;
  return `it was read as an ES module ${readAs(file, 'module').reason}: name it ${renamed(file, 'c')}, or write import and export`;
}

/** `site.js` becomes `site.mjs`. */
function renamed(file: string, letter: 'm' | 'c'): string {
  const ending = extname(file);
  return `${basename(file, ending)}.${letter}${/ts/.test(ending) ? 'ts' : 'js'}`;
}

/** The reason, and the package.json that could say otherwise. */
function readAs(file: string, system: 'CommonJS' | 'module'): { reason: string; manifest: string | null } {
  const ending = extname(file);
  if (/^\.[cm]/.test(ending)) return { reason: `by its name, ${ending}`, manifest: null };
  const manifest = nearestManifest(dirname(file));
  if (manifest === null) return { reason: 'since no package.json says otherwise', manifest };
  const type = typeOf(manifest);
  if (type === system.toLowerCase()) return { reason: `by "type": "${type}" of ${manifest}`, manifest };
  return { reason: system === 'module' ? 'since it has import or export' : `by ${manifest}`, manifest };
}

function nearestManifest(directory: string): string | null {
  for (let folder = directory; ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (isFile(manifest)) return manifest;
    if (folder === dirname(folder)) return null;
  }
}

function typeOf(manifest: string): unknown {
  try {
    return property(JSON.parse(readFileSync(manifest, 'utf8')), 'type');
  } catch {
    return undefined;
  }
}
