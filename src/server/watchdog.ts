import type { GatewayEnd } from '../rings/index.ts';

/** What is known of the event loop of one worker. */
interface Watched {
  /** `GatewayEnd.turns` at the last look. */
  turns: number;
  /** When it was called for the last time, in milliseconds; -1: it has turned since. */
  called: number;
}

/** Looks at the event loops of async workers from outside: one that is blocked tells nothing itself (L-25). */
export class Watchdog {
  private readonly rings: GatewayEnd;
  private readonly limit: number;
  private readonly watched: Watched[];

  /** @param limit milliseconds for an event loop to turn */
  constructor(rings: GatewayEnd, limit: number) {
    this.rings = rings;
    this.limit = limit;
    this.watched = Array.from({ length: rings.layout.workers }, () => ({ turns: 0, called: -1 }));
  }

  /** Whether the event loop of an async worker has not turned within the limit. Calls it; ask again later. */
  isBlocked(worker: number, now: number): boolean {
    const watched = this.watched[worker];
    const turns = this.rings.turns(worker);
    if (turns !== watched.turns) {
      watched.turns = turns;
      watched.called = -1;
    } else if (watched.called < 0) {
      watched.called = now;
      this.rings.call(worker);
    }
    return watched.called >= 0 && now - watched.called >= this.limit;
  }

  /** The worker has nothing to do, or is a new one. */
  forget(worker: number): void {
    this.watched[worker].called = -1;
  }
}
