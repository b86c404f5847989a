import type { ErrorStream } from '../interface/types.ts';
import { checkErrorText, joinedLines } from '../rules/error-text.ts';

/**
 * `wsgi.errors` that keeps what is written to it (U-07). For tests: its memory is not bounded. Its methods need no
 * `this`, as those of a server: applications hand `write` on.
 */
export class MemoryErrorStream implements ErrorStream {
  /** All that was written so far. */
  text = '';

  /** @throws TypeError for anything but a string (G-70) */
  readonly write = (text: string): void => {
    checkErrorText(text);
    this.text += text;
  };

  readonly writelines = (lines: Iterable<string>): void => {
    this.write(joinedLines(lines));
  };

  flush(): void {}
}
