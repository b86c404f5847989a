/** What the methods of `wsgi.errors` take (G-70), in the same words for every stream. */

/** @throws TypeError for anything but a string */
export function checkErrorText(text: unknown): asserts text is string {
  if (typeof text !== 'string') throw new TypeError(`wsgi.errors takes strings, got ${typeof text} (G-70)`);
}

/**
 * The lines of `writelines`, which adds no newlines and writes all of them or, where one is no string, nothing.
 *
 * @throws TypeError for anything but strings
 */
export function joinedLines(lines: Iterable<string>): string {
  let text = '';
  for (const line of lines) {
    checkErrorText(line);
    text += line;
  }
  return text;
}
