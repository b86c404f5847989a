/** Counts the deaths of workers, which end the server where they come too thick (L-32). */
export class Deaths {
  private readonly most: number;
  private readonly window: number;
  private readonly times: number[] = [];

  /** @param most within `window` milliseconds; 0: never too many */
  constructor(most: number, window: number) {
    this.most = most;
    this.window = window;
  }

  /** One more at `now`, in milliseconds. @returns whether these are too many */
  note(now: number): boolean {
    if (this.most === 0) return false;
    this.times.push(now);
    if (this.times.length > this.most) this.times.shift();
    return this.times.length === this.most && now - this.times[0] < this.window;
  }
}
