// The list of layers, from the top: data (layers.json) for the architecture page and for the test of the imports.
import { readFileSync } from 'node:fs';

/** @type {readonly { path: string, holds: string, loads?: readonly string[] }[]} */
export const layers = JSON.parse(readFileSync(new URL('layers.json', import.meta.url), 'utf8'));

const BEGIN = '<!-- layers: written by `npm run docs` from scripts/layers.json -->';
const END = '<!-- end of layers -->';

/** The list as it stands on the page, with its markers. */
export function layerBlock() {
  const rows = layers.map(({ path, holds, loads = [] }) => {
    return `| \`${path}\` | ${holds} | ${loads.map((name) => `\`${name}\``).join(', ')} |`;
  });
  return [BEGIN, '', '| files | what they hold | what they alone load |', '| --- | --- | --- |', ...rows, '', END].join(
    '\n',
  );
}

/** The page with the list of today. @param {string} page */
export function withLayers(page) {
  const [start, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (start === -1 || end < start) throw new Error('The architecture page has no place for the list of layers');
  return page.slice(0, start) + layerBlock() + page.slice(end + END.length);
}
