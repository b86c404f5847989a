/** The first page lists all others, and the site has them in the same order. */
import { describe, expect, it } from 'vitest';
import { FIRST, navigation, pageFiles, placeOf, placeOfLinked, siteText } from '../../scripts/site/pages.mjs';
import { links, pages } from './pages.ts';
import { page } from './samples.ts';

describe('the pages of the site', () => {
  const listed = navigation().flatMap(({ pages }) => pages.map(({ file }) => file));

  it('are all there is to read, each once', () => {
    const read = pages.filter((file) => /^docs\/|^(?:CHANGELOG|CONTRIBUTING|SECURITY)\.md$/.test(file));
    expect([...listed].sort()).toEqual(read.filter((file) => file !== FIRST && !file.startsWith('docs/bench/')).sort());
    expect(navigation().map(({ title }) => title)[0]).toBe('Begin');
  });

  it('have one place each', () => {
    expect([FIRST, 'docs/deploy/README.md', 'docs/SPEC.md', 'SECURITY.md'].map(placeOf)).toEqual([
      ...['index.md', 'deploy/index.md', 'SPEC.md', 'SECURITY.md'],
    ]);
    const places = pageFiles().map((file) => placeOf(file).toLowerCase());
    expect(new Set(places).size).toBe(places.length);
  });

  it('link each other, and the files that they show', () => {
    const { text, linked } = siteText('docs/development.md');
    expect(linked).toContain('examples/late.js');
    expect(text).toContain('](/source/examples/late-js.md)');
    expect(siteText('docs/deploy/nginx.md').text).toContain('](/front-servers.md#');
    expect(siteText('docs/architecture.md').text).toContain('](/architecture.svg)');
    expect(placeOfLinked('docs/bench/http.png')).toBe('bench/http.png');
    // What stands in code is no link.
    expect(siteText('docs/writing-applications.md').text).toContain("['quaich.early_hints']?.(");
    for (const file of pageFiles()) expect(siteText(file).text.match(/\]\(\.\.?\//g), file).toBeNull();
  });

  it('begin with what is typed on the page about existing applications', () => {
    const typed = (file: string) => [...page(file).matchAll(/\| `(npx quaich [^`]+)` +\|/g)].map(([, line]) => line);
    const rows = typed(FIRST);
    expect(rows.length).toBeGreaterThan(6);
    expect(typed('docs/existing-applications.md')).toEqual(expect.arrayContaining(rows));
    expect(links('README.md').map(({ file }) => file)).toContain(FIRST);
  });
});
