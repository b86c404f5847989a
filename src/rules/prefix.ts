/** Where applications are mounted in the path space. */
import { ConfigurationError } from '../interface/errors.ts';
import { nativeToText, textToNative } from './native-strings.ts';
import { withoutFinalSlashes } from './trimmed.ts';

const NOT_IN_PREFIX = /[?#]|\p{Cc}|\/\//u;

/**
 * A mount point as its owner writes it, as SCRIPT_NAME: `/app/` becomes `/app`, `/` becomes `''` (G-11), in bytes as
 * paths are (G-15).
 *
 * @throws ConfigurationError for one that no path can begin with
 */
export function nativePrefix(prefix: string): string {
  const bare = withoutFinalSlashes(prefix);
  if (bare === '') return '';
  if (!bare.startsWith('/')) throw new ConfigurationError(`prefix "${prefix}": a prefix begins with "/"`);
  if (NOT_IN_PREFIX.test(bare)) {
    throw new ConfigurationError(
      `prefix ${JSON.stringify(prefix)}: expected a path, without query, fragment, "//" and control characters`,
    );
  }
  return textToNative(bare);
}

/** A prefix as its owner may have written it, for messages: `/blog`; `/` for the root. */
export function prefixText(prefix: string): string {
  return nativeToText(prefix) || '/';
}

/** @throws ConfigurationError where two of these native prefixes are the same */
export function assertDistinct(prefixes: readonly string[]): void {
  const twice = prefixes.find((prefix, index) => prefixes.indexOf(prefix) < index);
  if (twice !== undefined) throw new ConfigurationError(`two applications are mounted at "${prefixText(twice)}"`);
}

/** Whether a decoded path lies at a mount point or below it, by whole segments (G-14). */
export function isBelow(path: string, prefix: string): boolean {
  if (prefix === '') return true;
  return path.startsWith(prefix) && (path.length === prefix.length || path.charCodeAt(prefix.length) === 0x2f);
}

/** What is left of a decoded path behind a mount point; null where it lies elsewhere. */
export function behindPrefix(path: string, prefix: string): string | null {
  return isBelow(path, prefix) ? path.slice(prefix.length) : null;
}
