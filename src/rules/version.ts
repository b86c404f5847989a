import { createRequire } from 'node:module';

/** Of the package, wherever this file was built to. */
export function version(): string {
  const found: unknown = createRequire(import.meta.url)('quaich/package.json');
  return String(typeof found === 'object' && found !== null && Reflect.get(found, 'version'));
}
