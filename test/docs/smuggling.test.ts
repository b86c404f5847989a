/**
 * The table of request smuggling is whole, and names tests that exist; test/server/smuggling.test.ts sends its bytes.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { attacks, byteRows, otherRows } from '../corpus/attacks.ts';
import { cases } from '../corpus/corpus.ts';

const ids = new Set(cases.map(({ id }) => id));

/** Whether `file: title` names a file of `test/` with such a title, `corpus: id` a case of the corpus. */
function isTest(named: string): boolean {
  const [, file, title] = /^([\w/-]+): (.+)$/.exec(named) ?? [];
  if (file === 'corpus') return ids.has(title);
  const path = new URL(`../${file}.test.ts`, import.meta.url);
  return existsSync(path) && readFileSync(path, 'utf8').includes(`'${title}`);
}

describe('the table of request smuggling', () => {
  it('has bytes and an answer for each attack', () => {
    expect(attacks.length).toBeGreaterThan(90);
    expect(byteRows.filter(([name, bytes]) => name === '' || !/^`.+`$/.test(bytes))).toEqual([]);
    // A refusal ends the connection, and nothing else does.
    const others = attacks.filter(({ statuses, closes }) => statuses.includes(0) || statuses.at(-1)! >= 400 !== closes);
    expect(others.map(({ name }) => name)).toEqual(['a request behind one that closes']);
    expect(new Set(attacks.map(({ bytes }) => bytes)).size).toBe(attacks.length);
  });

  it('names tests that exist', () => {
    expect([isTest('corpus: none'), isTest('docs/none: x'), isTest('docs/smuggling: no such title')]).toEqual([
      ...[false, false, false],
    ]);
    expect(otherRows.length).toBeGreaterThan(8);
    const named = [...byteRows, ...otherRows].map((cells) => cells.at(-1)!);
    expect(named.filter((name) => !isTest(name))).toEqual([]);
  });
});
