/** The methods of `wsgi.errors`, and what they take (G-70), in the same words for every stream. */
import type { ErrorStream } from '../interface/types.ts';

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

/**
 * An error stream that holds nothing back, so that `flush` has nothing to do. Its methods need no `this`: applications
 * hand `write` on.
 *
 * @param take gets each text that is not empty
 */
export function errorStream(take: (text: string) => void): ErrorStream {
  /** @throws TypeError for anything but a string */
  function write(text: string): void {
    checkErrorText(text);
    if (text !== '') take(text);
  }
  return {
    write,
    writelines(lines: Iterable<string>): void {
      write(joinedLines(lines));
    },
    flush(): void {},
  };
}
