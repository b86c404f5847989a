/**
 * What is compared, and how: a suite names its candidates and its cases; `measureSuite` runs every candidate once a
 * round (once for each application, where there are several), each time as a new process, in a new order. So what
 * differs from one start of a process to the next (where its memory lies, what the compiler chose), and what drifts
 * with the machine, stands in the spread of the samples and is not taken for a difference.
 */
import { randomInt } from 'node:crypto';

/** One measured figure. */
export interface Metric {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  readonly better: 'lower' | 'higher';
}

/** Figures of one measurement, by the keys of the metrics; what could not be measured is absent. */
export type Sample = Readonly<Record<string, number | undefined>>;

/** What is measured; the suites add what they need for it. */
interface SuiteCase {
  readonly name: string;
  /** Cases of the same application are measured in the same process, others in one of their own. */
  readonly application?: string;
}

/** A candidate that runs. */
export interface Running<Case> {
  /** Whether each measurement has a process of its own, so that there is nothing to warm up. */
  readonly cold?: boolean;
  /** Loads the case for so many seconds; `warmUp` runs go before those that count, and are not kept. */
  measure(one: Case, seconds: number): Promise<Sample>;
  stop(): Promise<void>;
}

export interface Candidate<Case> {
  readonly name: string;
  /** Cases that it has no way to do, with the reason. */
  readonly cannot?: Readonly<Record<string, string>>;
  /** Starts it for the cases of an application. */
  start(application?: string): Promise<Running<Case>>;
}

export interface Suite<Case extends SuiteCase> {
  readonly name: string;
  readonly title: string;
  /** The first one decides who is faster. */
  readonly metrics: readonly Metric[];
  /** The candidate that ratios are taken to. */
  readonly base: string;
  readonly candidates: readonly Candidate<Case>[];
  readonly cases: readonly Case[];
  /** Sentences for those who read the figures. */
  readonly notes?: readonly string[];
  /** Seconds that are enough for one measurement, and for the warm-up before it. */
  readonly enough?: number;
}

interface RoundOptions {
  /** Of one measurement. */
  readonly seconds: number;
  /** Before the first measurement of a process; 0 for none. */
  readonly warmUp: number;
  readonly onStep?: (step: Step) => void;
}

interface MeasureOptions extends RoundOptions {
  readonly rounds: number;
}

/** What is being measured. */
export interface Step {
  readonly suite: string;
  readonly candidate: string;
  readonly case: string;
  readonly round: number;
}

/** All samples of one candidate in one case, one a round. */
export interface Series {
  readonly candidate: string;
  readonly samples: readonly Sample[];
}

export interface CaseResult {
  readonly case: string;
  readonly series: readonly Series[];
  /** Candidates that have no way to do it, with the reason. */
  readonly cannot: Readonly<Record<string, string>>;
}

export interface SuiteResult {
  readonly suite: string;
  readonly title: string;
  readonly base: string;
  readonly metrics: readonly Metric[];
  readonly cases: readonly CaseResult[];
  readonly notes: readonly string[];
}

/** How many measurements a suite takes. */
export function countSteps<Case extends SuiteCase>(suite: Suite<Case>, rounds: number): number {
  let steps = 0;
  for (const { cannot = {} } of suite.candidates) {
    steps += suite.cases.filter(({ name }) => !Object.hasOwn(cannot, name)).length;
  }
  return steps * rounds;
}

/** Measures all candidates of a suite in all its cases, so many rounds; otherwise as `SuiteRounds`. */
export async function measureSuite<Case extends SuiteCase>(
  suite: Suite<Case>,
  { rounds, ...options }: MeasureOptions,
): Promise<SuiteResult> {
  const measured = new SuiteRounds(suite);
  for (let round = 0; round < rounds; round++) await measured.measure(options);
  return measured.result();
}

/** The rounds of a suite, one at a time: those of other suites can go between them. */
export class SuiteRounds<Case extends SuiteCase> {
  readonly suite: Suite<Case>;
  #round = 0;
  /** Samples by case and candidate. */
  readonly #samples = new Map<string, Map<string, Sample[]>>();

  constructor(suite: Suite<Case>) {
    this.suite = suite;
    for (const { name } of suite.cases) this.#samples.set(name, new Map());
  }

  /**
   * Measures all candidates in all their cases once more.
   *
   * @throws whatever a candidate failed with; nothing is left running
   */
  async measure({ seconds, warmUp, onStep }: RoundOptions): Promise<void> {
    const { suite } = this;
    const { enough = Number.POSITIVE_INFINITY } = suite;
    const [length, warmth] = [Math.min(seconds, enough), Math.min(warmUp, enough)];
    const applications = new Set(suite.cases.map(({ application }) => application));
    const starts = suite.candidates.flatMap((candidate) =>
      Array.from(applications, (application) => ({ candidate, application })),
    );
    for (const { candidate, application } of shuffled(starts)) {
      const { cannot = {} } = candidate;
      const cases = suite.cases.filter((one) => one.application === application && !Object.hasOwn(cannot, one.name));
      if (cases.length === 0) continue;
      let running: Running<Case> | undefined;
      try {
        running = await candidate.start(application);
        let warm = false;
        for (const one of shuffled(cases)) {
          onStep?.({ suite: suite.name, candidate: candidate.name, case: one.name, round: this.#round });
          // The first load compiles the server's code, a later one what only this case needs.
          if (!running.cold && warmth > 0) await running.measure(one, warm ? warmth / 4 : warmth);
          warm = true;
          this.#keep(one.name, candidate.name, await running.measure(one, length));
        }
      } catch (error) {
        throw new Error(`${suite.name}: ${candidate.name} failed`, { cause: error });
      } finally {
        await running?.stop();
      }
    }
    this.#round++;
  }

  #keep(name: string, candidate: string, sample: Sample): void {
    const ofCase = this.#samples.get(name);
    const list = ofCase?.get(candidate);
    if (list === undefined) ofCase?.set(candidate, [sample]);
    else list.push(sample);
  }

  result(): SuiteResult {
    const { name: suite, title, base, metrics, candidates, cases, notes = [] } = this.suite;
    return {
      suite,
      title,
      base,
      metrics,
      notes,
      cases: cases.map(({ name }) => ({
        case: name,
        series: candidates.flatMap((candidate) => {
          const samples = this.#samples.get(name)?.get(candidate.name);
          return samples === undefined ? [] : [{ candidate: candidate.name, samples }];
        }),
        cannot: Object.fromEntries(
          candidates.flatMap((candidate) =>
            Object.hasOwn(candidate.cannot ?? {}, name) ? [[candidate.name, candidate.cannot?.[name] ?? '']] : [],
          ),
        ),
      })),
    };
  }
}

/** A new order for each round: nobody always runs after the same neighbour. */
function shuffled<T>(items: readonly T[]): T[] {
  const list = [...items];
  for (let i = list.length - 1; i > 0; i--) {
    const j = randomInt(i + 1);
    [list[i], list[j]] = [list[j], list[i]];
  }
  return list;
}
