/** The table of faults names tests that exist. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, root), 'utf8');
const rows = read('docs/faults.md')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
  .map((line) => line.slice(2, -2).split(' | '))
  .slice(1);

describe('the table of faults', () => {
  it('has a cell for each question', () => {
    expect(rows.length).toBeGreaterThanOrEqual(50);
    expect(rows.filter((cells) => cells.length !== 6 || cells.includes(''))).toEqual([]);
  });

  it('names tests that exist', () => {
    const missing = rows.filter((cells) => {
      const [, file, title] = /^([\w-]+): (.+)$/.exec(cells[5]) ?? [];
      return !read(`test/server/${file}.test.ts`).includes(`'${title}`);
    });
    expect(missing.map((cells) => cells[5])).toEqual([]);
  });
});
