/**
 * Frameworks of Python answer on Quaich as they do on gunicorn: status, reason, fields and body of each request are the
 * same, but for what `comparison.ts` names. With the packages that Debian has; without them there is nothing to run.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Asked, answersOf, canCompare, onGunicorn, onQuaich, type Place } from '../python/comparison.ts';
import { SITES } from '../python/sites.ts';
import { endAll } from './deployment.ts';

const sites = Object.entries(SITES).map(([name, site]) => ({
  ...site,
  name,
  host: `${name.toLowerCase()}.test`,
  isThere: canCompare(...site.needs),
}));

const folder = mkdtempSync(join(tmpdir(), 'quaich-gunicorn-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function compare(theirs: string, ours: string, requests: readonly Asked[], place: Partial<Place>): Promise<void> {
  const expected = await answersOf(theirs, requests, place);
  const answers = await answersOf(ours, requests, place);
  for (const [at, { method, text }] of requests.entries())
    expect(answers[at], `${method} ${text.split('\r\n')[0]}`).toEqual(expected[at]);
}

describe('at the root, each with a host of its own', () => {
  let theirs = '';
  let ours = '';
  beforeAll(async () => {
    const found = sites.filter(({ isThere }) => isThere).map(({ host, application }) => [host, application]);
    const env = (server: string) => ({
      SITES: JSON.stringify(Object.fromEntries(found)),
      DJANGO_DATABASE: join(folder, `${server}.db`),
    });
    [theirs, ours] = await Promise.all([
      onGunicorn('by_host:application', env('gunicorn')),
      onQuaich(['./by_host.py:application'], env('quaich')),
    ]);
  }, 120_000);
  afterAll(endAll);

  for (const { name, host, isThere, requests } of sites)
    it.skipIf(!isThere)(`${name} answers ${requests.length} requests as on gunicorn`, { timeout: 120_000 }, () =>
      compare(theirs, ours, requests, { host }),
    );
});

describe('below mounts, several on one worker', () => {
  const mounts: Record<string, string> = { 'wsgiref.validate': '/valid', Flask: '/flask', Bottle: '/bottle' };
  const mounted = sites.filter(({ name }) => name in mounts).map((site) => ({ ...site, mount: mounts[site.name] }));
  let ours = '';
  beforeAll(async () => {
    const found = mounted.filter(({ isThere }) => isThere);
    ours = await onQuaich(found.map(({ mount, application }) => `${mount}=./${application.replace(':', '.py:')}`));
  }, 60_000);
  afterAll(endAll);

  for (const { name, mount, isThere, application, requests } of mounted)
    it.skipIf(!isThere)(`${name} answers ${requests.length} requests as on gunicorn`, { timeout: 60_000 }, async () => {
      // This is how gunicorn is told of a mount.
      const theirs = await onGunicorn(application, { SCRIPT_NAME: mount });
      await compare(theirs, ours, requests, { mount });
    });
});
