/**
 * How fast a client is while the server waits for it (L-24). Only that time counts: neither an application with little
 * to send nor one that reads slowly makes a client slow.
 */
export class Pace {
  /** Milliseconds of waiting since the last look. */
  private waited = 0;
  /** Bytes at the last look. */
  private before: number;

  constructor(bytes: number) {
    this.before = bytes;
  }

  /**
   * Looks at the average once in `period` milliseconds of waiting.
   *
   * @param elapsed milliseconds of waiting since the last call
   * @param bytes all that the client has sent, or taken
   * @param rate bytes a second
   * @returns true where it was below the rate
   */
  isSlow(elapsed: number, bytes: number, period: number, rate: number): boolean {
    this.waited += elapsed;
    if (this.waited < period) return false;
    const least = (rate * this.waited) / 1000;
    const moved = bytes - this.before;
    this.waited = 0;
    this.before = bytes;
    return moved < least;
  }
}
