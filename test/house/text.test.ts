/** How comments and pages are set: no line over 120 columns, a docstring above its symbol, no file that is gone. */
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Exceptions, FINE, judged } from './exceptions.ts';
import { filesOf, GENERATED, read, type Source, sourceOf } from './sources.ts';

/** Folders whose comments are not wrapped yet. */
const LONG: Exceptions = {};

const MISSING: Exceptions = {};

const COLUMNS = 120;
/** Pages that are not wrapped yet. */
const LONG_PAGES: Exceptions = {};
/** Pages that scripts write. */
const WRITTEN = new Set(['configuration.md', 'connection-states.md', 'worker-states.md', 'SPEC.md']);

/** What has no place to break: a line whose one word is too long. */
const unbreakable = (line: string): boolean => /^\s*(?:\/\/|\*|-|\d+\.)?\s*\S+$/.test(line);
/** A row of a table, a line of code or a message in a clause of the specification. */
const clauseAsItIs = (line: string): boolean => /^\s*\/\/: (?:\||type |V-\d+: the | {3})/.test(line);

/** `file:line` of each line with a part of a comment that is too long. */
function longComments({ file, text, comments }: Source): string[] {
  return comments.flatMap(({ start, end }) => {
    const first = text.slice(0, start).split('\n').length;
    const lines = text.slice(text.lastIndexOf('\n', start) + 1, end).split('\n');
    return lines.flatMap((line, index) =>
      line.length > COLUMNS && !unbreakable(line) && !clauseAsItIs(line) ? [`${file}:${first + index}`] : [],
    );
  });
}

/**
 * `file:line` of each docstring with nothing below it to belong to. One at the top of a file belongs to the file; some
 * of JSDoc declare a type by themselves.
 */
function looseDocstrings({ file, text, comments }: Source): string[] {
  return comments.flatMap(({ start, end, type, value }) => {
    const top = /^(?:\s|\/\/.*)*$/.test(text.slice(0, start));
    if (type !== 'Block' || !value.startsWith('*') || top || /@(?:import|typedef)\b/.test(value)) return [];
    return /^\n[^\S\n]*(?:\n|\/\*\*)/.test(text.slice(end))
      ? [`${file}:${text.slice(0, start).split('\n').length}`]
      : [];
  });
}

/**
 * The numbers of the lines of a page that are too long; tables, pictures and addresses cannot be broken.
 */
function longLines(page: string): number[] {
  const long = (line: string): boolean => line.length > COLUMNS && !/^(?:\||!\[)/.test(line) && !unbreakable(line);
  return page.split('\n').flatMap((line, index) => (long(line) ? [index + 1] : []));
}

const sources = filesOf(['src', 'workers', 'assembly', 'scripts', 'test', 'bench', 'examples'], /\.(?:ts|mjs|js)$/)
  .filter((file) => !file.startsWith('test/corpus/'))
  .map((file) => sourceOf(file));

const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'],
  ...['docs', 'docs/deploy'].flatMap((folder) =>
    readdirSync(new URL(`../../${folder}/`, import.meta.url))
      .filter((file) => file.endsWith('.md') && !WRITTEN.has(file))
      .map((file) => `${folder}/${file}`),
  ),
];

describe('comments', () => {
  const long = 'word '.repeat(30);

  it('that are too long, and docstrings that stand alone, are found', () => {
    expect(longComments(sourceOf('a.ts', `f();\n/*\n ${long}*/\n// ${'w'.repeat(150)}\nf(); // ${long}`))).toEqual([
      ...['a.ts:3', 'a.ts:5'],
    ]);
    const text = '/** The file. */\n\n/** Of f. */\nf();\n/** Of nothing. */\n\n/** Lost. */\n/** Of g. */\ng();\n';
    expect(looseDocstrings(sourceOf('a.ts', text))).toEqual(['a.ts:5', 'a.ts:7']);
  });

  it('are wrapped', () => {
    const folderOf = (place: string): string => /^src\/[^/]+/.exec(place)?.[0] ?? place;
    const places = sources.flatMap(longComments).map((place) => (folderOf(place) in LONG ? folderOf(place) : place));
    expect(judged(places, LONG)).toEqual(FINE);
  });

  it('that are docstrings stand above their symbols', () => {
    expect(sources.flatMap(looseDocstrings)).toEqual([]);
  });

  it('name files that exist', () => {
    const path = /\b(?:src|test|scripts|assembly|workers|bench|docs|examples)\/[\w./-]+\.(?:ts|mjs|json|md)\b/g;
    const exists = (file: string): boolean =>
      GENERATED.test(file) || existsSync(new URL(`../../${file}`, import.meta.url));
    const missing = sources.flatMap(({ file, comments }) =>
      comments
        .flatMap(({ value }) => (value.match(path) ?? []).filter((named) => !exists(named)))
        .map((named) => `${file}: ${named}`),
    );
    expect(judged(missing, MISSING)).toEqual(FINE);
  });
});

describe('the pages', () => {
  it('are wrapped', () => {
    expect(longLines(`${'word '.repeat(30)}\n| ${'word '.repeat(30)}|\n- https://${'w'.repeat(150)}\n`)).toEqual([1]);
    expect(pages.length).toBeGreaterThan(10);
    const places = pages.flatMap((page) =>
      longLines(read(page)).map((line) => (page in LONG_PAGES ? page : `${page}:${line}`)),
    );
    expect(judged(places, LONG_PAGES)).toEqual(FINE);
  });
});
