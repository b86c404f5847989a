/** The suites of `npm run bench`, each in its tiny form, so that none rots. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';

const run = promisify(execFile);
const command = fileURLToPath(new URL('../../bench/run.mjs', import.meta.url));
const installed = existsSync(new URL('../../bench/node_modules/.package-lock.json', import.meta.url));
if (!installed) console.warn('The suites of the bench are not run: type "npm ci --prefix bench" to have its packages.');

const folder = mkdtempSync(join(tmpdir(), 'quaich-'));
afterAll(() => rmSync(folder, { recursive: true }));

test.skipIf(!installed)(
  'npm run bench -- --tiny runs a case of every suite, and writes a report in three formats',
  async () => {
    const { stdout, stderr } = await run(process.execPath, [command, '--tiny', '--out', folder]);
    expect(stdout).toMatch(/node:http +[\d.,]+ +1\.00 \?[ †]+base\n +quaich sync/);
    expect(stderr).toMatch(/^round 1 of 1, http\n/);
    expect(readdirSync(folder).sort()).toEqual(['report.html', 'report.json', 'report.md']);
    const report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8'));
    expect(report).toMatchObject({
      format: 1,
      commit: expect.stringMatching(/^[0-9a-f]{40}$|^$/),
      machine: { cores: expect.any(Number), node: process.version },
      options: { size: 'tiny', rounds: 1 },
      versions: { 'node:http': process.version },
    });
    const suites = readdirSync(new URL('../../bench/suites', import.meta.url), 'utf8');
    expect(report.suites.map(({ suite }: { suite: string }) => `${suite}.mjs`).sort()).toEqual(suites.sort());
    for (const { suite, cases, metrics } of report.suites) {
      const samples = [{ [metrics[0].key]: expect.any(Number) }];
      expect([suite, cases]).toMatchObject([suite, [{ series: [{ samples }, { samples }] }]]);
    }
  },
  120_000,
);
