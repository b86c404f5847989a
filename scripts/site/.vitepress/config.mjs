// How the pages become a site. Where they come from is the business of ../build.mjs.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { slug } from 'github-slugger';
import { defineConfig } from 'vitepress';
import { navigation, placeOf } from '../pages.mjs';

const site = fileURLToPath(new URL('../../../build/site/', import.meta.url));

const address = (file) => `/${placeOf(file).replace(/(?:index)?\.md$/, '')}`;

/** A quaich: a bowl with two handles. */
const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="#b36b00" d="M1 11h30v3h-5a10 10 0 0 1-20 0H1z"/></svg>';

/** Languages whose colours the generator does not know. */
const PLAIN = new Set(['caddyfile', 'haproxy']);

/** The pages that typedoc has written, one for each entry of the package. */
function reference() {
  const list = readFileSync(`${site}pages/api/index.md`, 'utf8').matchAll(/^- \[(.+)\]\((.+)\.md\)$/gm);
  return {
    text: 'Functions and types',
    link: '/api/',
    collapsed: true,
    items: Array.from(list, ([, text, path]) => ({ text, link: `/api/${path}` })),
  };
}

/**
 * Has each piece of code coloured once: pages are rendered for themselves, and twice more for the search.
 *
 * @param {(code: string, language: string, attributes: string) => string} highlight
 */
function once(highlight) {
  const known = new Map();
  return (code, language, attributes) => {
    const key = JSON.stringify([code, language, attributes]);
    if (!known.has(key)) known.set(key, highlight(code, language, attributes));
    return known.get(key);
  };
}

const sidebar = navigation().map(({ title, pages }) => ({
  text: title,
  items: [
    ...pages.map(({ title: text, file }) => ({ text, link: address(file) })),
    ...(title === 'Reference' ? [reference()] : []),
  ],
}));

export default defineConfig({
  title: 'Quaich',
  description: 'A server for Node.js that runs what you have, and gives what blocks a thread',
  head: [['link', { rel: 'icon', href: `data:image/svg+xml,${encodeURIComponent(ICON)}` }]],
  srcDir: `${site}pages`,
  outDir: `${site}html`,
  cacheDir: `${site}cache`,
  // Where the site does not stand at the root of its host.
  base: process.env.SITE_BASE ?? '/',
  cleanUrls: true,
  metaChunk: true,
  vite: { build: { chunkSizeWarningLimit: 4096 } },
  markdown: {
    // Anchors are those of GitHub, where the pages are read as well.
    anchor: { slugify: slug },
    theme: { light: 'github-light', dark: 'github-dark' },
    config(md) {
      md.set({ highlight: once(md.options.highlight) });
      const fence = md.renderer.rules.fence;
      md.renderer.rules.fence = (...args) => {
        const [tokens, index] = args;
        const [language, name] = tokens[index].info.split(' ');
        if (language === 'mermaid') return `<Diagram text="${encodeURIComponent(tokens[index].content)}" />`;
        if (PLAIN.has(language)) tokens[index].info = 'txt';
        const title = name ? `<p class="file-name">${md.utils.escapeHtml(name)}</p>` : '';
        return title + fence(...args);
      };
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Tutorial', link: '/tutorial' },
      { text: 'Configuration', link: '/configuration' },
      { text: 'Specification', link: '/SPEC' },
      { text: 'Functions', link: '/api/' },
    ],
    sidebar,
    docFooter: { prev: 'Before', next: 'Next' },
  },
});
