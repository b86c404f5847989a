/** What a module threw while it was loaded, for messages. */
import { QuaichError } from '../interface/errors.ts';
import { isOwnCode } from '../rules/own-files.ts';
import { shown } from '../rules/show.ts';
import { filePathOf, framePosition } from '../rules/stack-frame.ts';
import { wrongSystem } from './module-system.ts';
import { syntaxError } from './syntax-position.ts';

/** The error of a module in one line, with its position where that can be found out. */
export function explain(error: unknown, file: string): string {
  try {
    return explained(error, file);
  } catch {
    return 'it threw something that cannot be shown'; // a getter or a trap that throws
  }
}

function explained(error: unknown, file: string): string {
  if (error instanceof QuaichError) return error.message;
  if (!(error instanceof Error)) return `it threw ${shown(error)}`;
  const [line, detail] = error.message.split('\n', 2);
  const code: unknown = Reflect.get(error, 'code');
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return line;
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /"\.[cm]?tsx?"/.test(line)) {
    return `${line}; start Node with "--import tsx", or use Node 22.18 or later`;
  }
  if (detail && line.endsWith(':')) return `${line} ${detail.trim()}`; // esbuild: the position is in the message
  const position =
    frame(error.stack ?? '') ?? (error.name === 'SyntaxError' ? frame(syntaxError(file) ?? '') : undefined);
  const wrong = wrongSystem(line, position?.replace(/(?::\d+){1,2}$/, '') ?? file);
  return `${error.name}: ${line}${position ? ` (at ${position})` : ''}${wrong === null ? '' : `; ${wrong}`}`;
}

/** The first frame in somebody's own code, else the first that is a file at all. */
function frame(stack: string): string | undefined {
  const lines = stack.split('\n');
  // Node puts the position of a syntax error on a line of its own before the error.
  const [place] = lines;
  const number = /:\d+$/.exec(place);
  const decorated = number === null ? null : filePathOf(place.slice(0, number.index));
  if (number !== null && decorated !== null) return decorated + number[0];
  const frames = lines
    .map(framePosition)
    .filter((found) => found !== null)
    .filter(({ file }) => !isOwnCode(file))
    .map(({ file, line, column }) => `${file}:${line}:${column}`);
  return frames.find((found) => !/[\\/]node_modules[\\/]/.test(found)) ?? frames[0];
}
