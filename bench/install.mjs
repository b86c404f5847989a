// Peers are packages of the bench alone, so that installing Quaich stays small: they are installed on first use.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export function installPeers() {
  if (areInstalled()) return;
  console.error('The bench installs those whom Quaich is compared with, into bench/node_modules ...');
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here('.'), stdio: ['ignore', 2, 2] });
}

/** Whether every package is there in the version of the lock file; optional ones may be missing. */
function areInstalled() {
  const wanted = packagesOf('package-lock.json');
  const found = packagesOf('node_modules/.package-lock.json');
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || optional || found[path]?.version === version,
  );
}

function packagesOf(lock) {
  try {
    return JSON.parse(readFileSync(here(lock), 'utf8')).packages;
  } catch {
    return {};
  }
}
