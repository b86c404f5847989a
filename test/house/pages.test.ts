/** The pages name files that exist, and link what exists. */
import { existsSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
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

const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'],
  ...['docs', 'docs/deploy'].flatMap((folder) =>
    readdirSync(root + folder)
      .filter((file) => file.endsWith('.md'))
      .map((file) => `${folder}/${file}`),
  ),
];
const prose = (page: string): string => read(page).replace(/^```[\s\S]*?^```$/gm, '');

/** The files that a page names: from the root of the project, or from src. */
function named(text: string): string[] {
  const found = text.matchAll(/`((?:[\w-]+\/)+[\w.-]+\.(?:ts|mjs|json|md))`/g);
  return [...found]
    .map(([, file]) => file)
    .filter((file) => !file.startsWith('build/') && !file.startsWith('node_modules/'));
}

/** The anchors of a page: those of its headings, and those that it sets itself. */
function anchors(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading);
  const plain = headings.map((heading) => heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase());
  const own = [...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id);
  return new Set([...own, ...plain.map((heading) => heading.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-'))]);
}

describe('the pages', () => {
  it('link what exists, down to the heading', () => {
    expect(anchors('# Where `a.b` goes\n## From Koa, and on\n')).toEqual(new Set(['where-ab-goes', 'from-koa-and-on']));
    expect(pages.length).toBeGreaterThan(12);
    for (const page of pages)
      for (const [, target] of prose(page).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(target)) continue;
        const [path, anchor] = target.split('#');
        const file = path === '' ? page : posix.join(posix.dirname(page), path);
        expect(exists(file), `${page}: ${target}`).toBe(true);
        if (anchor !== undefined) expect(anchors(read(file)).has(anchor), `${page}: ${target}`).toBe(true);
      }
  });

  it('name files that exist', () => {
    expect(named('`src/a.ts`, `server/b-c.ts` and `d.ts` of `e/f`')).toEqual(['src/a.ts', 'server/b-c.ts']);
    const missing = pages.flatMap((page) =>
      named(prose(page))
        .filter((file) => !exists(file) && !exists(`src/${file}`))
        .map((file) => `${page}: ${file}`),
    );
    expect(judged(missing, MISSING)).toEqual(FINE);
  });
});
