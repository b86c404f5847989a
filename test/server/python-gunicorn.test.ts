/**
 * Python applications, several on one worker and each below a mount, answer as each of them does on gunicorn. More
 * frameworks stand in test/python/frameworks.test.ts, which takes longer.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answersOf, canCompare, onGunicorn, onQuaich } from '../python/comparison.ts';
import { SITES } from '../python/sites.ts';
import { endAll } from './deployment.ts';

const mounted = Object.entries({ '/valid': 'wsgiref.validate', '/flask': 'Flask', '/bottle': 'Bottle' })
  .map(([mount, name]) => ({ mount, name, ...SITES[name] }))
  .filter(({ needs }) => canCompare(...needs));

describe.skipIf(mounted.length === 0)('Python applications', () => {
  let ours = '';
  beforeAll(async () => {
    ours = await onQuaich(mounted.map(({ mount, application }) => `${mount}=./${application.replace(':', '.py:')}`));
  }, 60_000);
  afterAll(endAll);

  it.each(mounted)('of $name answer as on gunicorn', { timeout: 60_000 }, async ({ mount, application, requests }) => {
    // This is how gunicorn is told of a mount.
    const theirs = await onGunicorn(application, { SCRIPT_NAME: mount });
    const expected = await answersOf(theirs, requests, mount);
    const answers = await answersOf(ours, requests, mount);
    for (const [at, { method, text }] of requests.entries())
      expect(answers[at], `${method} ${text.split('\r\n')[0]}`).toEqual(expected[at]);
  });
});
