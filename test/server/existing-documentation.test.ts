/** What the page on existing applications has in its table is typed, and prints and answers what it says. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { page, root } from '../docs/samples.ts';
import { get, ready, start } from './command.ts';

const text = page('docs/existing-applications.md');
const rows = [...text.matchAll(/^\| [^|]+ \| `npx quaich ([^`]+)` +\| ([^|]+?) +\|$/gm)];
const files = [...text.matchAll(/^```(?:js|ts) (\S+)\n([\s\S]*?)^```$/gm)];

mkdirSync(join(root, 'build'), { recursive: true });
const directory = mkdtempSync(join(root, 'build', 'existing-page-'));

beforeAll(() => {
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  for (const [, name, code] of files) writeFileSync(join(directory, name), code);
});

afterAll(() => rmSync(directory, { recursive: true }));

describe('the page on existing applications', () => {
  it('has a row for each file, and a file for each row', () => {
    const named = new Set(rows.flatMap(([, argv]) => [...argv.matchAll(/\.\/([\w.-]+)/g)].map(([, name]) => name)));
    expect([...named].sort()).toEqual(files.map(([, name]) => name).sort());
    expect(rows).toHaveLength(14);
  });

  it.each(rows.map(([, argv, what]) => [argv, what]))('npx quaich %s is told to be: %s', async (argv, what) => {
    const command = start([...argv.split(' '), '-p', '0'], { cwd: directory });
    const [url] = await ready(command);
    expect((await get(url)).text).toMatch(/^Hello from /);
    if (argv.includes('/slow=')) expect((await get(url, '/slow')).text).toBe('Hello after a while');
    expect(command.stderr).toContain(`  ${what} · `);
    if (argv.includes('program.js')) {
      const told = /^quaich: \.\/program\.js .*$/m.exec(text)?.[0];
      expect(command.stderr.split('\n')).toContain(told);
    }
  });
});
