import { ConfigurationError } from '../interface/errors.ts';
import { textToNative } from './native-strings.ts';
import { withoutFinalSlashes } from './trimmed.ts';

/**
 * A mount point as its owner writes it, as SCRIPT_NAME: `/app/` becomes `/app`, `/` becomes `''` (G-11), in bytes as paths
 * are (G-15).
 *
 * @throws ConfigurationError where it does not start with a slash
 */
export function nativePrefix(prefix: string): string {
  if (prefix !== '' && !prefix.startsWith('/')) {
    throw new ConfigurationError(`the prefix of a mount starts with "/", got ${JSON.stringify(prefix)}`);
  }
  return withoutFinalSlashes(textToNative(prefix));
}

/** Whether a decoded path lies behind a mount point, by whole segments (G-14). */
export function liesBehind(path: string, prefix: string): boolean {
  if (prefix === '') return true;
  return path.startsWith(prefix) && (path.length === prefix.length || path.charCodeAt(prefix.length) === 0x2f);
}

/** What is left of a decoded path behind a mount point (G-14); null where it lies elsewhere. */
export function behindPrefix(path: string, prefix: string): string | null {
  return liesBehind(path, prefix) ? path.slice(prefix.length) : null;
}
