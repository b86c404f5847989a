import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { property } from './property.ts';

const MANIFEST = 'quaich/package.json';

/** The package.json of this package, wherever this file was built to. */
export function packageManifest(): unknown {
  return createRequire(import.meta.url)(MANIFEST);
}

let folder: string | undefined;

/** The folder that it lies in. */
export function packageFolder(): string {
  folder ??= dirname(createRequire(import.meta.url).resolve(MANIFEST));
  return folder;
}

/** Of this package. */
export function version(): string {
  return String(property(packageManifest(), 'version'));
}
