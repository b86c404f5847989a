import type { Exchange } from '../../protocols/exchange.ts';
import { nothing } from '../../rules/promises.ts';
import { Histogram } from './histogram.ts';

/** What became of a connection as it came: its requests are served, refused with 503, or it was closed at once. */
export type Admitted = 'accepted' | 'refused' | 'dropped';

/** Bytes that a socket has carried. */
export interface Carried {
  readonly received: number;
  readonly sent: number;
}

/** Who counts requests and connections is told here, where they happen. */
export interface Traffic {
  /** Whether anybody counts: only then are the steps of requests timed. */
  readonly isCounted: boolean;
  /** An application that got its request at `exchange.takenTime` has begun to answer. */
  answered(exchange: Exchange): void;
  /** A request is over, also one that no application had, at `now` as of `performance.now`. */
  finished(exchange: Exchange, now: number): void;
  opened(outcome: Admitted): void;
  /** A connection that was not dropped is closed. */
  closed(carried: Carried): void;
}

/** Counts nothing. */
export const noTraffic: Traffic = {
  isCounted: false,
  answered: nothing,
  finished: nothing,
  opened: nothing,
  closed: nothing,
};

/** The requests of one mount, or those that came to none. */
export class MountTraffic {
  /** Requests that are over, by the first digit of their status. */
  readonly statuses = new Float64Array(6);
  /** Those whose client left before the end of the response. */
  disconnects = 0;
  /** From the head of the request to an application, from there to the head of the response, and all in all. */
  readonly queue = new Histogram();
  readonly application = new Histogram();
  readonly total = new Histogram();
}

/** Counts in plain numbers: metrics are made of them when somebody asks. */
export class CountedTraffic implements Traffic {
  readonly isCounted = true;
  /** Of requests that came to no mount, and by mount. */
  readonly unrouted = new MountTraffic();
  readonly mounts: readonly MountTraffic[];
  readonly connections: Record<Admitted, number> = { accepted: 0, refused: 0, dropped: 0 };
  /** Of connections that are closed. */
  readonly carried = { received: 0, sent: 0 };

  constructor(mounts: number) {
    this.mounts = Array.from({ length: mounts }, () => new MountTraffic());
  }

  answered(exchange: Exchange): void {
    const { queue, application } = this.#of(exchange);
    const { startTime, takenTime } = exchange;
    queue.observe(Math.max(0, takenTime - startTime)); // two threads' looks at a clock
    application.observe(Math.max(0, performance.now() - takenTime));
  }

  finished(exchange: Exchange, now: number): void {
    const mount = this.#of(exchange);
    mount.statuses[Math.floor(exchange.finalStatus / 100)]++;
    if (exchange.wasLeft) mount.disconnects++;
    // Of what could not be read as a request nobody knows when it began.
    if (exchange.startTime > 0) mount.total.observe(now - exchange.startTime);
  }

  #of(exchange: Exchange): MountTraffic {
    return exchange.mount < 0 ? this.unrouted : this.mounts[exchange.mount];
  }

  opened(outcome: Admitted): void {
    this.connections[outcome]++;
  }

  closed({ received, sent }: Carried): void {
    this.carried.received += received;
    this.carried.sent += sent;
  }
}
