import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/server/status/metrics.ts';

const page = readFileSync(new URL('../../docs/production.md', import.meta.url), 'utf8');

describe('the page about production', () => {
  it('lists every metric, as the server describes it', () => {
    const rows = METRICS.map(({ name, type, labels, help }) => {
      const shown = labels.map((label) => `\`${label}\``).join(', ');
      return `| \`${name}\` | ${type} | ${shown} | ${help} |`;
    });
    expect(page.split('\n').filter((line) => /^\| `(?:quaich|process)_/.test(line))).toEqual(rows);
  });

  it('names metrics that exist', () => {
    const names = new Set(METRICS.map(({ name }) => name));
    for (const [found] of page.matchAll(/\b(?:quaich|process)_\w+/g)) {
      expect(names.has(found.replace(/_(?:bucket|sum|count)$/, '')), found).toBe(true);
    }
  });
});
