// @ts-check
/**
 * HTML for the examples: a template tag that escapes what is put into it, and the frame around every page.
 */
import { createHash } from 'node:crypto';
import { sendText } from './respond.js';

/** A piece of HTML that is known to be safe: only `html` and `trusted` make one. */
class Markup {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }
}

/** @type {Record<string, string>} */
const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/**
 * @param {unknown} value
 * @returns {string}
 */
function render(value) {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(render).join('');
  if (value === null || value === undefined || value === false) return '';
  return String(value).replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

/**
 * Escapes every value for element content and for quoted attributes; nested `html` and arrays of it stay as they are.
 *
 * @param {TemplateStringsArray} strings
 * @param {unknown[]} values
 */
export function html(strings, ...values) {
  return new Markup(String.raw({ raw: strings }, ...values.map(render)));
}

/**
 * HTML that somebody else has made and escaped.
 *
 * @param {string} text
 */
export function trusted(text) {
  return new Markup(text);
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2330; --dim: #5b6474; --paper: #fbfaf7; --card: #fff; --line: #dcd8cf; --accent: #8a4b12; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e9e6df; --dim: #a2a9b5; --paper: #16191f; --card: #1f242c; --line: #38404c; --accent: #e8a86a; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 56rem; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: .5rem 0; } h2 { font-size: 1.1rem; margin: 0; }
a { color: var(--accent); } code, output, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { overflow-x: auto; padding: .75rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); padding: 0; list-style: none; }
.cards li { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; }
.cards p { margin: .5rem 0; color: var(--dim); } .dim, footer { color: var(--dim); font-size: .9rem; }
.badge { display: inline-block; border: 1px solid currentColor; border-radius: 1rem; padding: 0 .6rem; font-size: .78rem; }
.sync { color: #0b7a5b; } .async { color: #2b5fc7; } .trait { color: var(--dim); }
@media (prefers-color-scheme: dark) { .sync { color: #5ecfae; } .async { color: #8ab4ff; } }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
input, textarea, button { font: inherit; padding: .4rem .6rem; border: 1px solid var(--line); border-radius: .4rem;
  background: var(--card); color: inherit; } textarea { width: 100%; } progress { width: 100%; }
form p { margin: .6rem 0; } figure { margin: 1.5rem 0; }
svg { display: block; width: 100%; height: 9rem; background: var(--card); border: 1px solid var(--line); }
polyline { fill: none; stroke: var(--accent); stroke-width: 2; vector-effect: non-scaling-stroke; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .75rem; }
`;

/** @param {string} text */
const sourceHash = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
const STYLE_HASH = sourceHash(STYLE);

/**
 * @typedef {object} Page
 * @property {string} title
 * @property {Markup} body
 * @property {string} [script] source text, part of the program and never of a request
 * @property {string} [connect] another origin that the script may talk to
 * @property {string} [status]
 * @property {import('quaich').HeaderField[]} [headers]
 */

/**
 * Answers with a whole page. Its Content-Security-Policy lets run the given script and nothing else.
 *
 * @param {import('./respond.js').Start} startResponse
 * @param {Page} page
 */
export function sendPage(startResponse, { title, body, script = '', connect = '', status = '200 OK', headers = [] }) {
  const markup = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${trusted(STYLE)}</style>
</head>
<body>
${body}
${script !== '' && html`<script>${trusted(script)}</script>`}
</body>
</html>
`;
  const policy = [
    "default-src 'none'",
    "base-uri 'none'",
    `connect-src 'self' ${connect}`.trimEnd(),
    "form-action 'self'",
    "frame-ancestors 'none'",
    'img-src data:',
    `style-src ${STYLE_HASH}`,
    `script-src ${script === '' ? "'none'" : sourceHash(script)}`,
  ].join('; ');
  return sendText(startResponse, status, markup.text, [['Content-Security-Policy', policy], ...headers], 'text/html');
}
