/** The table of request smuggling in the documentation, as bytes and what is to come of them. */
import { readFileSync } from 'node:fs';

export interface Attack {
  name: string;
  /** What is sent, one character for each byte. */
  bytes: string;
  /** Of the answers, in their order. */
  statuses: number[];
  /** Nothing behind these bytes is answered. */
  closes: boolean;
}

const page = readFileSync(new URL('../../docs/smuggling.md', import.meta.url), 'utf8');

/** The rows of all tables of a number of columns, as cells; without the rows of headings and lines. */
const rowsOf = (columns: number): string[][] =>
  page
    .split('\n')
    .filter((line) => /^\| (?!attack |--- )/.test(line))
    .map((line) => line.slice(2, -2).split(' | '))
    .filter((cells) => cells.length === columns);

const CHARACTERS: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t' };

function unescaped(text: string): string {
  return text.replace(/\\(?:x([0-9a-f]{2})|([rnt]))/g, (_all, code: string | undefined, letter: string) =>
    code === undefined ? CHARACTERS[letter] : String.fromCharCode(Number.parseInt(code, 16)),
  );
}

/** Of the tables with bytes: attack, bytes, answer, test. */
export const byteRows = rowsOf(4);

/** Of the table without bytes: attack, what is done, test. */
export const otherRows = rowsOf(3);

export const attacks: Attack[] = byteRows.map(([name, bytes, answer]) => {
  const [, statuses, closed] = /^(\d{3}(?: \d{3})*)(, closed)?(?:$|:)/.exec(answer) ?? [];
  return {
    name,
    bytes: unescaped(bytes.slice(1, -1)),
    statuses: (statuses ?? '').split(' ').map(Number),
    closes: closed !== undefined,
  };
});
