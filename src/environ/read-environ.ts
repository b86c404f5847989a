import { readFileSync } from 'node:fs';
import { latin1Decode, textToNative } from '../rules/native-strings.ts';

/** Variables that come from the request (U-34). */
const OF_REQUEST =
  /^(?:REDIRECT_)*(?:SCRIPT_NAME|PATH_INFO|QUERY_STRING|REQUEST_METHOD|AUTH_TYPE|CONTENT_TYPE|CONTENT_LENGTH|HTTPS|REMOTE_USER|REMOTE_IDENT|HTTP_.*|SSL_.*)$/s;

export interface ReadEnvironOptions {
  /** The environment; that of the process by default. */
  env?: Readonly<Record<string, string | undefined>>;
  /** As `process.platform`. */
  platform?: NodeJS.Platform;
}

/**
 * A copy of the process environment, in which the variables of the request are native strings (U-34). Others, such as
 * `PATH`, stay text. A CGI gateway makes its environ of it; copy once, `process.env` is slow.
 *
 * Node reads the environment as UTF-8 and loses bytes that are none. Where that has happened and the system tells
 * (`/proc/self/environ`, on Linux), the bytes are taken from there (G-170). On Windows, where the environment is text,
 * the variables of Apache hold a unit for each byte already.
 */
export function readEnviron(options: ReadEnvironOptions = {}): Record<string, string> {
  const env = options.env ?? process.env;
  const unchanged = (options.platform ?? process.platform) === 'win32' && /^apache\//i.test(env.SERVER_SOFTWARE ?? '');
  const environ: Record<string, string> = Object.create(null);
  let lossy = false;
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    environ[name] = OF_REQUEST.test(name) && !unchanged ? textToNative(value) : value;
    lossy ||= value.includes('\ufffd');
  }
  if (lossy && options.env === undefined) restoreBytes(environ, process.env);
  return environ;
}

/** Puts back the bytes that were lost, of variables that have not been changed since the start of the process. */
function restoreBytes(environ: Record<string, string>, env: NodeJS.ProcessEnv): void {
  let block: Buffer;
  try {
    block = readFileSync('/proc/self/environ');
  } catch {
    return; // not Linux, or not allowed
  }
  for (const pair of latin1Decode(block).split('\0')) {
    const equals = pair.indexOf('=');
    const name = pair.slice(0, equals);
    const value = pair.slice(equals + 1);
    if (equals > 0 && OF_REQUEST.test(name) && Buffer.from(value, 'latin1').toString('utf8') === env[name]) {
      environ[name] = value;
    }
  }
}
