/**
 * File operations that run blocking or awaited, so that the way to a file is written once: a generator yields steps, one
 * of the two drivers runs them.
 */
import {
  close,
  closeSync,
  constants,
  fstat,
  fstatSync,
  open,
  openSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { readlink, realpath, stat } from 'node:fs/promises';
import { promisify } from 'node:util';

/** One operation; `null` is its result where there is no such file, or none that may be read. */
class Step<T> {
  readonly #blocking: () => T;
  readonly #promised: () => Promise<T>;
  #outcome: { value: T | null } | null = null;

  constructor(blocking: () => T, promised: () => Promise<T>) {
    this.#blocking = blocking;
    this.#promised = promised;
  }

  run(): void {
    try {
      this.#outcome = { value: this.#blocking() };
    } catch (error) {
      this.#fail(error);
    }
  }

  async start(): Promise<void> {
    try {
      this.#outcome = { value: await this.#promised() };
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (!isMissing(error)) throw error;
    this.#outcome = { value: null };
  }

  get value(): T | null {
    if (this.#outcome === null) throw new Error('the step was not run');
    return this.#outcome.value;
  }
}

const MISSING = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EACCES', 'EPERM', 'EINVAL']);

function isMissing(error: unknown): boolean {
  return error instanceof Error && MISSING.has(String(Reflect.get(error, 'code')));
}

export type Steps<T> = Generator<Step<unknown>, T, void>;

function* perform<T>(step: Step<T>): Steps<T | null> {
  yield step;
  return step.value;
}

export function runSteps<T>(steps: Steps<T>): T {
  for (;;) {
    const turn = steps.next();
    if (turn.done === true) return turn.value;
    turn.value.run();
  }
}

export async function awaitSteps<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const turn = steps.next();
    if (turn.done === true) return turn.value;
    await turn.value.start();
  }
}

/** The path without symbolic links, in the spelling of the directories. */
export function realPath(path: string): Steps<string | null> {
  return perform(
    new Step(
      () => realpathSync.native(path),
      () => realpath(path),
    ),
  );
}

export function statOf(path: string): Steps<Stats | null> {
  return perform(
    new Step(
      () => statSync(path),
      () => stat(path),
    ),
  );
}

function linkAt(path: string): Steps<string | null> {
  return perform(
    new Step(
      () => readlinkSync(path),
      () => readlink(path),
    ),
  );
}

export interface OpenedFile {
  descriptor: number;
  stat: Stats;
}

/** Not through a link that took the place of the file meanwhile, and without waiting for the writer of a pipe. */
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

const openAsync = promisify(open);
const fstatAsync = promisify(fstat);
export const closeAsync = promisify(close);

/** Opens a regular file; null for anything else. The descriptor is the caller's to close. */
export function openRegular(path: string): Steps<OpenedFile | null> {
  return perform(
    new Step(
      () => {
        const descriptor = openSync(path, FLAGS);
        try {
          const found = fstatSync(descriptor);
          if (found.isFile()) return { descriptor, stat: found };
        } catch (error) {
          closeSync(descriptor);
          throw error;
        }
        closeSync(descriptor);
        return null;
      },
      async () => {
        const descriptor = await openAsync(path, FLAGS);
        try {
          const found = await fstatAsync(descriptor);
          if (found.isFile()) return { descriptor, stat: found };
        } catch (error) {
          await closeAsync(descriptor);
          throw error;
        }
        await closeAsync(descriptor);
        return null;
      },
    ),
  );
}

/** What Linux adds to the name of a file that was replaced meanwhile. */
const DELETED = ' (deleted)';

/**
 * Where an open file lies. Directories on the way to it may have been exchanged for links between the moment in which its
 * path was looked at and that in which it was opened. Linux tells the path of a descriptor; elsewhere the path is looked at
 * once more, and has to lead to the same file.
 */
export function* openedPath({ descriptor, stat: opened }: OpenedFile, path: string): Steps<string | null> {
  const link = process.platform === 'linux' ? yield* linkAt(`/proc/self/fd/${descriptor}`) : null;
  if (link !== null) return link.endsWith(DELETED) && link !== path ? link.slice(0, -DELETED.length) : link;
  const real = yield* realPath(path);
  const found = real === null ? null : yield* statOf(real);
  return found !== null && found.dev === opened.dev && found.ino === opened.ino ? real : null;
}
