/**
 * The places that a stack names, as V8 writes it. Each line is read in a time linear in its length, whatever is in it.
 */
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isOwnCode } from './own-files.ts';

export interface Position {
  /** Absolute path. */
  file: string;
  line: number;
  /** From 1; 0 where it is not known. */
  column: number;
}

const NUMBERS = /:(\d+):(\d+)$/;
const AT = /^\s*at (?:async )?/;
const PATH = /file:\/\/|[\\/]|[A-Za-z]:\\/y;

function isPathAt(text: string, start: number): boolean {
  PATH.lastIndex = start;
  return PATH.test(text);
}

/** A path as it is, or that of a `file:` URL; null for anything else. */
export function filePathOf(text: string): string | null {
  try {
    const file = text.startsWith('file:') ? fileURLToPath(text) : text;
    return isAbsolute(file) ? file : null;
  } catch {
    return null; // a URL that is no file of this machine
  }
}

/**
 * The position in a line such as `    at f (/a/b.js:3:7)` or `    at file:///a/b.js:3:7`; null where it names no file.
 */
export function framePosition(line: string): Position | null {
  const at = AT.exec(line);
  if (at === null) return null;
  const frame = line.endsWith(')') ? line.slice(0, -1) : line;
  const numbers = NUMBERS.exec(frame);
  if (numbers === null) return null;
  const place = frame.slice(0, numbers.index);
  let start = place.lastIndexOf('(') + 1;
  while (start > 0 && !isPathAt(place, start)) start = place.lastIndexOf('(', start - 2) + 1;
  if (start === 0) start = at[0].length;
  if (!isPathAt(place, start)) return null;
  const file = filePathOf(place.slice(start));
  return file === null ? null : { file, line: Number(numbers[1]), column: Number(numbers[2]) };
}

/** A report on an error without the frames of its stacks that are not in the code of its reader. */
export function withOwnFrames(report: string): string {
  return report
    .split('\n')
    .filter((line) => {
      if (!line.startsWith('    at ')) return true;
      const file = framePosition(line)?.file;
      return file !== undefined && !isOwnCode(file) && !/[\\/]node_modules[\\/]/.test(file);
    })
    .join('\n');
}

/** The text with the frames of this package and of what runs it set back, so that those of its reader stand out. */
export function dimFrames(text: string): string {
  return text.replace(/^ {4}at .*$/gm, (frame) => (isReaders(frame) ? frame : `\x1b[2m${frame}\x1b[22m`));
}

function isReaders(frame: string): boolean {
  if (frame.includes('node:') || frame.includes('/node_modules/piscina/')) return false;
  return !isOwnCode(framePosition(frame)?.file ?? '');
}

/** Dims frames where a terminal shows them (https://no-color.org). */
export function forDescriptor(descriptor: number, text: string): string {
  if (!text.includes('\n    at ') || process.env.NO_COLOR) return text;
  return process.getBuiltinModule('node:tty').isatty(descriptor) ? dimFrames(text) : text;
}
