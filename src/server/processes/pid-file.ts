/**
 * The file with the id of this process (`--pid-file`). It is there from when requests are answered until the stop is
 * over.
 */
import { accessSync, constants, lstatSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ConfigurationError } from '../../interface/errors.ts';
import { nothing } from '../../rules/promises.ts';

export interface PidFile {
  /** @throws ConfigurationError where another process has been faster, or the file cannot be made */
  write(): void;
  /** Removes what was written, unless it has become somebody else's. Never throws. */
  remove(): void;
}

export const noPidFile: PidFile = { write: nothing, remove: nothing };

/** Access rights, before the umask. */
const MODE = 0o644;
/** Bytes of the longest id, with the end of its line. */
const LONGEST = 24;

/**
 * Sees to it that a file for the id of this process can be written later.
 *
 * @throws ConfigurationError where a living process has it, where it is anything else than such a file, and where its
 *   folder cannot be written to
 */
export function claimPidFile(path: string | undefined): PidFile {
  if (path === undefined) return noPidFile;
  assertFree(path);
  attempt(path, () => accessSync(dirname(path), constants.W_OK));
  return {
    write() {
      if (assertFree(path) !== null) attempt(path, () => unlinkSync(path));
      attempt(path, () => writeFileSync(path, `${process.pid}\n`, { flag: 'wx', mode: MODE }));
    },
    remove() {
      try {
        if (readId(path) === process.pid) unlinkSync(path);
      } catch {
        // What stays there names a process that has ended.
      }
    },
  };
}

/** What stands there of a process that has ended: its id, or NaN where it had not come that far; null: no file. */
function assertFree(path: string): number | null {
  const id = attempt(path, () => readId(path));
  // The first process of a container finds its own id of the time before.
  if (id === null || Number.isNaN(id) || id === process.pid || !isAlive(id)) return id;
  throw new ConfigurationError(`pidFile: ${path} is that of process ${id}, which is alive`);
}

/** @throws ConfigurationError for what is no such file: it is left alone */
function readId(path: string): number | null {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return null;
  const text = found.isFile() && found.size <= LONGEST ? readFileSync(path, 'latin1').trim() : 'none';
  if (/^(?:[1-9]\d{0,9})?$/.test(text)) return text === '' ? Number.NaN : Number(text);
  throw new ConfigurationError(`pidFile: ${path} exists, and does not hold the id of a process`);
}

function isAlive(id: number): boolean {
  try {
    return process.kill(id, 0);
  } catch (error) {
    // Others have one whose process may not be sent signals.
    return error instanceof Error && Reflect.get(error, 'code') === 'EPERM';
  }
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError(`pidFile: ${path} cannot be written: ${reason}`, { cause: error });
  }
}
