// npm run bench -- [options]: measures suites, and writes what came out as JSON, Markdown and HTML. `--help` says more.
import { fileURLToPath } from 'node:url';
import { describeEnvironment } from './environment.mjs';
import { installPeers } from './install.mjs';
import { HELP, parseOptions, UsageError } from './options.mjs';

// Whoever has started a process ends it when this one exits.
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

async function main(args) {
  const options = parseOptions(args);
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (options.compare !== undefined) {
    const { compareFiles } = await import('./report/compare-files.mjs');
    return compareFiles(options.compare, options.limit);
  }
  installPeers();
  await measure(options);
  return 0;
}

async function measure(options) {
  const environment = describeEnvironment();
  const { createContext } = await import('./context.mjs');
  const { measureSuites } = await import('./measure-suites.mjs');
  const { printReport, writeReport } = await import('./report/write.mjs');
  const { against, only, out } = options;
  const root = fileURLToPath(new URL('..', import.meta.url));
  const context = createContext({ root, against, only, generator: options.generator });
  const suites = [];
  for (const name of options.suites) suites.push((await import(`./suites/${name}.mjs`)).suite(context));
  if (suites.every(({ candidates }) => candidates.length === 0)) {
    throw new UsageError(
      `nobody to measure: ${only.length > 0 ? `no name holds ${only.join(' or ')}` : 'all are left out'}`,
    );
  }
  const { rounds, results } = await measureSuites(suites, options);
  const { size, seconds, warmUp } = options;
  const report = {
    format: 1,
    ...environment,
    options: { size, rounds, seconds, warmUp, only, against, generator: context.generator },
    versions: Object.fromEntries(context.versions),
    leftOut: Object.fromEntries(context.leftOut),
    suites: results,
  };
  printReport(report);
  await writeReport(report, out);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
