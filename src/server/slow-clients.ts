import type { Exchange } from '../protocols/exchange.ts';
import type { GatewayEnd } from '../rings/index.ts';
import type { PooledRequest } from './pooled-request.ts';
import type { Report } from './report.ts';

/** Milliseconds between two looks: a worker waits for a client so long, and at most twice as long. */
const INTERVAL = 50;
/** Looks that a client has, and the queue, where there is no space: two seconds. */
const GRACE = 2000 / INTERVAL;
/**
 * Bytes that a client which is not slow takes within that time. They are counted when a window of the rings is empty,
 * up to 1 MiB at once, so this is half of what a client takes at 1 MiB a second.
 */
const LEAST_TAKEN = 2 ** 20;

const NO_SPACE =
  'is broken off: its client is slow, what it has not taken cannot be kept (limitSpool), and requests wait for sync ' +
  'workers (B-45)';

/** The requests that wait for a sync worker. */
type SyncQueue = Pick<GatewayEnd, 'queueHead' | 'queueLength'>;

/** A request that a sync worker has. */
export type HeldRequest = Pick<PooledRequest, 'breakOff' | 'exchange' | 'isBehind' | 'relieve' | 'shown'>;

/** What the looks at a response have found. */
class Found {
  /** Its worker waited for the client at the last look. */
  wasBehind = false;
  /** It did so most of the time, and the client took little, within the last `GRACE` looks. */
  isSlow = false;
  private looks = 0;
  private looksBehind = 0;
  private sent: number;

  constructor(sent: number) {
    this.sent = sent;
  }

  add(isBehind: boolean, sent: number): void {
    this.wasBehind = isBehind;
    this.looks++;
    if (isBehind) this.looksBehind++;
    if (this.looks < GRACE) return;
    this.isSlow = this.looksBehind > GRACE / 2 && sent - this.sent < LEAST_TAKEN;
    this.looks = 0;
    this.looksBehind = 0;
    this.sent = sent;
  }
}

/**
 * Looks after the clients of sync workers while requests wait for these: no worker is to wait for a client then (B-45).
 * What is sent to a slow one is kept where there is space. Where there is none, and no request has come to a worker for
 * two seconds, the response to a slow client is broken off: of several that of which least was sent, since little is
 * lost with it. As many are broken off at a time as requests wait.
 */
export class SlowClients {
  private readonly requests: () => Iterable<HeldRequest>;
  private readonly queue: SyncQueue;
  private readonly report: Report;
  private timer: NodeJS.Timeout | null = null;
  /** At the last look. */
  private found = new Map<Exchange, Found>();
  private head = 0;
  /** Looks since the queue moved. */
  private looks = 0;

  /** @param requests those that sync workers in service have */
  constructor(requests: () => Iterable<HeldRequest>, queue: SyncQueue, report: Report) {
    this.requests = requests;
    this.queue = queue;
    this.report = report;
  }

  /** Due where requests may have begun to wait. */
  watch(): void {
    if (this.timer !== null) return;
    if (this.queue.queueLength === 0) {
      this.looks = 0;
      return;
    }
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

  private look(): void {
    const found = new Map<Exchange, Found>();
    let least: HeldRequest | null = null;
    let leastSent = Number.POSITIVE_INFINITY;
    let ending = 0;
    for (const request of this.requests()) {
      const { exchange, isBehind } = request;
      if (exchange === null) continue;
      if (exchange.isCut) {
        ending++;
        continue;
      }
      const { sent } = exchange;
      const those = this.found.get(exchange) ?? new Found(sent);
      const isHeld = isBehind && those.wasBehind && !request.relieve();
      those.add(isBehind, sent);
      found.set(exchange, those);
      if (!isHeld || !those.isSlow || sent >= leastSent) continue;
      least = request;
      leastSent = sent;
    }
    this.found = found;
    const { queueHead: head, queueLength: length } = this.queue;
    this.looks = head === this.head ? this.looks + 1 : 0;
    this.head = head;
    if (least === null || this.looks < GRACE || ending >= length) return;
    this.report('warn', `${least.shown} ${NO_SPACE}`);
    least.breakOff();
  }
}
