// What it costs to hand a request to a worker thread and its answer back, when the worker does nothing else.
import { availableParallelism } from 'node:os';
import { candidates } from '../parts/dispatch.mjs';
import { partMetrics } from '../parts/repeat.mjs';

/** One, twice as many each time, and one for each processor. */
function numbersOfWorkers() {
  const numbers = [1, 2];
  while (numbers.at(-1) * 2 < availableParallelism()) numbers.push(numbers.at(-1) * 2);
  if (numbers.at(-1) < availableParallelism()) numbers.push(availableParallelism());
  return numbers;
}

/** @param {import('../context.mjs').Context} context */
export const suite = ({ parts }) => ({
  name: 'dispatch',
  title: 'A request to a worker thread and back',
  notes: [
    'All hand over a request head of 109 bytes and get a response of 67; the rings, besides, where its parts lie. ' +
      'postMessage and piscina.run are given a string. With one under way, waking two threads is most of the cost.',
  ],
  metrics: partMetrics('µs'),
  enough: 0.4,
  base: 'piscina.run',
  candidates: parts('dispatch.mjs', candidates),
  cases: numbersOfWorkers().flatMap((workers) =>
    [1, 16, 64, 1024].map((underWay) => ({
      name: `${underWay.toLocaleString('en')} under way, ${workers === 1 ? '1 worker' : `${workers} workers`}`,
      workers,
      underWay,
      quick: workers === 1 && (underWay === 1 || underWay === 64),
    })),
  ),
});
