/** Runs a task once at the end of the event loop's turn, however often it is asked for: one wake-up for many requests. */
export class TurnEnd {
  private readonly task: () => void;
  private readonly run: () => void;
  private scheduled = false;

  constructor(task: () => void) {
    this.task = task;
    this.run = () => {
      this.scheduled = false;
      this.task();
    };
  }

  schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(this.run);
  }
}
