/** The Markdown of the repository, and what it links. */
import { posix } from 'node:path';
import { filesOf, read } from '../house/sources.ts';

/** All pages that somebody reads, here or on the site. */
export const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'],
  ...filesOf(['create-quaich', 'docs', 'templates'], /\.md$/),
];

export const withoutBlocks = (text: string): string => text.replace(/^```[\s\S]*?^```$/gm, '');
const withoutCode = (text: string): string => withoutBlocks(text).replace(/`[^`\n]*`/g, '``');

/** The anchors of a page: those of its headings, by the rules of GitHub, and those that it sets itself. */
export function anchors(text: string): Set<string> {
  const found = new Set([...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id));
  const seen = new Map<string, number>();
  for (const [, heading] of withoutBlocks(text).matchAll(/^#+ (.*)$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = plain.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-');
    const before = seen.get(slug) ?? 0;
    seen.set(slug, before + 1);
    found.add(before === 0 ? slug : `${slug}-${before}`);
  }
  return found;
}

export interface Link {
  /** As it is written. */
  target: string;
  /** Relative to the root of the repository. */
  file: string;
  anchor: string | undefined;
}

/** The links of a page to others, to its own headings, to files and pictures; addresses on the web left out. */
export function links(page: string): Link[] {
  const text = withoutCode(read(page));
  const written = [
    ...text.matchAll(/\]\(\s*([^)\s]+)/g), // [text](target), ![text](target "title")
    ...text.matchAll(/^ {0,3}\[[^\]]+\]:\s*(\S+)/gm), // [name]: target
    ...text.matchAll(/<\w+\s[^>]*(?:href|src|srcset)="([^"]*)"/g),
  ];
  return written
    .map(([, target]) => target)
    .filter((target) => !/^(?:[a-z]+:|\/\/)/.test(target))
    .map((target) => {
      const [path, anchor] = target.split('#');
      return { target, file: path === '' ? page : posix.join(posix.dirname(page), decodeURIComponent(path)), anchor };
    });
}
