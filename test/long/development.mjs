// The loop of development: `node test/long/development.mjs [SAVES] [SECONDS]`, after `npm run build`, on a quiet
// machine. `quaich dev` serves an application of Express. A file three imports down is saved so many times, and each
// time it is measured how long it takes until an answer comes from the new code. Then nothing is saved or asked for so
// many seconds, and it is measured how much CPU time the command takes meanwhile. Exit code 1 where half of the saves
// take more than 500 ms, or idling 1 % of a CPU.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { usageOf } from '../../dist/src/bench/process-tree.js';
import { ask, percentiles, row, start } from './running.mjs';

const saves = Number(process.argv[2] ?? 20);
const idle = Number(process.argv[3] ?? 30);
const MOST_TIME = 500;
const MOST_CPU = 1;
/** Milliseconds without a save, in which the old worker ends and the watcher comes to rest. */
const PAUSE = 1000;

// Below the project, whose packages it finds.
const build = fileURLToPath(new URL('../../build/', import.meta.url));
mkdirSync(build, { recursive: true });
const folder = mkdtempSync(join(build, 'development-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

const save = (file, text) => writeFileSync(join(folder, file), text);
const version = (number) => save('version.js', `export const version = 'version ${number}';\n`);
save('package.json', '{ "type": "module" }\n');
save(
  'server.js',
  `import express from 'express';
   import { page } from './page.js';
   export const app = express();
   app.get('/', (request, response) => response.send(page()));`,
);
save('page.js', `import { text } from './text.js';\nexport const page = () => text();\n`);
save('text.js', `import { version } from './version.js';\nexport const text = () => version;\n`);
version(0);

const argv = ['dev', './server.js', '--bind', '127.0.0.1:0'];
const place = { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] };
const { found, child, messages, stop } = await start(argv, /^ {2}http:\/\/localhost:(\d+)\/$/m, place);
const url = `http://127.0.0.1:${found}/`;

/** Milliseconds until an answer has this text. */
async function answered(text) {
  const begun = performance.now();
  for (;;) {
    const { text: seen } = await ask(url);
    if (seen === text) return performance.now() - begun;
    if (performance.now() - begun > 30_000) throw new Error(`no answer has "${text}": ${seen}\n${messages()}`);
    await sleep(5);
  }
}

await answered('version 0');
const times = [];
for (let number = 1; number <= saves; number++) {
  await sleep(PAUSE);
  version(number);
  times.push(await answered(`version ${number}`));
}
const { p50, worst } = percentiles(times);
row(
  `${saves} saves of a file three imports below an application of Express, in \`quaich dev\``,
  `new code answers after ${p50} ms in the median, ${worst} ms at worst`,
  `${MOST_TIME} ms allowed`,
);

await sleep(5 * PAUSE);
const [before, begun] = [usageOf(child.pid).cpu, performance.now()];
await sleep(idle * 1000);
const [cpu, time] = [usageOf(child.pid).cpu - before, performance.now() - begun];
const percent = Math.round((cpu / 1000 / time) * 100_00) / 100;
row(`\`quaich dev\` idle for ${idle} s`, `${percent} % of a CPU`, `less than ${MOST_CPU} % allowed`);
if (p50 > MOST_TIME || percent >= MOST_CPU) process.exitCode = 1;
await stop();
