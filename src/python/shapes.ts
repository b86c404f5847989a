import type { Environ } from '../interface/types.ts';
import type { RunnerModule } from './pyodide.ts';

// Flags of a shape; runner.py has the same.
const MULTIPROCESS = 1;
const RUN_ONCE = 2;
const EARLY_HINTS = 4;

/** Shapes that are remembered: clients choose the names of fields. */
const MOST = 256;

/**
 * Shapes of environs: the names of their variables, and what else they have. Python keeps them by number, so that only
 * values have to be handed over for each request.
 */
export class Shapes {
  readonly #runner: Pick<RunnerModule, 'add_shape' | 'forget_shapes'>;
  readonly #numbers: Map<string, number> = new Map();

  constructor(runner: Pick<RunnerModule, 'add_shape' | 'forget_shapes'>) {
    this.#runner = runner;
  }

  /**
   * The number of a shape.
   *
   * @param names separated by NUL
   */
  of(environ: Environ, names: string): number {
    const flags =
      (environ['wsgi.multiprocess'] ? MULTIPROCESS : 0) |
      (environ['wsgi.run_once'] ? RUN_ONCE : 0) |
      (environ['quaich.early_hints'] ? EARLY_HINTS : 0);
    const key = `${flags}${names}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    if (this.#numbers.size === MOST) {
      this.#numbers.clear();
      this.#runner.forget_shapes();
    }
    const number = this.#runner.add_shape(names, flags);
    this.#numbers.set(key, number);
    return number;
  }
}
