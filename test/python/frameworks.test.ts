/**
 * Frameworks of Python answer on Quaich as they do on gunicorn: status, reason, fields and body of each request are the
 * same, but for what `comparison.ts` names. With the packages that Debian has; without them there is nothing to run.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { endAll } from '../server/deployment.ts';
import { answersOf, canCompare, onGunicorn, onQuaich } from './comparison.ts';
import { SITES } from './sites.ts';

const folder = mkdtempSync(join(tmpdir(), 'quaich-frameworks-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(endAll);

describe.each(Object.entries(SITES))('%s', (name, { application, needs, requests }) => {
  it.skipIf(!canCompare(...needs))(
    `answers ${requests.length} requests as on gunicorn`,
    { timeout: 120_000 },
    async () => {
      const [module, exported] = application.split(':');
      const [theirs, ours] = await Promise.all([
        onGunicorn(application, { DJANGO_DATABASE: join(folder, `${name}-gunicorn.db`) }),
        onQuaich([`./${module}.py:${exported}`], { DJANGO_DATABASE: join(folder, `${name}-quaich.db`) }),
      ]);
      const expected = await answersOf(theirs, requests);
      const answers = await answersOf(ours, requests);
      for (const [at, { method, text }] of requests.entries())
        expect(answers[at], `${method} ${text.split('\r\n')[0]}`).toEqual(expected[at]);
    },
  );
});
