// What bridges between sync and async cost: one application natively and through the shim, and other packages that call
// a function on another thread.
import { partMetrics } from '../parts/repeat.mjs';
import { candidates } from '../parts/shim.mjs';

const one = (name, more) => ({ name, body: 'Array', chunks: 1, ...more });
const eight = (name, more) => ({ name, body: 'Stream', chunks: 8, ...more });

const cases = [
  one('one chunk', { parallel: 1, quick: true }),
  one('one chunk, 16 requests at a time', { parallel: 16 }),
  eight('eight chunks one by one', { parallel: 1, quick: true }),
  eight('eight chunks one by one, 16 requests at a time', { parallel: 16 }),
];

/** The cases for which `of` holds, each with the reason. */
const cannot = (of, reason) => Object.fromEntries(cases.filter(of).map(({ name }) => [name, reason]));
const blocks = cannot(({ parallel }) => parallel > 1, 'its caller waits for each');
const oneResult = cannot(({ chunks }) => chunks > 1, 'gives one result, not chunks');

/** @param {import('../context.mjs').Context} context */
export const suite = ({ parts }) => ({
  name: 'shim',
  title: 'Bridges between sync and async',
  notes: [
    'Quaich: a GET with 17 variables through the engine, natively in contexts as gateways make them, and a response of ' +
      'checked head and body as a server gets it; the bridge brings disconnects, backpressure and errors over, too. ' +
      'The other packages call a function with those variables, which returns status, fields and body: less than a ' +
      'bridge of applications does, and no chunks.',
  ],
  metrics: partMetrics('µs'),
  enough: 0.4,
  base: 'two wake-ups and nothing else',
  candidates: parts('shim.mjs', candidates, {
    'quaich, native sync': blocks,
    'piscina, sync as async': oneResult,
    'comlink, sync as async': oneResult,
    'quaich, async as sync': blocks,
    'synckit, async as sync': { ...blocks, ...oneResult },
    'make-synchronous, async as sync': { ...blocks, ...oneResult },
  }),
  cases,
});
