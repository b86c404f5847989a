/** What is being measured, and how long it will still take. */
import type { Step } from '../../bench/suite.ts';

/** A line that is written anew at each step on a terminal; elsewhere a line a round. */
export class Progress {
  readonly #total: number;
  readonly #rounds: number;
  readonly #terminal: boolean;
  readonly #write: (text: string) => void;
  readonly #began = performance.now();
  #steps = 0;
  #round = -1;

  constructor(total: number, rounds: number, terminal: boolean, write: (text: string) => void) {
    this.#total = total;
    this.#rounds = rounds;
    this.#terminal = terminal;
    this.#write = write;
  }

  step({ candidate, case: name, round }: Step): void {
    const left = this.#steps === 0 ? '' : `, ${this.#left()} left`;
    this.#steps++;
    const where = `round ${round + 1} of ${this.#rounds}`;
    if (this.#terminal) this.#write(`\r\x1b[K${this.#steps}/${this.#total}  ${where}${left}: ${candidate}, ${name}`);
    else if (round !== this.#round) this.#write(`${where}${left}\n`);
    this.#round = round;
  }

  end(): void {
    if (this.#terminal) this.#write('\r\x1b[K');
  }

  #left(): string {
    const seconds = ((performance.now() - this.#began) / 1000 / this.#steps) * (this.#total - this.#steps);
    return seconds < 90 ? `about ${Math.ceil(seconds)} s` : `about ${Math.ceil(seconds / 60)} min`;
  }
}
