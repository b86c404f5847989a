/** What those who develop see of an error: as HTML in a browser, as plain text elsewhere. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import Negotiator from 'negotiator';
import { QuaichError } from '../interface/errors.ts';
import { escapeHtml } from '../rules/html.ts';
import { property } from '../rules/property.ts';
import { describeError, shownRequest } from '../rules/show.ts';
import { sourceExcerpt } from '../rules/source-excerpt.ts';
import { framePosition, type Position } from '../rules/stack-frame.ts';
import type { AnyEnviron } from './types.ts';

/** What is shown, in this order; nothing in place of what is empty. */
interface DevelopmentPage {
  readonly title: string;
  /** `GET "/path"` */
  readonly request: string;
  /** What to do, and the rules that were broken. */
  readonly advice: string;
  /** Lines of source around the positions of the error and of its causes. */
  readonly source: string;
  /** The error with its stack, and its causes with theirs. */
  readonly stack: string;
}

const MOST_CAUSES = 5;
const MOST_FRAMES = 100;
const MOST_RULES = 3;
/** The code of this package: nobody looks for his mistake there. */
const OWN = dirname(import.meta.dirname);
const CODES_WITH_ROWS: readonly unknown[] = ['QUAICH_VALIDATION', 'QUAICH_APPLICATION'];

/** What can be told of an error, whatever was thrown. */
export function explainError(error: unknown): Pick<DevelopmentPage, 'advice' | 'source' | 'stack'> {
  return { advice: adviceOn(error), source: excerpts(error), stack: describeError(error) };
}

/** In the form that a request accepts. */
export function developmentAnswer(page: DevelopmentPage, accept: string | undefined): { type: string; text: string } {
  return wantsHtml(accept)
    ? { type: 'text/html; charset=utf-8', text: asHtml(page) }
    : { type: 'text/plain; charset=utf-8', text: asText(page) };
}

/** For a page as above: nothing of it runs, and nothing is loaded. */
export const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/** A request, as all reports name it. */
export function requestLine({ REQUEST_METHOD: method, SCRIPT_NAME: script, PATH_INFO: path }: AnyEnviron): string {
  return shownRequest(method, script, path);
}

function wantsHtml(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  return new Negotiator({ headers: { accept } }).mediaType(['text/plain', 'text/html']) === 'text/html';
}

function asText({ title, advice, source, stack }: DevelopmentPage): string {
  return `${[title, advice, source, stack]
    .filter((part) => part !== '')
    .map((part) => part.trimEnd())
    .join('\n\n')}\n`;
}

function asHtml({ title, request, advice, source, stack }: DevelopmentPage): string {
  const section = (text: string, name = '') => (text === '' ? '' : `<pre${name}>${escapeHtml(text)}</pre>\n`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escapeHtml(title)}</title>
<style>body{font:16px/1.5 sans-serif;margin:2em}pre{background:#f4f4f4;color:#222;padding:1em;overflow:auto}
.advice{background:#fff4d6;white-space:pre-wrap}</style>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(request)}</p>
${section(advice, ' class="advice"')}${section(source)}${section(stack)}</html>
`;
}

/** What to do about an error of the interface, with the text of the rules that its message names; `''` for others. */
function adviceOn(error: unknown): string {
  try {
    if (!(error instanceof QuaichError) || !CODES_WITH_ROWS.includes(error.code)) return '';
    const rows = new Set([...error.message.matchAll(/\b(?:[GAMVUBL]|PY)-\d{2,3}\b/g)].map(([row]) => row));
    const rules = [...rows].slice(0, MOST_RULES).map((row) => `Rule ${row}: ${ruleText(row)}`);
    const remedy = property(error, 'advice');
    return [...(typeof remedy === 'string' ? [`What to do: ${remedy}`] : []), ...rules].join('\n\n');
  } catch {
    return ''; // a getter or a Proxy that throws (G-145)
  }
}

let specification: string | undefined;

/** A rule, as the specification that comes with this package words it. */
function ruleText(row: string): string {
  try {
    specification ??= readFileSync(
      join(dirname(createRequire(import.meta.url).resolve('quaich/package.json')), 'docs/SPEC.md'),
      'utf8',
    );
  } catch {
    specification = '';
  }
  const anchor = specification.indexOf(`<a id="${row.toLowerCase()}"></a>`);
  if (anchor < 0) return 'see the specification';
  const [text] = specification.slice(specification.indexOf('** ', anchor) + 3).split('\n\n', 1);
  return text.replaceAll('\n', ' ');
}

/** The lines around the innermost positions, in somebody's own code, of the error and of its causes. */
function excerpts(error: unknown): string {
  const found = chain(error).map(excerpt);
  return [...new Set(found)].filter((one) => one !== '').join('\ncaused by\n\n');
}

/** An error and its causes. */
function chain(error: unknown): Error[] {
  const found: Error[] = [];
  try {
    for (let each = error; found.length < MOST_CAUSES && each instanceof Error; each = each.cause) found.push(each);
  } catch {
    // A getter or a Proxy that throws (G-145).
  }
  return found;
}

function excerpt(error: Error): string {
  const all = positions(error).filter(({ file }) => !file.startsWith(OWN));
  const own = all.filter(({ file }) => !/[\\/]node_modules[\\/]/.test(file));
  for (const position of [...own, ...all]) {
    const lines = sourceExcerpt(position);
    if (lines !== null) return lines;
  }
  return '';
}

/**
 * The file positions of an error, innermost first. Only what stands behind the message is a stack: the message may
 * repeat what a client sent, line ends included, and would name any file.
 */
function positions(error: Error): Position[] {
  try {
    const { message, stack = '' } = error;
    const at = stack.indexOf(message);
    if (at < 0) return [];
    const lines = stack.slice(at + message.length).split('\n', MOST_FRAMES);
    return lines.map(framePosition).filter((position) => position !== null);
  } catch {
    return []; // as above
  }
}
