// Runs all tests and writes docs/CONFORMANCE.md: which test carries which row, with what result, in which way of
// running. Fails when a test fails, when a MUST row of what is built has no test, and when a test names a row that does
// not exist.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { startVitest } from 'vitest/node';
import { judge, page } from './conformance-page.mjs';
import ConformanceReporter from './conformance-reporter.mjs';

const at = (path) => new URL(`../${path}`, import.meta.url);
if (!existsSync(at('dist/src/index.js'))) {
  console.error('Servers are tested as built: run `npm run build` first.');
  process.exit(1);
}
const rows = JSON.parse(readFileSync(at('test/conformance/rows.json'), 'utf8'));

const reporter = new ConformanceReporter((tests) => {
  const report = judge(rows, tests);
  writeFileSync(at('docs/CONFORMANCE.md'), page(report));
  for (const [what, ids] of [
    ['MUST rows without a test', report.missing],
    ['rows with a test that fails', report.failed],
    ['names of rows that do not exist', report.unknown],
  ]) {
    if (ids.length === 0) continue;
    console.error(`${what}: ${ids.join(', ')}`);
    process.exitCode = 1;
  }
});
process.env.QUAICH_CONFORMANCE = '1'; // the page itself is looked at by later runs
const vitest = await startVitest('test', [], { run: true, watch: false, reporters: ['default', reporter] });
await vitest.close();
