// What settings cost: `node test/long/costs.mjs [ROUNDS] [SECONDS] [FOLDER]`, after `npm run build`. The CPU time of a
// small GET over 64 connections with everything off, with metrics and with the access log, of each way to run an
// application; and of another build in FOLDER, where one is given, with everything off. Every round starts all of them
// anew, in a new order, and ratios are those of a round. It needs wrk or autocannon. Exit code 1 where one certainly
// costs more than it may.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requests } from '../../bench/apps/content.mjs';
import { HTTP_METRICS, startHttp } from '../../dist/src/bench/http-case.js';
import { generators } from '../../dist/src/bench/load.js';
import { estimate, ratiosTo } from '../../dist/src/bench/statistics.js';
import { measureSuite } from '../../dist/src/bench/suite.js';
import { row } from './running.mjs';

const rounds = Number(process.argv[2] ?? 10);
const seconds = Number(process.argv[3] ?? 4);
const other = process.argv[4];
/** Seconds until what each does with a request is optimised: before, its compilation is measured. */
const WARM_UP = 3;

const folder = mkdtempSync(join(tmpdir(), 'quaich-costs-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const root = fileURLToPath(new URL('../../', import.meta.url));
const site = join(root, 'bench/apps/site.mjs');
const [generate] = generators.values();
if (generate === undefined) throw new Error('there is no load generator: install wrk or autocannon');

const WAYS = {
  sync: ['--sync-workers', '1', `${site}:sync`],
  async: ['--async-workers', '1', `${site}:asynchronous`],
  inline: ['--inline', `${site}:asynchronous`],
};
const OFF = 'everything off';
const METRICS = 'metrics';
const ACCESS_LOG = 'the access log';
const BEFORE = 'the other build';
/** Whose costs are compared with whose, and by how many percent they may be more. */
const COMPARED = [
  [OFF, BEFORE, 1],
  [METRICS, OFF, 5],
  [ACCESS_LOG, OFF, 10],
];

const candidate = (name, build, argv) => ({
  name,
  start() {
    const args = [join(build, 'dist/src/cli/main.js'), '--bind', '127.0.0.1:$PORT', ...argv];
    return startHttp({ command: process.execPath, args, env: { NODE_ENV: 'production' } }, generate);
  },
});

const percent = (ratio) => `${Math.round((ratio - 1) * 1000) / 10} %`;

for (const [way, argv] of Object.entries(WAYS)) {
  const candidates = [
    candidate(OFF, root, argv),
    candidate(METRICS, root, [...argv, '--status', '127.0.0.1:0']),
    candidate(ACCESS_LOG, root, [...argv, '--access-log-file', join(folder, 'access.log')]),
    ...(other === undefined ? [] : [candidate(BEFORE, resolve(other), argv)]),
  ];
  const cases = [{ name: 'small GET, 64 connections', request: requests.hello, connections: 64 }];
  const suite = { name: way, title: way, metrics: HTTP_METRICS, base: OFF, candidates, cases };
  const measured = await measureSuite(suite, { rounds, seconds, warmUp: WARM_UP });
  const [{ series }] = measured.cases;
  const cpuOf = (name) => series.find((one) => one.candidate === name)?.samples.map(({ cpu }) => cpu);
  for (const [name, base, most] of COMPARED) {
    const before = cpuOf(base);
    if (before === undefined) continue;
    const { median, low, high } = estimate(ratiosTo(before, cpuOf(name)));
    row(
      `${name} against ${base}, a small GET, ${way}`,
      `CPU time ${percent(median)} more (${percent(low)} to ${percent(high)})`,
      `${most} % allowed`,
    );
    if (low > 1 + most / 100) process.exitCode = 1;
  }
}
