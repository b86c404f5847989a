/**
 * What is compared, and how: a suite names its candidates and its cases; `measureSuite` runs every candidate once a
 * round, each time as a new process, in a new order. So what differs from one start of a process to the next (where its
 * memory lies, what the compiler chose), and what drifts with the machine, stands in the spread of the samples and is
 * not taken for a difference.
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

/** A candidate that runs. */
export interface Running<Case> {
  /** Loads the case for so many seconds; `warmUp` runs go before those that count, and are not kept. */
  measure(one: Case, seconds: number): Promise<Sample>;
  stop(): Promise<void>;
}

export interface Candidate<Case> {
  readonly name: string;
  /** Cases that it has no way to do, with the reason. */
  readonly cannot?: Readonly<Record<string, string>>;
  start(): Promise<Running<Case>>;
}

export interface Suite<Case extends { readonly name: string }> {
  readonly name: string;
  readonly title: string;
  /** The first one decides who is faster. */
  readonly metrics: readonly Metric[];
  /** The candidate that ratios are taken to. */
  readonly base: string;
  readonly candidates: readonly Candidate<Case>[];
  readonly cases: readonly Case[];
}

interface MeasureOptions {
  readonly rounds: number;
  /** Of one measurement. */
  readonly seconds: number;
  /** Before the first measurement of a process. */
  readonly warmUp: number;
  readonly onStep?: (step: Step) => void;
}

/** What is being measured. */
export interface Step {
  readonly suite: string;
  readonly candidate: string;
  readonly case: string;
  readonly round: number;
}

/** All samples of one candidate in one case, one a round. */
interface Series {
  readonly candidate: string;
  readonly samples: readonly Sample[];
}

interface CaseResult {
  readonly case: string;
  readonly series: readonly Series[];
}

export interface SuiteResult {
  readonly suite: string;
  readonly title: string;
  readonly base: string;
  readonly metrics: readonly Metric[];
  readonly cases: readonly CaseResult[];
}

/** How many measurements a suite takes. */
export function countSteps<Case extends { readonly name: string }>(suite: Suite<Case>, rounds: number): number {
  let steps = 0;
  for (const { cannot = {} } of suite.candidates) {
    steps += suite.cases.filter(({ name }) => !Object.hasOwn(cannot, name)).length;
  }
  return steps * rounds;
}

/**
 * Measures all candidates of a suite in all its cases.
 *
 * @throws whatever a candidate failed with; nothing is left running
 */
export async function measureSuite<Case extends { readonly name: string }>(
  suite: Suite<Case>,
  { rounds, seconds, warmUp, onStep }: MeasureOptions,
): Promise<SuiteResult> {
  const samples = new Map(suite.cases.map(({ name }) => [name, new Map<string, Sample[]>()]));
  for (let round = 0; round < rounds; round++) {
    for (const candidate of shuffled(suite.candidates)) {
      const cases = suite.cases.filter(({ name }) => !Object.hasOwn(candidate.cannot ?? {}, name));
      let running: Running<Case> | undefined;
      try {
        running = await candidate.start();
        let warm = false;
        for (const one of shuffled(cases)) {
          onStep?.({ suite: suite.name, candidate: candidate.name, case: one.name, round });
          // The first load compiles the server's code, a later one what only this case needs.
          await running.measure(one, warm ? warmUp / 4 : warmUp);
          warm = true;
          const sample = await running.measure(one, seconds);
          const ofCase = samples.get(one.name);
          const list = ofCase?.get(candidate.name);
          if (list === undefined) ofCase?.set(candidate.name, [sample]);
          else list.push(sample);
        }
      } catch (error) {
        throw new Error(`${suite.name}: ${candidate.name} failed`, { cause: error });
      } finally {
        await running?.stop();
      }
    }
  }
  return {
    suite: suite.name,
    title: suite.title,
    base: suite.base,
    metrics: suite.metrics,
    cases: suite.cases.map(({ name }) => ({
      case: name,
      series: suite.candidates.flatMap((candidate) => {
        const found = samples.get(name)?.get(candidate.name);
        return found === undefined ? [] : [{ candidate: candidate.name, samples: found }];
      }),
    })),
  };
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
