/** What the applications on other threads measure, on the side of the server: asked for, kept, and counted on. */
import { nothing } from '../rules/promises.ts';
import { within } from '../rules/within.ts';
import { addToPast, type MetricData, type MetricLists } from './metric-data.ts';
import type { ToldMetrics } from './own-metrics.ts';

/** Milliseconds to wait for threads to tell: of those that are busy for longer counts what they told last. */
export const METRICS_WAIT = 500;

/** What the applications of one thread measure. */
export class ThreadMetrics {
  /** As it was told last. */
  last: ToldMetrics = { metrics: [], fault: '' };
  /** Whether they measure anything. */
  isUsed = false;
  readonly #ask: () => void;
  #asked: Promise<void> | null = null;
  #told: () => void = nothing;

  /** @param ask has the thread tell, once */
  constructor(ask: () => void) {
    this.#ask = ask;
  }

  /** Asks for `last`, unless it is about to be told. */
  ask(): Promise<void> {
    if (this.#asked !== null) return this.#asked;
    // Ends: when the thread tells; who waits has a limit.
    this.#asked = new Promise((resolve) => {
      this.#told = resolve;
    });
    this.#ask();
    return this.#asked;
  }

  told(metrics: ToldMetrics): void {
    this.last = metrics;
    this.#asked = null;
    this.#told();
  }
}

/** A thread as far as its metrics go. */
interface Measuring {
  readonly metrics: ThreadMetrics;
}

/** What the applications on some threads measure. */
export class GatheredMetrics {
  /** Of threads that have ended. */
  #past: readonly MetricData[] = [];
  #fault = '';
  readonly #report: (fault: string) => void;

  /** @param report is told why something is left out, when that changes */
  constructor(report: (fault: string) => void) {
    this.#report = report;
  }

  /**
   * Asks threads, and waits a moment for them.
   *
   * @param threads those that there are when it is called
   * @returns a list for each, and one for those that have ended
   */
  async gather(threads: () => readonly (Measuring | null)[]): Promise<MetricLists> {
    const used = () => threads().flatMap((thread) => (thread?.metrics.isUsed ? [thread.metrics] : []));
    const asked = used().map((metrics) => metrics.ask());
    if (asked.length > 0) await within(Promise.all(asked), METRICS_WAIT, 'to tell of metrics').catch(nothing);
    // Those of now: one that has ended meanwhile counts by what it has left.
    const last = used().map(({ last }) => last);
    const fault = last.find(({ fault }) => fault !== '')?.fault ?? '';
    if (fault !== this.#fault && fault !== '') this.#report(fault);
    this.#fault = fault;
    return [this.#past, ...last.map(({ metrics }) => metrics)];
  }

  /** A thread has ended, and is not among those that there are any more. */
  ended({ metrics }: Measuring): void {
    this.#past = addToPast(this.#past, metrics.last.metrics);
  }
}
