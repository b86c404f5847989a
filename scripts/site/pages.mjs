// Which files of the repository the site has, where each stands there, and where its links lead. The pages are good
// Markdown where they lie; only copies of them are changed.
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The first page. What it lists below `## All pages` is all there is, in that order. */
export const FIRST = 'docs/README.md';
/** Pages that others link, too long and too dry for the navigation and the search. */
const APPENDED = ['docs/bench/report.md', 'docs/bench/before-after.md'];

/** Files that a browser shows by itself; others become pages with their code. */
const SHOWN = /\.(?:svg|png|html)$/;

/** @param {string} file relative to the root of the repository */
export const read = (file) => readFileSync(root + file, 'utf8');

/** @typedef {{ title: string, file: string }} Page */

/**
 * The sections of the first page, each with its pages.
 *
 * @returns {{ title: string, pages: Page[] }[]}
 */
export function navigation() {
  const [, all] = read(FIRST).split(/^## All pages$/m);
  return all
    .split(/^### /m)
    .slice(1)
    .map((section) => ({
      title: section.slice(0, section.indexOf('\n')),
      pages: Array.from(section.matchAll(/^- \[([^\]]+)\]\(([^)]+)\)/gm), ([, title, target]) => ({
        title,
        file: fileOf(FIRST, target),
      })),
    }));
}

/** The files of all pages. */
export function pageFiles() {
  return [FIRST, ...navigation().flatMap(({ pages }) => pages.map(({ file }) => file)), ...APPENDED];
}

/**
 * Where a page stands on the site: `docs/deploy/README.md` is `deploy/index.md`.
 *
 * @param {string} file
 */
export function placeOf(file) {
  return file.replace(/^docs\//, '').replace(/(^|\/)README\.md$/, '$1index.md');
}

/**
 * Where a file that is no page stands on the site: pictures as they are, code in a page of its own.
 *
 * @param {string} file
 */
export function placeOfLinked(file) {
  return SHOWN.test(file) ? placeOf(file) : `source/${file.replaceAll('.', '-')}.md`;
}

/**
 * A page with its links to other pages and files as the site has them.
 *
 * @param {string} file
 * @returns {{ text: string, linked: string[] }} `linked` are the files that are no pages
 */
export function siteText(file) {
  const pages = new Set(pageFiles());
  const linked = new Set();
  const text = mapLinks(read(file), (target) => {
    const [, path, anchor = ''] = /** @type {RegExpExecArray} */ (/^([^#]*)(#.*)?$/.exec(target));
    if (path === '' || /^[a-z]+:/.test(path)) return target;
    const named = fileOf(file, path);
    if (pages.has(named)) return `/${placeOf(named)}${anchor}`;
    linked.add(named);
    return `/${placeOfLinked(named)}${anchor}`;
  });
  return { text: APPENDED.includes(file) ? `---\nsearch: false\n---\n\n${text}` : text, linked: [...linked] };
}

/** The page with the code of a file. */
export function sourceText(file) {
  return `---\nsearch: false\n---\n\n# ${file}\n\n\`\`\`${file.split('.').at(-1)}\n${read(file)}\`\`\`\n`;
}

/** @param {string} from @param {string} target */
function fileOf(from, target) {
  return posix.join(posix.dirname(from), target);
}

/**
 * Links stand in prose: not in blocks of code, nor in code within a line.
 *
 * @param {string} text
 * @param {(target: string) => string} map
 */
function mapLinks(text, map) {
  return text
    .split(/(^```[\s\S]*?^```$)/m)
    .map((part, index) =>
      index % 2 === 1
        ? part
        : part.replace(/(`[^`]*`)|\]\(([^)\s]+)\)/g, (whole, code, target) => (code ? whole : `](${map(target)})`)),
    )
    .join('');
}
