/** How text from outside is shown in logs, so that a line stays one line and looks like no other (G-73). */

/** Apache's way: quotes, backslashes and all that is not printable ASCII as `\"`, `\\` and `\xHH`; `-` for no text. */
export function escaped(text: string): string {
  if (text === '') return '-';
  if (!/[^ -~]|["\\]/.test(text)) return text;
  return text.replace(/[^ -~]|["\\]/g, (found) => {
    const unit = found.charCodeAt(0);
    if (unit === 0x22 || unit === 0x5c) return `\\${found}`;
    return unit < 0x100 ? `\\x${hex(unit, 2)}` : `\\u${hex(unit, 4)}`;
  });
}

/** For a place without quotes: no blanks either. */
export function escapedWord(text: string): string {
  return /^[!#-[\]-~]+$/.test(text) ? text : escaped(text).replaceAll(' ', '\\x20');
}

/**
 * JSON escapes C0 controls only. A terminal obeys DEL and C1 as well, some readers end a line at U+2028, and what is
 * invisible or turns the direction of text makes a line look like another.
 */
export function visibleControls(line: string): string {
  if (!/[^\n -~]/.test(line)) return line;
  return line.replace(/[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu, (found) =>
    Array.from({ length: found.length }, (_, at) => `\\u${hex(found.charCodeAt(at), 4)}`).join(''),
  );
}

function hex(unit: number, digits: number): string {
  return unit.toString(16).padStart(digits, '0');
}
