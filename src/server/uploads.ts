/** A request whose body is still to come. */
interface Upload {
  /** Its turn has come. */
  dispatch(): void;
}

/**
 * The requests that sync workers have while their clients still send the bodies, and those that wait for their turn:
 * one worker is left to all others where there are several, so that slow clients cannot take all of them (B-44).
 */
export class Uploads {
  private readonly running = new Set<Upload>();
  /** In the order in which they came. */
  private readonly waiting = new Set<Upload>();
  private readonly most: () => number;

  /** @param most that may run at a time, just now */
  constructor(most: () => number) {
    this.most = most;
  }

  get areWaiting(): boolean {
    return this.waiting.size > 0;
  }

  /** Whether a worker may have this one. If not, its `dispatch` is called when one may. */
  admits(upload: Upload): boolean {
    const may = this.running.size < this.most();
    (may ? this.running : this.waiting).add(upload);
    return may;
  }

  /** Its body has ended, or all of it. */
  end(upload: Upload): void {
    this.running.delete(upload);
    this.waiting.delete(upload);
    this.admitWaiting();
  }

  /** Also due where more may run than before. */
  admitWaiting(): void {
    while (this.waiting.size > 0 && this.running.size < this.most()) {
      const [next] = this.waiting;
      this.waiting.delete(next);
      next.dispatch();
    }
  }
}
