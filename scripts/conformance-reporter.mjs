// A Vitest reporter for runs of all tests: it writes build/CONFORMANCE.md, and fails the run when a MUST row of what is
// built has no test, and when a test names a row that does not exist.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { judge, page, problems, rowsIn, summary, waysOf } from './conformance.mjs';

const PAGE = 'build/CONFORMANCE.md';
const root = fileURLToPath(new URL('..', import.meta.url));

export default class ConformanceReporter {
  /** @param {ReadonlyArray<import('vitest/node').TestModule>} modules */
  onTestRunEnd(modules) {
    const tests = [];
    for (const module of modules) {
      const file = relative(root, module.moduleId).replaceAll('\\', '/');
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        const rows = rowsIn(test.fullName);
        if (rows.length === 0 || state === 'skipped' || state === 'pending') continue;
        tests.push({ rows, name: test.fullName, file, passed: state === 'passed', ways: waysOf(file, test.fullName) });
      }
    }
    const rows = JSON.parse(readFileSync(`${root}test/conformance/rows.json`, 'utf8'));
    const report = judge(
      rows,
      tests.sort((a, b) => (a.file < b.file ? -1 : Number(a.file > b.file))),
    );
    mkdirSync(`${root}build`, { recursive: true });
    writeFileSync(root + PAGE, page(report));
    for (const problem of problems(report)) {
      console.error(problem);
      process.exitCode = 1;
    }
    console.log(`Conformance: ${summary(report)} (${PAGE})`);
  }
}
