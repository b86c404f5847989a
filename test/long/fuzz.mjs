// Generated requests against strict llhttp: `node test/long/fuzz.mjs [RUNS] [SEED]`. So many inputs, in as many
// processes as there are CPUs, each with a seed of its own. What it compares stands in test/fuzz/parser.test.ts.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { row, seconds } from './running.mjs';

const runs = Number(process.argv[2] ?? 10_000_000);
const seed = Number(process.argv[3] ?? Date.now() & 0x3fffffff);
const processes = availableParallelism();
const each = Math.ceil(runs / processes);
const root = fileURLToPath(new URL('../../', import.meta.url));
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const argv = [vitest, 'run', '--project', 'unit', 'test/fuzz/parser.test.ts', '-t', 'strict llhttp'];

/** Fulfils with the seed where something was found. */
async function part(index) {
  const own = seed + index;
  const env = { ...process.env, QUAICH_FUZZ_RUNS: String(each), QUAICH_FUZZ_SEED: String(own) };
  const child = spawn(process.execPath, argv, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more) => {
    text += more;
  });
  const [code] = await once(child, 'close');
  if (code === 0 && /\b1 passed\b/.test(text)) return [];
  console.log(text);
  return [own];
}

const begun = performance.now();
const found = (await Promise.all(Array.from({ length: processes }, (_, index) => part(index)))).flat();
row(
  `${each * processes} generated requests against strict llhttp`,
  `seeds ${seed} to ${seed + processes - 1}`,
  `${seconds(begun)} s on ${processes} CPUs`,
  found.length === 0 ? 'no difference but those that are meant' : `differences with the seeds ${found.join(', ')}`,
);
process.exitCode = found.length === 0 ? 0 : 1;
