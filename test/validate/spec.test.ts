import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allClauses, clausesOf, readSources, render } from '../../scripts/spec.mjs';

const sources = readSources();
const clauses = allClauses(sources);

/** The rows of the catalogue that the specification has to cover. */
const ROWS = {
  G: '1-39 40-68 70-74 80-98 100-118 120-131 140-148 150-154 160-166 170-185 190-191 200-206 210-215 220-226 230-231 240-240',
  A: '1-26',
  M: '1-28 30-33',
  B: '1-14 20-45 50-57 60-70',
  L: '1-35 40-58 60-74',
  PY: '1-5 10-20 30-35 40-42 50-52 60-60',
  V: '1-7 10-38 40-44 50-63 70-89 100-111 120-139',
};

function rows(letter: keyof typeof ROWS): string[] {
  return ROWS[letter].split(' ').flatMap((range) => {
    const [from, to] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => `${letter}-${String(from + i).padStart(2, '0')}`);
  });
}

/** Rows that a file raises: as a violation or a warning. Comments do not count. */
function raised(text: string): Set<string> {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  return new Set(Array.from(code.matchAll(/'([GAMBLV]-\d+)'/g), ([, row]) => row));
}

/** V rows that say how the validator itself behaves. */
const BEHAVIOUR = ['V-07', 'V-77', 'V-138', 'V-139'];

describe('docs/SPEC.md', () => {
  it('is what the comments of the validator say (node scripts/spec.mjs)', () => {
    expect(readFileSync(new URL('../../docs/SPEC.md', import.meta.url), 'utf8')).toBe(render(sources));
  });

  it.each(Object.keys(ROWS) as (keyof typeof ROWS)[])(
    'has a clause for every row of %s, and none for others',
    (letter) => {
      const found = new Set(clauses.flatMap(({ ids }) => ids).filter((id) => id.startsWith(letter)));
      expect([...found].sort()).toEqual(rows(letter).sort());
    },
  );

  it('has every V row beside the code that raises it', () => {
    for (const row of rows('V').filter((row) => !BEHAVIOUR.includes(row))) {
      const files = clauses.filter(({ ids }) => ids.includes(row)).map(({ file }) => file);
      expect(
        files.some((file) => raised(sources.get(file) ?? '').has(row)),
        `${row}, in ${files.join(', ')}`,
      ).toBe(true);
    }
  });

  it('has a clause beside the code for every row that the validator raises', () => {
    const all = new Map<string, string[]>();
    for (const [file, text] of sources) for (const row of raised(text)) all.set(row, [...(all.get(row) ?? []), file]);
    expect(all.size).toBeGreaterThan(100);
    for (const [row, files] of all) {
      const beside = clauses.some(({ ids, file }) => ids.includes(row) && files.includes(file));
      expect(beside, `${row}, raised in ${files.join(', ')}`).toBe(true);
    }
  });

  it('has a test for every V row', () => {
    const folder = new URL('./', import.meta.url);
    const tests = readdirSync(folder)
      .filter((name) => name.endsWith('.test.ts') && name !== 'spec.test.ts')
      .map((name) => readFileSync(new URL(name, folder), 'utf8'))
      .join('\n');
    // Titles begin with the row, alone or as the first column of a table.
    const titled = new Set(Array.from(tests.matchAll(/(?:'|it\('(?:V-\d+ )*)(V-\d+)\b/g), ([, row]) => row));
    expect(rows('V').filter((row) => !titled.has(row))).toEqual([]);
  });
});

describe('the extraction', () => {
  it('reads clauses with their rows, sections and following lines', () => {
    const text = [
      'code();',
      '  //: @in body',
      '  //: G-01, V-02: First.',
      '  //: More.',
      '  //:',
      '  //: V-03: Second.',
      'code(); // : V-04: not one',
    ].join('\n');
    expect(clausesOf(text, 'x.ts')).toEqual([
      { ids: ['G-01', 'V-02'], section: 'body', lines: ['First.', 'More.', ''], file: 'x.ts' },
      { ids: ['V-03'], section: 'body', lines: ['Second.'], file: 'x.ts' },
    ]);
  });

  it('refuses lines without a clause, sections without a place, and places without a clause', () => {
    expect(() => clausesOf('//: lost', 'x.ts')).toThrow('belongs to no clause');
    const outline = ['spec/outline.ts', '//: # Title\n//:\n//: @clauses here'] as const;
    expect(() => render(new Map([outline]))).toThrow('no clause is in the section here');
    const here = ['a.ts', '//: @in here\n//: G-01: text'] as const;
    expect(render(new Map([outline, here]))).toBe('# Title\n\n<a id="g-01"></a>\n**G-01.** text\n');
    const there = ['b.ts', '//: @in there\n//: G-02: text'] as const;
    expect(() => render(new Map([outline, here, there]))).toThrow('sections without a place: there');
  });

  it('orders clauses by server row, and breaks paragraphs but neither code nor tables', () => {
    const long = 'word '.repeat(40).trim();
    const page = render(
      new Map([
        ['spec/outline.ts', '//: @clauses x'],
        [
          'a.ts',
          `//: @in x\n//: V-01: b\n//:\n//: A-01, G-02: ${long}\n//: \`\`\`js\n//: ${long}\n//: \`\`\`\n//: | ${long} |`,
        ],
      ]),
    );
    expect(page.indexOf('G-02')).toBeLessThan(page.indexOf('V-01'));
    const lines = page.split('\n');
    expect(lines.filter((line) => line.length > 131)).toEqual([long, `| ${long} |`]);
  });
});
