/** From a request path to the path of a file, as text and without touching the file system. */
import { join, relative, sep } from 'node:path';
import { latin1Encode } from '../../rules/native-strings.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** What Windows takes for a device, a stream of a file, or another spelling of a name. */
const WINDOWS_SPECIAL = /[<>:"|?*]|[. ]$|^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9]|lpt[0-9])(?:\.|$)/i;

export interface RequestedPath {
  /** Names below the root; none for the root itself. */
  segments: string[];
  /** The path ends in `/`: a directory is meant. */
  directory: boolean;
}

/**
 * The names in a PATH_INFO, which is decoded once already (G-15) and not decoded again: `%252e` is the name `%2e`.
 *
 * Null for whatever cannot be the plain name of a file: bytes that are no UTF-8, control characters and NUL, a
 * backslash, empty segments, `.` and `..`, and hidden names unless `dotfiles` allows them.
 */
export function requestedPath(pathInfo: string, dotfiles: boolean): RequestedPath | null {
  let text: string;
  try {
    text = decoder.decode(latin1Encode(pathInfo));
  } catch {
    return null;
  }
  if (text === '') return { segments: [], directory: false };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (!text.startsWith('/') || /[\0-\x1f\x7f\\]/.test(text)) return null;
  const segments = text.slice(1).split('/');
  const directory = segments[segments.length - 1] === '';
  if (directory) segments.pop();
  const isPlain = segments.every((name, index) => isPlainName(name) && (dotfiles || !isHidden(name, index)));
  return isPlain ? { segments, directory } : null;
}

/** Names with a leading dot, but for the one at the root that is there to be found (RFC 8615). */
function isHidden(name: string, index: number): boolean {
  return name.startsWith('.') && !(index === 0 && name === '.well-known');
}

function isPlainName(name: string): boolean {
  if (name === '' || name === '.' || name === '..') return false;
  return sep === '/' || !WINDOWS_SPECIAL.test(name);
}

export function filePath(root: string, segments: readonly string[]): string {
  return join(root, ...segments);
}

/**
 * Whether the real path of a file may be served: below the root, wherever symbolic links led; without a hidden name on
 * the way; and spelled as it was asked for. A file system that ignores case would else serve a file under names that
 * rules about paths do not cover.
 *
 * @param asked the path before symbolic links were followed
 */
export function isServable(root: string, asked: string, real: string, dotfiles: boolean): boolean {
  if (real !== root && !real.startsWith(root.endsWith(sep) ? root : root + sep)) return false;
  if (real !== asked && real.toLowerCase() === asked.toLowerCase()) return false;
  return (
    dotfiles ||
    !relative(root, real)
      .split(sep)
      .some((name, index) => isHidden(name, index))
  );
}
