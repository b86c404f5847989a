/** What is told of applications that do not load. */
import { ConfigurationError, QuaichError } from '../../interface/errors.ts';
import { isOwnCode } from '../../rules/own-files.ts';
import { describeError } from '../../rules/show.ts';
import { sourceExcerpt } from '../../rules/source-excerpt.ts';
import { filePathOf, framePosition, type Position } from '../../rules/stack-frame.ts';

/** Plain data: it travels to the application that shows it. */
export interface LoadFailure {
  /** The error in words, its stack behind it where it is not one of configuration. */
  readonly message: string;
  /** The lines of source where it is; `''` where that is not known. */
  readonly source: string;
}

/** What ends a path: `/a/b.js:3:7`. */
const NUMBERS = /:(\d{1,9})(?::(\d{1,9}))?(?!\d)/g;
/** What stands before one: in messages of ours, in those of compilers, on a line of its own. */
const LEADS = [' (at ', ': ', '\n'];
/** Positions that are looked at. */
const MOST_PLACES = 50;

/** Whether an error says that modules do not load or do not start up, which other code may mend. */
export function isLoadError(error: unknown): error is QuaichError {
  if (!(error instanceof QuaichError)) return false;
  // One that has left threads behind, inside native code, keeps no other code from being loaded.
  if (error.code === 'QUAICH_STUCK') return isLoadError(error.cause);
  return error instanceof ConfigurationError || error.code === 'QUAICH_STARTUP';
}

export function loadFailure(error: unknown): LoadFailure {
  const message = error instanceof QuaichError ? error.message : describeError(error);
  const position = positionIn(message);
  return { message, source: (position && sourceExcerpt(position)) ?? '' };
}

/** The first position in somebody's own code. */
function positionIn(message: string): Position | null {
  const frames = message.split('\n').map(framePosition);
  const isOwn = ({ file }: Position): boolean => !isOwnCode(file) && !/[\\/]node_modules[\\/]/.test(file);
  return [...frames, ...named(message)].find((position) => position !== null && isOwn(position)) ?? null;
}

/** Positions that are no frames of a stack. */
function named(message: string): (Position | null)[] {
  const places = [...message.matchAll(NUMBERS)].slice(0, MOST_PLACES);
  return places.map(({ index, 1: line, 2: column = '0' }) => {
    const before = message.slice(0, index);
    const starts = LEADS.filter((lead) => before.includes(lead)).map((lead) => before.lastIndexOf(lead) + lead.length);
    const file = filePathOf(before.slice(Math.max(0, ...starts)));
    return file === null ? null : { file, line: Number(line), column: Number(column) };
  });
}
