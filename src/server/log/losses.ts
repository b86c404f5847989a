/** Milliseconds between two reports of losses that go on. */
const TELL_EVERY = 10_000;

/** Counts the lines of a log that are lost, and reports them: a log with holes must not pass for a whole one. */
export class Losses {
  lines = 0;
  #told = 0;
  #reason = '';
  /** Runs until the next report is allowed. */
  #timer: NodeJS.Timeout | undefined;
  readonly #report: (error: Error) => void;

  constructor(report: (error: Error) => void) {
    this.#report = report;
  }

  add(lines: number, reason: string): void {
    this.lines += lines;
    this.#reason = reason;
    if (this.#timer === undefined) this.#tell();
  }

  /** Reports what was lost since the last report. */
  finish(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#reason !== '') this.#tell();
  }

  #tell(): void {
    const lost = this.lines - this.#told;
    const reason = this.#reason;
    this.#told = this.lines;
    this.#reason = '';
    this.#timer = setTimeout(() => this.finish(), TELL_EVERY).unref();
    this.#report(new Error(lost === 0 ? reason : `lines lost: ${lost} (${reason})`));
  }
}
