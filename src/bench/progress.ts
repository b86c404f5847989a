/** Tells on a terminal what is being measured, and how long it will still take. */
import type { Step } from './suite.ts';

/** Where it is written; standard error in most cases. */
interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** How long it may take. */
interface Extent {
  readonly rounds: number;
  /** Milliseconds for all of them. */
  readonly budget?: number;
}

/** On a terminal one line that is written again and again; else a line for each round of a suite. */
export class Progress {
  readonly #total: number;
  readonly #rounds: number;
  readonly #budget: number;
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  readonly #began: number;
  #done = 0;
  #told = '';

  /**
   * @param steps measurements of one round
   * @param now milliseconds
   */
  constructor(
    steps: number,
    { rounds, budget = Number.POSITIVE_INFINITY }: Extent,
    stream: ProgressStream,
    now: () => number = () => performance.now(),
  ) {
    this.#total = steps * rounds;
    this.#rounds = rounds;
    this.#budget = budget;
    this.#stream = stream;
    this.#now = now;
    this.#began = now();
  }

  /** A measurement begins. */
  step({ suite, candidate, case: name, round }: Step): void {
    const where = `round ${round + 1} of ${this.#rounds}, ${suite}`;
    if (this.#stream.isTTY) {
      const line = `${this.#left()}${where}: ${candidate}, ${name}`;
      this.#stream.write(`\r\x1b[K${line.slice(0, (this.#stream.columns ?? 80) - 1)}`);
    } else if (where !== this.#told) {
      this.#stream.write(`${this.#left()}${where}\n`);
      this.#told = where;
    }
    this.#done++;
  }

  end(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[K');
  }

  /** From what the measurements took so far. */
  #left(): string {
    if (this.#done === 0) return '';
    const elapsed = this.#now() - this.#began;
    const left = Math.min((elapsed / this.#done) * (this.#total - this.#done), Math.max(0, this.#budget - elapsed));
    return `${formatDuration(left)} left, `;
  }
}

/** `45 s`, `12 min` or `1 h 30 min`. */
function formatDuration(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
