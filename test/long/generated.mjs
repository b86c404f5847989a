// Properties of the tests, by many more inputs than there: so many runs, in as many processes as there are CPUs, each
// with a seed of its own (test/fuzz/runs.ts).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { row, seconds } from './running.mjs';

const processes = availableParallelism();
const root = fileURLToPath(new URL('../../', import.meta.url));
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));

/** The arguments of the script: how many runs, and the first seed. */
export const argumentsOr = (usual) => ({
  runs: Number(process.argv[2] ?? usual),
  seed: Number(process.argv[3] ?? Date.now() & 0x3fffffff),
});

/** Fulfils with the seed where something was found. */
async function part(tests, each, seed) {
  const argv = [vitest, 'run', '--project', 'unit', ...tests];
  const env = { ...process.env, NO_COLOR: '1', QUAICH_FUZZ_RUNS: String(each), QUAICH_FUZZ_SEED: String(seed) };
  const child = spawn(process.execPath, argv, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more) => {
    text += more;
  });
  const [code] = await once(child, 'close');
  if (code === 0 && /\b[1-9]\d* passed\b/.test(text)) return [];
  console.log(text);
  return [seed];
}

/** Runs these tests, files and what goes with them, and prints a row: what, and what is said where nothing is found. */
export async function generate(tests, { runs, seed }, what, fine) {
  const begun = performance.now();
  const each = Math.ceil(runs / processes);
  const parts = Array.from({ length: processes }, (_, index) => part(tests, each, seed + index));
  const found = (await Promise.all(parts)).flat();
  row(
    `${each * processes} ${what}`,
    `seeds ${seed} to ${seed + processes - 1}`,
    `${seconds(begun)} s on ${processes} CPUs`,
    found.length === 0 ? fine : `something else with the seeds ${found.join(', ')}`,
  );
  if (found.length > 0) process.exitCode = 1;
}
