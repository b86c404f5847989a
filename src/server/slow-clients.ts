import type { Exchange } from '../protocols/exchange.ts';
import type { PooledRequest } from './pooled-request.ts';
import type { Report } from './report.ts';

/** Milliseconds between two looks: a worker waits for a client so long, and at most twice as long. */
const INTERVAL = 50;
/** Looks that a client has, and those who wait, where nothing can be kept: two seconds. */
const GRACE = 2000 / INTERVAL;
/**
 * Bytes that a client which is not slow takes within that time. They are counted when a window of the rings is empty,
 * up to 1 MiB at once, so this is half of what a client takes at 1 MiB a second.
 */
const LEAST_TAKEN = 2 ** 20;

const NOT_KEPT =
  'is broken off: its client takes too little of it, the rest cannot be kept (limitSpool), and requests wait for sync ' +
  'workers (B-45)';

/** A request that a sync worker has. */
export type HeldRequest = Pick<PooledRequest, 'breakOff' | 'exchange' | 'isBehind' | 'relieve' | 'shown'>;

/** What the last looks at a response have found. */
class Looks {
  private readonly sent: number[] = [];
  private readonly behind: boolean[] = [];
  /** Since it was broken off: looks until its worker, which may go on, no more counts as about to be free. */
  endingLooks = 0;

  /** Its worker waited for the client at the last look. */
  get wasBehind(): boolean {
    return this.behind.at(-1) ?? false;
  }

  add(sent: number, isBehind: boolean): void {
    this.sent.push(sent);
    this.behind.push(isBehind);
    if (this.sent.length <= GRACE) return;
    this.sent.shift();
    this.behind.shift();
  }

  /** The client has taken little in all that time, and its worker waited for it during most of it. */
  get isClientSlow(): boolean {
    const { behind, sent } = this;
    if (sent.length < GRACE || sent[GRACE - 1] - sent[0] >= LEAST_TAKEN) return false;
    return behind.filter(Boolean).length > GRACE / 2;
  }
}

/**
 * Looks after the clients of sync workers while requests wait for these: no worker is to wait for a client then (B-45).
 * What is sent to a slow one is kept where that can be. Where not, and no request has come to a worker for two seconds,
 * a response is broken off whose client takes little: of several that of which least was sent, since little is lost
 * with it. As many are broken off at a time as requests wait.
 */
export class SlowClients {
  private readonly requests: () => Iterable<HeldRequest>;
  private readonly waiting: () => number;
  private readonly report: Report;
  private timer: NodeJS.Timeout | null = null;
  private isStopped = false;
  private looks = new Map<Exchange, Looks>();
  /** Looks since a request has come to a worker. */
  private standstill = 0;

  /**
   * @param requests those that sync workers in service have
   * @param waiting how many wait for a sync worker
   */
  constructor(requests: () => Iterable<HeldRequest>, waiting: () => number, report: Report) {
    this.requests = requests;
    this.waiting = waiting;
    this.report = report;
  }

  /** Requests may have begun to wait. */
  watch(): void {
    if (this.isStopped) return;
    this.timer ??= setTimeout(() => {
      this.timer = null;
      const waiting = this.waiting();
      if (waiting > 0) {
        this.look(waiting);
        this.watch();
      } else {
        this.looks.clear();
        this.standstill = 0;
      }
    }, INTERVAL).unref();
  }

  /** A worker is through with a request, and takes another one. */
  moved(): void {
    this.standstill = 0;
  }

  stop(): void {
    this.isStopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private look(waiting: number): void {
    const before = this.looks;
    this.looks = new Map();
    this.standstill++;
    let least: { request: HeldRequest; looks: Looks; sent: number } | null = null;
    let ending = 0;
    for (const request of this.requests()) {
      const { exchange, isBehind } = request;
      if (exchange === null) continue;
      let looks = before.get(exchange);
      if (looks === undefined) {
        looks = new Looks();
        this.standstill = 0;
      }
      this.looks.set(exchange, looks);
      if (exchange.isCut) {
        if (looks.endingLooks-- > 0) ending++;
        continue;
      }
      const { sent } = exchange;
      const isHeld = isBehind && looks.wasBehind && !request.relieve();
      looks.add(sent, isBehind);
      if (isHeld && looks.isClientSlow && (least === null || sent < least.sent)) least = { request, looks, sent };
    }
    if (least === null || this.standstill < GRACE || ending >= waiting) return;
    const { request, looks } = least;
    looks.endingLooks = GRACE;
    this.report('warn', `${request.shown} ${NOT_KEPT}`);
    request.breakOff();
  }
}
