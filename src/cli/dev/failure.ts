/** What is told of applications that do not load. */
import { dirname } from 'node:path';
import { ConfigurationError, QuaichError } from '../../interface/errors.ts';
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

/** The code of this package. */
const OWN = dirname(dirname(import.meta.dirname));
/** `(at /a/b.js:3:7)`, as messages of ours have it, or `/a/b.ts:3:7: ERROR` of a compiler. */
const PLACE = /(?:^|[\s(])((?:file:\/\/)?(?:\/|[A-Za-z]:[\\/])[^:()\n]{1,1000}):(\d{1,9})(?::(\d{1,9}))?/g;

/** Whether an error says that modules do not load or do not start up, which other code may mend. */
export function isLoadError(error: unknown): error is QuaichError {
  return error instanceof ConfigurationError || (error instanceof QuaichError && error.code === 'QUAICH_STARTUP');
}

export function loadFailure(error: unknown): LoadFailure {
  const message = error instanceof QuaichError ? error.message : describeError(error);
  const position = positionIn(message);
  return { message, source: (position && sourceExcerpt(position)) ?? '' };
}

/** The first position in somebody's own code. */
function positionIn(message: string): Position | null {
  const frames = message
    .split('\n')
    .map(framePosition)
    .filter((position) => position !== null);
  const named = [...message.matchAll(PLACE)].map(([, path, line, column = '0']) => {
    const file = filePathOf(path);
    return file === null ? null : { file, line: Number(line), column: Number(column) };
  });
  const isOwn = ({ file }: Position): boolean => !file.startsWith(OWN) && !/[\\/]node_modules[\\/]/.test(file);
  return [...frames, ...named].find((position) => position !== null && isOwn(position)) ?? null;
}
