/** Lines of a source file around a position, for those who develop. */
import { readFileSync, statSync } from 'node:fs';
import type { Position } from './stack-frame.ts';

/** Lines shown before and after the one in question. */
const CONTEXT = 5;
/** Bytes of the largest source file that is looked at. */
const LARGEST_SOURCE = 2 ** 20;
/** Characters of a line. */
const LONGEST_LINE = 400;

/**
 * The position, and the lines around it with a mark at theirs; null where the file cannot be read or has no such line.
 */
export function sourceExcerpt({ file, line, column }: Position): string | null {
  const source = readSource(file);
  if (source === null || line > source.length) return null;
  const first = Math.max(1, line - CONTEXT);
  const lines: string[] = [];
  for (const [index, content] of source.slice(first - 1, line + CONTEXT).entries()) {
    const number = first + index;
    lines.push(`${number === line ? '>' : ' '} ${String(number).padStart(5)} | ${content.slice(0, LONGEST_LINE)}`);
    if (number !== line || column === 0 || column > LONGEST_LINE) continue;
    // Tabs stay what they are, so that the mark stands below its character.
    lines.push(`        | ${content.slice(0, column - 1).replace(/[^\t]/g, ' ')}^`);
  }
  return `${file}:${line}${column === 0 ? '' : `:${column}`}\n\n${lines.join('\n')}\n`;
}

function readSource(file: string): string[] | null {
  try {
    const stat = statSync(file);
    if (!stat.isFile() || stat.size > LARGEST_SOURCE) return null;
    return readFileSync(file, 'utf8').split(/\r?\n/);
  } catch {
    return null;
  }
}
