import { nothing } from '../rules/promises.ts';

/**
 * The turns of the event loop, which the gateway shares with the destinations of its requests. What can wait for the
 * end of a turn is done there once for all requests of the turn: one wake-up of a worker, one write to a socket.
 */
export class Turn {
  /**
   * Milliseconds of the server's own clock, which the gateway moves by ticks: neither a system clock that is set nor
   * the time in which this process was stopped (SIGSTOP, a suspended machine, a frozen container) is taken from
   * anybody's limit.
   */
  now = 0;
  /** A destination has had room again since the last end of a turn. */
  hasRoom = false;
  /** Requests wait for that; the gateway says so. */
  isAwaited = false;
  private time = 0;
  private task: () => void = nothing;
  private immediate: NodeJS.Immediate | null = null;
  private readonly run = (): void => {
    this.immediate = null;
    this.task();
    this.time = 0;
  };

  /**
   * Milliseconds, as of `performance.now`, at which this turn began for who asked first. What is read in a turn has
   * come before it, so this is nearer to the truth than the time at which it is read, and a look at the clock for all.
   */
  get begun(): number {
    if (this.time === 0) {
      this.time = performance.now();
      this.schedule();
    }
    return this.time;
  }

  /** Says what is done at the end of a turn; the gateway does, once. */
  onEnd(task: () => void): void {
    this.task = task;
  }

  /** Something is to be done at the end of this turn. */
  schedule(): void {
    this.immediate ??= setImmediate(this.run);
  }

  /** Does at once what is to be done at the end, which then is not another turn. */
  end(): void {
    if (this.immediate !== null) clearImmediate(this.immediate);
    this.immediate = null;
    this.task();
    this.time = 0;
  }

  /** A destination has room again: requests that it turned away are offered once more at the end of this turn. */
  retry(): void {
    this.hasRoom = true;
    if (this.isAwaited) this.schedule();
  }
}
