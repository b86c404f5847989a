// The start of a server, without an application that would take time of its own.
import { firstAnswer, START_METRICS } from '../load/first-answer.mjs';

/** @param {import('../context.mjs').Context} context */
export const suite = ({ servers }) => ({
  name: 'start',
  title: 'From the start of the process to the first answer',
  metrics: START_METRICS,
  notes: ['Memory is that of all processes of a server; pages that they share count for each.'],
  base: 'node:http',
  candidates: servers(
    {
      'node:http': {},
      'node:http, cluster': {},
      quaich: {},
      'raw net, parses nothing': {},
      'uWebSockets.js': {},
      Bun: {},
    },
    start,
  ),
  cases: [{ name: 'first answer', quick: true }],
});

/** Nothing runs between measurements: each starts the server, and ends it. */
const start = async (command) => ({ cold: true, measure: () => firstAnswer(command), stop: async () => {} });
