/**
 * Texts without what surrounds them, in a time linear in their length: a pattern such as `/[ \t]+$/` looks at a run of
 * blanks within the text once for each of its characters.
 */

const HTAB = 0x09;
const SP = 0x20;
const SLASH = 0x2f;

function isBlank(code: number): boolean {
  return code === SP || code === HTAB;
}

/**
 * Without the blanks around it, which are no part of a value (RFC 9110, 5.5). Not `trim`, which takes U+00A0 too, a
 * byte of UTF-8 here (G-34).
 */
export function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.substring(start, end);
}

/** Without slashes at its end (G-11). */
export function withoutFinalSlashes(path: string): string {
  let end = path.length;
  while (end > 0 && path.charCodeAt(end - 1) === SLASH) end--;
  return path.slice(0, end);
}
