// Runs the suites of a run: each round goes through all of them, so that what drifts with the machine within an hour
// stands in the spread of every suite.
import { Progress } from '../dist/src/bench/progress.js';
import { countSteps, SuiteRounds } from '../dist/src/bench/suite.js';
import { isOurs } from '../dist/src/bench/summary.js';

/**
 * @param {import('../dist/src/bench/suite.js').Suite[]} suites
 * @param {object} options
 * @param {'full' | 'quick' | 'tiny'} options.size
 * @param {number} options.rounds at most
 * @param {number} options.seconds of one measurement
 * @param {number} options.warmUp seconds
 * @param {number} options.budget milliseconds that all rounds may take; the first one is never left out
 * @returns {Promise<{ rounds: number, results: import('../dist/src/bench/suite.js').SuiteResult[] }>}
 */
export async function measureSuites(suites, { size, rounds, seconds, warmUp, budget }) {
  const measured = suites
    .map(NARROWED[size])
    .filter(({ candidates, cases }) => candidates.length > 0 && cases.length > 0)
    .map((suite) => new SuiteRounds(suite));
  const steps = measured.reduce((sum, { suite }) => sum + countSteps(suite, 1), 0);
  const progress = new Progress(steps, { rounds, budget }, process.stderr);
  const began = performance.now();
  let done = 0;
  try {
    while (done < rounds) {
      for (const suite of measured) {
        await suite.measure({ seconds, warmUp, onStep: (step) => progress.step(step) });
      }
      done++;
      const elapsed = performance.now() - began;
      if (elapsed + elapsed / done > budget) break;
    }
  } finally {
    progress.end();
  }
  return { rounds: done, results: measured.map((suite) => suite.result()) };
}

/**
 * What is left of a suite: nothing in a quick run of one that is `slow`; in a tiny one a case, as small as its `tiny`
 * says.
 */
const NARROWED = {
  full: (suite) => suite,
  quick: (suite) => ({ ...suite, cases: suite.slow ? [] : mainCases(suite) }),
  tiny: (suite) => {
    const narrowed = [...mainCases(suite), ...suite.cases].map((one) => {
      return { ...suite, candidates: pairFor(one, suite), cases: [{ ...one, ...one.tiny }] };
    });
    return narrowed.find(({ candidates }) => candidates.length === 2) ?? narrowed[0] ?? suite;
  },
};

/** The base, or another who can do a case where that cannot, and one of ours beside it. */
function pairFor({ name }, { base, candidates }) {
  const able = candidates.filter(({ cannot = {} }) => !Object.hasOwn(cannot, name));
  const first = able.find((candidate) => candidate.name === base) ?? able[0];
  return [first, able.find((candidate) => candidate !== first && isOurs(candidate.name))].filter(Boolean);
}

/** The cases that a suite marks so, else its first one. */
function mainCases({ cases }) {
  const marked = cases.filter(({ quick }) => quick);
  return marked.length > 0 ? marked : cases.slice(0, 1);
}
