/** Which module is served where none is named. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findEntry } from '../../src/cli/entry.ts';

const root = mkdtempSync(join(tmpdir(), 'quaich-entry-'));
afterAll(() => rmSync(root, { recursive: true }));

function folder(manifest: string | null, files: string[]): string {
  const directory = mkdtempSync(join(root, 'folder-'));
  if (manifest !== null) writeFileSync(join(directory, 'package.json'), manifest);
  for (const name of files) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), '');
  }
  return directory;
}

describe('findEntry', () => {
  it.each([
    [null, ['app.js', 'server.ts'], './server.ts'],
    [null, ['index.mjs', 'src/server.js'], './index.mjs'],
    [null, ['src/index.tsx', 'site.js'], './src/index.tsx'],
    ['{"main":"site.js"}', ['site.js', 'server.js'], './site.js'],
    ['{"main":"./lib"}', ['lib/index.cjs', 'server.js'], './lib/index.cjs'],
    ['{"main":"lib/site"}', ['lib/site.js'], './lib/site.js'],
    // As `npm init -y` writes it, without such a file.
    ['{"main":"index.js"}', ['app.js'], './app.js'],
    ['{"main":"a.js","exports":"./b.js"}', ['a.js', 'b.js'], './b.js'],
    ['{"exports":{".":{"require":"./a.js","import":"./b.js"}}}', ['a.js', 'b.js'], './b.js'],
    ['{"exports":{"types":"./a.d.ts","default":"./b.js"}}', ['b.js'], './b.js'],
    ['{"exports":{"./sub":"./a.js"},"main":5}', ['a.js', 'src/app.js'], './src/app.js'],
    ['{', ['app.js'], './app.js'],
    ['null', ['app.js'], './app.js'],
  ])('of %s with %j is %s', (manifest, files, module) => {
    expect(findEntry(folder(manifest, files))?.module).toBe(module);
  });

  it('is none where there is none', () => {
    expect(findEntry(folder('{"main":"none.js"}', ['site.js', 'server/index.html']))).toBe(null);
  });
});
