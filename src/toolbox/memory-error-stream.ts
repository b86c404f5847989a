import type { ErrorStream } from '../interface/types.ts';

/**
 * `wsgi.errors` that keeps what is written to it (U-07). For tests: its memory is not bounded. Its methods need no
 * `this`, as those of a server: applications hand `write` on.
 */
export class MemoryErrorStream implements ErrorStream {
  /** All that was written so far. */
  text = '';

  /** @throws TypeError for anything but a string (G-70) */
  readonly write = (text: string): void => {
    if (typeof text !== 'string') throw new TypeError(`wsgi.errors takes strings, got ${typeof text} (G-70)`);
    this.text += text;
  };

  readonly writelines = (lines: Iterable<string>): void => {
    for (const line of lines) this.write(line);
  };

  flush(): void {}
}
