/**
 * That no requirement is without a test, and that the published report has them all; found by reading, without running.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { judge, page, problems, rowsIn, summary, waysOf } from '../../scripts/conformance.mjs';

interface Row {
  id: string;
  level: string;
  title: string;
  ways: boolean;
  scope?: string;
  by?: string[];
}

const tests = new URL('../', import.meta.url);
const rows: Row[] = JSON.parse(readFileSync(new URL('rows.json', import.meta.url), 'utf8'));
const ids = new Set(rows.map((row) => row.id));

/** A program without its comments: what they mention is not tested by that. */
const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\/|(?<![:'"`\\])\/\/.*/g, '');

const named = new Set(
  readdirSync(tests, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('conformance'))
    .flatMap((file) => rowsIn(withoutComments(readFileSync(new URL(file, tests), 'utf8')))),
);

const isNamed = (row: Row): boolean => named.has(row.id) || row.by?.every((id) => named.has(id)) === true;

describe('rows.json', () => {
  it('has each row once, by chapter and number', () => {
    expect(ids.size).toBe(rows.length);
    const key = ({ id }: Row): number => {
      const [chapter, number] = id.split('-');
      return ['G', 'A', 'M', 'V', 'U', 'B', 'L', 'PY'].indexOf(chapter) * 1000 + Number(number);
    };
    expect(rows.map(key)).toEqual(rows.map(key).toSorted((a, b) => a - b));
  });

  it('leaves out, for a reason, only what may be left out', () => {
    const left = rows.filter(({ scope }) => scope?.startsWith('not offered'));
    for (const { id, level, scope } of left)
      expect([id, level, scope]).toEqual([id, 'MAY', expect.stringMatching(/: ./)]);
  });

  it('leaves a row to others only if they exist', () => {
    for (const { id, by = [] } of rows) expect([id, by.filter((other) => !ids.has(other))]).toEqual([id, []]);
  });
});

describe('the tests', () => {
  it('name every MUST row', () => {
    const open = rows.filter((row) => row.level.startsWith('MUST') && !isNamed(row));
    expect(open.map((row) => row.id)).toEqual([]);
  });

  it('name no row that does not exist', () => {
    expect([...named].filter((id) => !ids.has(id))).toEqual([]);
  });
});

// As a run in which all passes makes it; the run itself fails otherwise.
describe('the page of conformance', () => {
  const tests = [...named].map((id) => ({
    ...{ rows: [id], name: id, file: 'test/a.test.ts', passed: true },
    ways: { server: [], engine: [] },
  }));
  const report = judge(rows, tests);
  const text = page(report);

  it('lists all rows with their level and title', () => {
    expect(rows).toHaveLength(568);
    for (const { id, level, title } of rows) expect(text).toContain(`\n| ${id} | ${level} | ${title} |`);
    expect(text.match(/^\| (?:[GAMVUBL]|PY)-\d+ \|/gm)).toHaveLength(rows.length);
  });

  it('shows that all tests pass and that no MUST row is without one', () => {
    expect(text).not.toContain('✗ |');
    expect(text).toContain('MUST rows without a test: none');
    expect(problems(report)).toEqual([]);
    expect(summary(report)).toMatch(/^568 rows, 5[456]\d with tests that pass, 0 MUST rows without a test$/);
  });

  it('is made by each run of all tests', () => {
    const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(scripts.test).toMatch(
      /vitest run --project unit --project alone --project server --reporter=default --reporter=\.\/scripts\/conformance-reporter\.mjs$/,
    );
  });
});

describe('the reporter', () => {
  it('finds single rows, lists and ranges', () => {
    expect(rowsIn('G-01 one, B-22, B-23 and G-51 to G-53; V-08 to 10')).toEqual(
      expect.arrayContaining(['G-01', 'B-22', 'B-23', 'G-51', 'G-52', 'G-53', 'V-08', 'V-09', 'V-10']),
    );
    expect(rowsIn('HTTP-100, XG-1, G-')).toEqual([]);
  });

  it('tells the way from the place and the words', () => {
    const server = (name: string) => waysOf('test/server/a.test.ts', name).server;
    expect(server('pooled async > G-81 the head waits')).toEqual(['pooled async']);
    expect(server('shimmed: a sync application on an async worker > x')).toEqual(['shimmed']);
    expect(server('files > a file is sent: sync')).toEqual(['pooled sync']);
    expect(server('a signal aborts (inline: false)')).toEqual(['pooled async']);
    expect(server('a signal aborts (inline: true)')).toEqual(['inline']);
    expect(server('an async application answers')).toEqual([]);
    expect(waysOf('test/shim/here.test.ts', 'x').server).toEqual(['shimmed']);
    expect(waysOf('test/engine/table.test.ts', 'async, promise > x').engine).toEqual(['pooled async', 'inline']);
    expect(waysOf('test/toolbox/a.test.ts', 'sync > x')).toEqual({ server: [], engine: [] });
  });

  it('shows what fails and what is missing', () => {
    const row = (id: string, more: Partial<Row> = {}): Row => ({ id, level: 'MUST', title: 'x', ways: true, ...more });
    const test = (id: string, passed: boolean) => ({
      rows: [id],
      name: id,
      file: 'test/server/a.test.ts',
      passed,
      ways: { server: ['inline'], engine: ['pooled sync'] },
    });
    const report = judge(
      [
        row('G-01'),
        row('G-02'),
        row('G-03'),
        row('U-31', { by: ['G-01'], scope: 'by the engine' }),
        row('L-01', { level: 'MAY' }),
        row('L-02', { level: 'MAY', scope: 'not offered: too dear' }),
      ],
      [test('G-01', true), test('G-02', false), test('G-99', true)],
    );
    expect(report).toMatchObject({ missing: ['G-03'], failed: ['G-02'], unknown: ['G-99'] });
    expect(problems(report)).toEqual([
      'MUST rows without a test: G-03',
      'rows with a test that fails: G-02',
      'names of rows that do not exist: G-99',
    ]);
    const text = page(report);
    expect(text).toContain('| G-01 | MUST | x | 1 in [server/a](../test/server/a.test.ts) | ✓ | ○ |  | ✓ |  |');
    expect(text).toContain('| ✗ | ✗ |  | ✗ |  |');
    expect(text).toContain('| U-31 | MUST | x | by the engine: G-01 | ✓ |');
    expect(text).toContain('MUST rows without a test: G-03.');
    expect(text).toContain('| L-02 | MAY | x | not offered: too dear |  |');
    expect(text).toContain('| MAY | 2 | 0 | 0 | 0 | 1 | 1 |');
  });
});
