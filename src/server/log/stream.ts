import { surviveErrors } from '../standard-streams.ts';
import type { Losses } from './losses.ts';
import { CLOSE_LIMIT, type LogOutput, MAX_WAITING, TOO_SLOW } from './output.ts';

/** Anything that takes text: a stream of Node, or an object of the owner's. */
export interface TextSink {
  write(text: string): unknown;
}

const BROKEN = 'the destination takes none any more';

/** Writes to a stream, or to any other object that the owner gave. */
export class StreamOutput implements LogOutput {
  readonly #sink: TextSink;
  readonly #losses: Losses;
  readonly #failed = (error: Error): void => this.#losses.add(0, error.message);
  /** Lines that a stream has not passed on yet. */
  #pending = 0;

  constructor(sink: TextSink, losses: Losses) {
    this.#sink = sink;
    this.#losses = losses;
    if (isStream(sink)) sink.on('error', this.#failed);
  }

  write(bytes: Buffer, lines: number): void {
    const sink = this.#sink;
    const text = bytes.toString();
    try {
      if (!isStream(sink)) {
        sink.write(text);
      } else if (!sink.writable || sink.writableLength + text.length > MAX_WAITING) {
        this.#losses.add(lines, sink.writable ? TOO_SLOW : BROKEN);
      } else {
        this.#pending += lines;
        sink.write(text, (error) => {
          this.#pending -= lines;
          if (error) this.#losses.add(lines, error.message);
        });
      }
    } catch (error) {
      this.#losses.add(lines, error instanceof Error ? error.message : String(error));
    }
  }

  reopen(): void {}

  async close(): Promise<void> {
    const sink = this.#sink;
    if (!isStream(sink)) return;
    // A pipe that breaks after the close of this log must not end the process either.
    surviveErrors(sink);
    sink.off('error', this.#failed);
    if (!sink.writable || sink.writableLength === 0) return;
    // Ends: when all is written, and after CLOSE_LIMIT.
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, CLOSE_LIMIT);
      sink.write('', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    if (this.#pending > 0) this.#losses.add(this.#pending, TOO_SLOW);
  }
}

function isStream(sink: TextSink): sink is NodeJS.WriteStream {
  return 'on' in sink && typeof sink.on === 'function' && 'writableLength' in sink;
}
