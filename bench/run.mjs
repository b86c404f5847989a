// npm run bench -- [options]: measures suites, and writes what came out as JSON, Markdown and HTML. `--help` says more.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const SUITES = [
  'parse',
  'dispatch',
  'http',
  'bodies',
  'frameworks',
  'mix',
  'shim',
  'scale',
  'idle',
  'workers',
  'start',
];

const HELP = `npm run bench -- [options]

  --suite A,B        only these suites: ${SUITES.join(', ')}
  --only A,B         only candidates whose name holds one of these words
  --quick            fewer rounds and shorter ones: an overview in 3 minutes
  --rounds N         how often each candidate is started (default: 7; quick: 3)
  --seconds S        length of one measurement (default: 2; quick: 1)
  --generator NAME   wrk or autocannon (default: wrk where it is installed)
  --against FOLDER   another build of Quaich, measured in the same run
  --out FOLDER       where the report goes (default: build/bench)
`;

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '..');

const { values } = parseArgs({
  options: {
    suite: { type: 'string' },
    only: { type: 'string' },
    quick: { type: 'boolean' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    generator: { type: 'string' },
    against: { type: 'string' },
    out: { type: 'string', default: join(root, 'build/bench') },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit();
}
const list = (text) => text?.split(',').filter((word) => word !== '');
const wanted = list(values.suite) ?? SUITES;
const unknown = wanted.find((name) => !SUITES.includes(name));
if (unknown !== undefined) {
  console.error(`no suite ${unknown}; there are ${SUITES.join(', ')}`);
  process.exit(2);
}

/** Peers are packages of the bench alone: installing Quaich stays small. */
function installPeers() {
  const installed = join(here, 'node_modules/.package-lock.json');
  const lock = join(here, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  console.error('The bench installs those whom Quaich is compared with, into bench/node_modules ...');
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here, stdio: 'inherit' });
}
installPeers();

const { createContext } = await import('./context.mjs');
const { countSteps, measureSuite } = await import('../dist/src/bench/suite.js');
const context = createContext({
  root,
  against: values.against && resolve(values.against),
  only: list(values.only),
  generator: values.generator,
});
const { quick = false } = values;
const options = {
  rounds: Number(values.rounds ?? (quick ? 3 : 7)),
  seconds: Number(values.seconds ?? (quick ? 1 : 2)),
  warmUp: quick ? 1 : 2,
};
const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
const suites = [];
for (const name of wanted) suites.push((await import(`./suites/${name}.mjs`)).suite(context));
const total = suites.reduce((sum, suite) => sum + countSteps(suite, options.rounds), 0);
let step = 0;
const results = [];
for (const suite of suites) {
  results.push(
    await measureSuite(suite, {
      ...options,
      onStep: (at) => console.error(`${++step}/${total} ${at.suite}: ${at.candidate}, ${at.case}`),
    }),
  );
}
const report = {
  format: 1,
  date: new Date().toISOString(),
  quaich: JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version,
  commit: git('rev-parse', 'HEAD'),
  changed: git('status', '--porcelain') !== '',
  machine: {
    cpu: os.cpus()[0]?.model,
    cores: os.availableParallelism(),
    memory: os.totalmem(),
    system: `${os.type()} ${os.release()}`,
    node: process.version,
  },
  options: { ...options, generator: context.generator },
  versions: Object.fromEntries(context.versions),
  leftOut: Object.fromEntries(context.leftOut),
  suites: results,
};
mkdirSync(values.out, { recursive: true });
writeFileSync(join(values.out, 'report.json'), JSON.stringify(report));
