// Writes docs/SPEC.md from the comments of src/validate that begin with `//:`.
//
// `spec/outline.ts` is the frame: prose, and a line `@clauses NAME` where the clauses of a section go. Everywhere else
// `@in NAME` says which section the clauses below it belong to, and a clause begins with the ids of its rows:
// `G-10, V-11: text`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const source = new URL('../src/validate/', import.meta.url);
const OUTLINE = 'spec/outline.ts';
const IDS = /^((?:[GAMBLV]|PY)-\d+(?:, (?:[GAMBLV]|PY)-\d+)*): /;
/** Clauses of a section stand in the order of their first row, server rows first. */
const CHAPTERS = ['G', 'A', 'M', 'B', 'L', 'V', 'PY'];
const WIDTH = 120;

/** @typedef {{ ids: string[], section: string, lines: string[], file: string }} Clause */

/** @param {string} id */
const rank = (id) => CHAPTERS.indexOf(id.split('-')[0]) * 1000 + Number(id.split('-')[1]);

/** The contents of the `//:` lines of a text, with null where others stand between. @param {string} text */
function commentLines(text) {
  return text
    .split('\n')
    .map((line) => /^\s*\/\/:(?: (.*)|)$/.exec(line)?.[1] ?? (/^\s*\/\/:$/.test(line) ? '' : null));
}

/** @param {string} text @param {string} file @returns {Clause[]} */
export function clausesOf(text, file) {
  /** @type {Clause[]} */
  const clauses = [];
  let section = '';
  /** @type {Clause | null} */
  let open = null;
  for (const line of commentLines(text)) {
    const ids = line === null ? null : IDS.exec(line);
    if (line === null) {
      open = null;
    } else if (line.startsWith('@in ')) {
      section = line.slice(4).trim();
      open = null;
    } else if (ids !== null) {
      open = { ids: ids[1].split(', '), section, lines: [line.slice(ids[0].length)], file };
      clauses.push(open);
    } else if (open !== null) {
      open.lines.push(line);
    } else if (line !== '') {
      throw new Error(`${file}: a comment line that belongs to no clause: ${line}`);
    }
  }
  return clauses;
}

/** Joins the lines of paragraphs and breaks them anew; tables, lists and code stay. @param {string[]} lines */
function reflow(lines) {
  const result = [];
  let words = [];
  let code = false;
  const flush = () => {
    let line = '';
    for (const word of words) {
      // No line begins with what Markdown takes for a list or a heading.
      if (line !== '' && line.length + word.length >= WIDTH && !/^(?:[-+*#>|]|\d+[.)]$)/.test(word)) {
        result.push(line);
        line = word;
      } else {
        line = line === '' ? word : `${line} ${word}`;
      }
    }
    if (line !== '') result.push(line);
    words = [];
  };
  for (const line of lines) {
    if (line.startsWith('```')) {
      flush();
      code = !code;
      result.push(line);
    } else if (code || line === '' || /^(?:\||#|- | {2,})/.test(line)) {
      flush();
      result.push(line);
    } else {
      words.push(...line.split(' ').filter((word) => word !== ''));
    }
  }
  flush();
  return result.join('\n').trim();
}

/** @param {Clause} clause @param {Set<string>} seen rows that have an anchor already */
function renderClause({ ids, lines }, seen) {
  const fresh = ids.filter((id) => !seen.has(id));
  for (const id of fresh) seen.add(id);
  const anchors = fresh.map((id) => `<a id="${id.toLowerCase()}"></a>`).join('');
  const text = reflow([`**${ids.join(', ')}.** ${lines[0]}`, ...lines.slice(1)]);
  return anchors === '' ? text : `${anchors}\n${text}`;
}

/** All clauses of a set of files. @param {Map<string, string>} files */
export function allClauses(files) {
  return [...files].filter(([file]) => file !== OUTLINE).flatMap(([file, text]) => clausesOf(text, file));
}

/** The sources of the validator by path. @returns {Map<string, string>} */
export function readSources() {
  const names = readdirSync(source, { recursive: true }).map((name) => String(name).replaceAll('\\', '/'));
  return new Map(
    names
      .filter((name) => name.endsWith('.ts'))
      .sort()
      .map((name) => [name, readFileSync(new URL(name, source), 'utf8')]),
  );
}

/** The whole page. @param {Map<string, string>} files */
export function render(files) {
  /** @type {Map<string, Clause[]>} */
  const sections = new Map();
  for (const clause of allClauses(files)) {
    if (!sections.has(clause.section)) sections.set(clause.section, []);
    sections.get(clause.section)?.push(clause);
  }
  /** @param {Clause} clause */
  const first = ({ ids }) => Math.min(...ids.map(rank));
  const parts = [];
  let prose = [];
  /** @type {Set<string>} */
  const seen = new Set();
  const outline = files.get(OUTLINE);
  if (outline === undefined) throw new Error(`${OUTLINE} is missing`);
  for (const line of commentLines(outline)) {
    const placed = line === null ? undefined : /^@clauses (\S+)$/.exec(line)?.[1];
    if (placed === undefined) {
      prose.push(line ?? '');
      continue;
    }
    parts.push(reflow(prose));
    prose = [];
    const clauses = sections.get(placed);
    if (clauses === undefined) throw new Error(`no clause is in the section ${placed}`);
    sections.delete(placed);
    parts.push(...clauses.sort((a, b) => first(a) - first(b)).map((clause) => renderClause(clause, seen)));
  }
  parts.push(reflow(prose));
  if (sections.size > 0) throw new Error(`sections without a place: ${[...sections.keys()].join(', ')}`);
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

if (import.meta.filename === process.argv[1]) {
  writeFileSync(new URL('../docs/SPEC.md', import.meta.url), render(readSources()));
}
