// Installs packages that only a part of the scripts needs, on their first use, so that `npm ci` of Quaich stays small.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Installs what the lock file of a folder says, unless all of it is there in those versions; optional packages may be
 * missing.
 *
 * @param {URL} folder with a slash at its end
 * @param {string} notice told on standard error before
 */
export function installPackages(folder, notice) {
  const wanted = packagesOf(new URL('package-lock.json', folder));
  const found = packagesOf(new URL('node_modules/.package-lock.json', folder));
  const complete = Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || optional || found[path]?.version === version,
  );
  if (complete) return;
  console.error(notice);
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: fileURLToPath(folder), stdio: ['ignore', 2, 2] });
}

/** @param {URL} lock */
function packagesOf(lock) {
  try {
    return JSON.parse(readFileSync(lock, 'utf8')).packages;
  } catch {
    return {};
  }
}
