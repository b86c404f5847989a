// @ts-check
/**
 * Where the examples keep their files: EXAMPLES_DATA, or else a directory of this user's own among the temporary files.
 */
import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Makes the directory if needed and returns its path.
 *
 * @throws {Error} when somebody else owns it: the directory of temporary files is open to every user of the machine
 */
export function dataDirectory() {
  const uid = process.getuid?.();
  const directory = process.env.EXAMPLES_DATA || join(tmpdir(), `quaich-examples-${uid ?? 'data'}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const stat = lstatSync(directory);
  if (!process.env.EXAMPLES_DATA && (!stat.isDirectory() || (uid !== undefined && stat.uid !== uid))) {
    throw new Error(`${directory} belongs to somebody else: set EXAMPLES_DATA to a directory of your own`);
  }
  return directory;
}
