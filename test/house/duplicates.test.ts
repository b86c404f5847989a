/** No ten lines stand twice in src; comments, imports and white space do not count. */
import { describe, expect, it } from 'vitest';
import { type Exceptions, FINE, judged } from './exceptions.ts';
import { filesOf, type Source, sourceOf } from './sources.ts';

/** By the two files and the first line of the run. */
const TWICE: Exceptions = {};

const LINES = 10;

/** The lines of a file that count. */
function code({ text, comments }: Source): string[] {
  let bare = '';
  let from = 0;
  for (const { start, end } of comments) {
    bare += text.slice(from, start);
    from = end;
  }
  return (bare + text.slice(from))
    .replace(/^import [^;]*;$/gm, '')
    .split('\n')
    .map((line) => line.trim().replaceAll(/\s+/g, ' '))
    .filter((line) => line !== '');
}

/** `file ~ file: first line` of each run of lines that stands in two places. */
function repeated(all: readonly Source[]): string[] {
  const lines = all.map((source) => code(source));
  const seen = new Map<string, { file: number; line: number }[]>();
  const found: string[] = [];
  for (const [file, mine] of lines.entries()) {
    for (let line = 0; line + LINES <= mine.length; line += 1) {
      const run = mine.slice(line, line + LINES).join('\n');
      const places = seen.get(run) ?? [];
      for (const other of places) {
        // The run that begins a line earlier has been told; one that reaches into itself is a list of like lines.
        const begins = line === 0 || other.line === 0 || lines[other.file][other.line - 1] !== mine[line - 1];
        const apart = other.file !== file || line - other.line >= LINES;
        if (begins && apart) found.push(`${all[other.file].file} ~ ${all[file].file}: ${mine[line]}`);
      }
      seen.set(run, [...places, { file, line }]);
    }
  }
  return found;
}

describe('the code of the sources', () => {
  it('is found where it repeats itself', () => {
    const run = Array.from({ length: LINES }, (_, index) => `f(${index});`);
    const twice = ["import { f } from './f.ts';", ...run, '// Again.', ...run.map((line) => `  ${line}`)].join('\n');
    expect(repeated([sourceOf('a.ts', twice)])).toEqual(['a.ts ~ a.ts: f(0);']);
    const [one, two] = [`g();\n${run.join('\n')}\nh();\n`, `${run.join('\n\n')}\n`];
    expect(repeated([sourceOf('a.ts', one), sourceOf('b.ts', two)])).toEqual(['a.ts ~ b.ts: f(0);']);
    expect(repeated([sourceOf('a.ts', `${run.slice(1).join('\n')}\n${run.slice(1).join('\n')}`)])).toEqual([]);
  });

  it('stands once', () => {
    const sources = filesOf(['src', 'workers'], /\.ts$/).map((file) => sourceOf(file));
    expect(judged(repeated(sources), TWICE)).toEqual(FINE);
  }, 30_000);
});
