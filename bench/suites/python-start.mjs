// The start of Python applications, and what they take of memory with one worker.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment, needs, versionOfPackage } from '../apps/python/content.mjs';
import { firstAnswer, START_METRICS } from '../load/first-answer.mjs';

const EMPTY = 'no framework, for the first time on a machine';

const cases = [
  { name: 'no framework', application: 'hello', quick: true },
  { name: EMPTY, application: 'hello' },
  { name: 'Flask', application: 'flask_site' },
  { name: 'Django', application: 'django_site' },
].filter(({ application }) => {
  try {
    return needs[application] === undefined || versionOfPackage(needs[application]) !== '';
  } catch {
    return false;
  }
});

const others = 'nobody else keeps what a start has made';

/** @param {import('../context.mjs').Context} context */
export const suite = ({ servers }) => ({
  name: 'python-start',
  title: 'Python applications, from the start of the process to the first answer',
  metrics: START_METRICS,
  notes: ['Memory is that of all processes of a server; pages that they share count for each.'],
  base: 'gunicorn, sync',
  candidates: servers(
    {
      'gunicorn, sync': { [EMPTY]: others },
      uWSGI: { [EMPTY]: others },
      'quaich, Python': {},
      'quaich, Python, preloaded': { [EMPTY]: 'it is the same' },
    },
    start,
  ),
  cases,
});

/**
 * Each measurement starts the server, and ends it; the first start, which leaves compiled files behind, is not kept.
 */
async function start(peer, _generate, application) {
  const command = { ...peer, env: { ...peer.env, ...environment(application) } };
  await firstAnswer(command);
  const measure = async ({ name }) => {
    if (name !== EMPTY) return firstAnswer(command);
    const cache = mkdtempSync(join(tmpdir(), 'quaich-bench-cache-'));
    try {
      return await firstAnswer({ ...command, env: { ...command.env, XDG_CACHE_HOME: cache } });
    } finally {
      rmSync(cache, { recursive: true });
    }
  };
  return { cold: true, measure, stop: async () => {} };
}
