/** The pages name files that exist, and link what exists. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { anchors, links, pages, withoutBlocks } from '../docs/pages.ts';
import { type Exceptions, FINE, judged } from './exceptions.ts';
import { read } from './sources.ts';

/** `page: file`. */
const MISSING: Exceptions = {
  'docs/architecture.md: src/hosts/NAME/mount.ts': 'to be made by its author',
  'docs/architecture.md: src/middleware/NAME.ts': 'to be made by its author',
  'docs/architecture.md: src/protocols/NAME/connection.ts': 'to be made by its author',
};

const root = fileURLToPath(new URL('../../', import.meta.url));
const exists = (file: string): boolean => existsSync(root + file);

/** The files that a page names: from the root of the project, or from src. */
function named(text: string): string[] {
  const found = text.matchAll(/`((?:[\w-]+\/)+[\w.-]+\.(?:ts|mjs|json|md))`/g);
  return [...found]
    .map(([, file]) => file)
    .filter((file) => !file.startsWith('build/') && !file.startsWith('node_modules/'));
}

describe('the pages', () => {
  it('link what exists, down to the heading', () => {
    expect(anchors('# Where `a.b` goes\n## From Koa, and on\n## From Koa, and on\n')).toEqual(
      new Set(['where-ab-goes', 'from-koa-and-on', 'from-koa-and-on-1']),
    );
    expect(pages.length).toBeGreaterThan(40);
    const all = pages.flatMap((page) => links(page).map((link) => ({ page, ...link })));
    expect(all.length).toBeGreaterThan(300);
    const broken = all.filter(
      ({ file, anchor }) => !exists(file) || (anchor !== undefined && !anchors(read(file)).has(anchor)),
    );
    expect(broken.map(({ page, target }) => `${page}: ${target}`)).toEqual([]);
  });

  it('name files that exist', () => {
    expect(named('`src/a.ts`, `server/b-c.ts` and `d.ts` of `e/f`')).toEqual(['src/a.ts', 'server/b-c.ts']);
    const missing = pages.flatMap((page) =>
      named(withoutBlocks(read(page)))
        .filter((file) => !exists(file) && !exists(`src/${file}`))
        .map((file) => `${page}: ${file}`),
    );
    expect(judged(missing, MISSING)).toEqual(FINE);
  });
});
