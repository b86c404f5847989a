import { ConfigurationError } from '../../interface/errors.ts';
import { APACHE, GUNICORN, type LinePart, Needs } from './atoms.ts';
import { escaped, escapedWord } from './escape.ts';
import type { AccessFormat } from './record.ts';

/** Templates that have a name. */
export const NAMED_TEMPLATES: Readonly<Record<string, string>> = {
  common: '%h %l %u %t "%r" %>s %b %{duration}n',
  combined: '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %{duration}n',
};

/** `%%`, `\"`, `%{ARGUMENT}LETTER`, `%({ARGUMENT}LETTER)s`, or one character of the owner's own words. */
const PIECE =
  /%(%)|\\(["\\t])|%[<>]?(?:\{([^{}]*)\})?([A-Za-z])|%\((?:\{([^{}]*)\})?([A-Za-z])\)s|([^%\\\p{Cc}\p{Zl}\p{Zp}]|\t)/uy;

/**
 * Makes a format of a template with the atoms of Apache (`%h`, `%{Referer}i`), or those of gunicorn (`%(h)s`).
 *
 * A line is its words and the parts of its atoms in turn, `texts[0] parts[0] texts[1] …`: the template is read once,
 * here. Double quotes in its words decide how the atoms between them are made harmless, so that a line is always one
 * line of the same number of fields.
 *
 * @throws ConfigurationError that names what cannot be read, and its place
 */
export function compileTemplate(template: string): AccessFormat {
  const needs = new Needs();
  const parts: LinePart[] = [];
  const texts = [''];
  let inQuotes = false;
  for (let at = 0; at < template.length; at = PIECE.lastIndex) {
    PIECE.lastIndex = at;
    const found = PIECE.exec(template);
    if (found === null) throw unreadable(template, at);
    const [, percent, escaping, argument, letter, otherArgument, otherLetter, word] = found;
    const own = percent ?? (escaping === 't' ? '\t' : escaping) ?? word;
    if (own !== undefined) {
      texts[parts.length] += own;
      if (own === '"') inQuotes = !inQuotes;
      continue;
    }
    const before = texts[parts.length];
    const beginsWord = !inQuotes && (before === '' ? parts.length === 0 : /\s$/.test(before));
    const place = { harmless: inQuotes ? escaped : escapedWord, beginsWord, needs };
    const atom = letter === undefined ? GUNICORN[otherLetter] : APACHE[letter];
    const part = atom?.(place, argument ?? otherArgument ?? '') ?? null;
    if (part === null) throw unreadable(template, at);
    parts.push(part);
    texts.push('');
  }
  texts[parts.length] += '\n';
  // Of the line before: what its parts show, as what, and the bytes up to each of them and to the end.
  const before: unknown[] = parts.map(() => undefined);
  const shown = parts.map(() => '');
  const offsets = [0, ...parts.map(() => 0)];
  return {
    facts: needs,
    write(record, lines) {
      // Most lines begin as the one before.
      let isSame = lines.begin();
      if (!isSame) {
        lines.put(texts[0]);
        offsets[0] = lines.lineSize;
      }
      for (let i = 0; i < parts.length; i++) {
        const part = parts[i];
        const value = part.of(record);
        if (value !== before[i]) {
          before[i] = value;
          shown[i] = part.show(value);
        } else if (isSame) {
          continue;
        }
        if (isSame) lines.repeat(offsets[i]);
        isSame = false;
        lines.put(shown[i]);
        lines.put(texts[i + 1]);
        offsets[i + 1] = lines.lineSize;
      }
      if (isSame) lines.repeat(offsets[parts.length]);
    },
  };
}

function unreadable(template: string, at: number): ConfigurationError {
  const [shown] = /^.[^\s"]{0,30}/su.exec(template.slice(at)) ?? [''];
  const what = shown.startsWith('%') ? 'unknown atom' : 'unexpected character';
  return new ConfigurationError(`${what} at character ${at + 1} of the template: ${JSON.stringify(shown)}`);
}
