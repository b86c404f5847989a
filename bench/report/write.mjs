// Where a report goes: a summary on the terminal, and three files.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatNumber, formatTable, formatVerdict } from '../../dist/src/bench/format.js';
import { summarize } from '../../dist/src/bench/summary.js';
import { toHtml } from './html.mjs';
import { toMarkdown } from './markdown.mjs';
import { aboutSuite, ratioText, tooFew } from './words.mjs';

export async function writeReport(report, folder) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'report.json'), JSON.stringify(report));
  writeFileSync(join(folder, 'report.md'), toMarkdown(report));
  writeFileSync(join(folder, 'report.html'), await toHtml(report));
  console.log(`\nThe whole report is ${join(folder, 'report.html')}, report.md and report.json.`);
}

/** The deciding metric of each suite. */
export function printReport(report) {
  for (const suite of report.suites) {
    console.log(`\n${suite.title}: ${aboutSuite(suite)}`);
    for (const { case: name, candidates, cannot } of summarize(suite)) {
      const [{ key, unit }] = suite.metrics;
      const rows = candidates.flatMap(({ candidate, figures, loadBound }) => {
        const figure = figures.get(key);
        if (figure === undefined) return [];
        return [
          [`  ${candidate}`, formatNumber(figure.value.median), ratioText(figure, loadBound), formatVerdict(figure)],
        ];
      });
      console.log(`\n${formatTable([[name, unit, 'ratio', ''], ...rows], 'lrrl').join('\n')}`);
      for (const [candidate, why] of Object.entries(cannot)) console.log(`  ${candidate}: ${why}`);
    }
  }
  for (const [name, why] of Object.entries(report.leftOut)) console.log(`\nleft out: ${name}: ${why}`);
  const few = tooFew(report);
  if (few !== undefined) console.log(`\n${few}`);
}
