import type { PooledRequest } from './pooled-request.ts';
import type { Report } from './report.ts';

/** Milliseconds between two looks: a worker waits for a client so long, and at most twice as long. */
const INTERVAL = 50;
/** Looks that a client has, and all workers, where there is no space: a second. */
const GRACE = 1000 / INTERVAL;
/** Bytes from one look to the next, on an average, of a client that is not slow: a MiB a second. */
const LEAST_TAKEN = 2 ** 20 / GRACE;

const NO_SPACE =
  'was broken off: its client is slow, there is no space for what it has not taken (limitSpool), and requests wait ' +
  'for sync workers (B-45)';

/**
 * Looks after the clients of sync workers while requests wait for these: no worker is to wait for a client then (B-45).
 * Where there is no space for what a worker sends, and the workers have been through with no request for a second, the
 * response to a slow client is broken off: of several that of which least was sent, since little is lost with it.
 */
export class SlowClients {
  private readonly requests: () => Iterable<PooledRequest>;
  private readonly areAwaited: () => boolean;
  private readonly report: Report;
  private timer: NodeJS.Timeout | null = null;
  /** Looks since a worker was through with a request. */
  private looks = 0;

  /**
   * @param requests those that sync workers have
   * @param areAwaited whether requests wait for a sync worker
   */
  constructor(requests: () => Iterable<PooledRequest>, areAwaited: () => boolean, report: Report) {
    this.requests = requests;
    this.areAwaited = areAwaited;
    this.report = report;
  }

  /** Due where requests may have begun to wait. */
  watch(): void {
    if (this.timer !== null || !this.areAwaited()) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.look();
      this.watch();
    }, INTERVAL);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
  }

  /** A sync worker is through with a request. */
  moved(): void {
    this.looks = 0;
  }

  private look(): void {
    let least: PooledRequest | null = null;
    for (const request of this.requests()) {
      request.look();
      if (request.looksBehind < 2 || request.relieve()) continue;
      const isSlow = request.sentBehind < (request.looksBehind - GRACE) * LEAST_TAKEN;
      if (isSlow && (least === null || request.sent < least.sent)) least = request;
    }
    if (++this.looks <= GRACE || least === null) return;
    this.looks = 0;
    this.report('warn', `${least.shown} ${NO_SPACE}`);
    least.breakOff();
  }
}
