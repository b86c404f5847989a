import type { ErrorStream } from '../../src/interface/types.ts';

/** An error stream in memory. */
export class MemoryErrors implements ErrorStream {
  text = '';

  write(text: string): void {
    this.text += text;
  }

  writelines(lines: Iterable<string>): void {
    for (const line of lines) this.write(line);
  }

  flush(): void {}
}
