// What the applications of this folder are asked, with the answers that are right, and which packages they need.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { block, requests } from '../content.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Where Debian installs packages of Python: for gunicorn and uWSGI, and pure enough for Pyodide. */
export const PACKAGES = '/usr/lib/python3/dist-packages';

const scratch = join(tmpdir(), 'quaich-bench');
mkdirSync(scratch, { recursive: true });

/** The environment of a server, whoever it is. */
export const environment = (application) => ({
  APPLICATION: application,
  // Packages of Debian 12 need help to run on a newer Python than theirs.
  PYTHONPATH: [here('.'), here('../../../test/python/debian12')].join(':'),
  DJANGO_DATABASE: join(scratch, 'django.db'),
  XDG_CACHE_HOME: join(scratch, 'cache'),
});

/**
 * The version of a package that Debian has installed.
 *
 * @throws Error where it is not there
 */
export function versionOfPackage(name) {
  const pattern = new RegExp(`^${name}-([\\w.]+?)(?:-py3)?\\.(?:egg|dist)-info$`, 'i');
  const found = existsSync(PACKAGES) ? readdirSync(PACKAGES).map((entry) => pattern.exec(entry)) : [];
  const version = found.find((match) => match !== null)?.[1];
  if (version === undefined) throw new Error('not installed on this machine');
  return version;
}

/** By module: the package that it needs. */
export const needs = { hello: undefined, bottle_site: 'bottle', flask_site: 'Flask', django_site: 'Django' };

const text = (answer) => ({ status: 200, body: Buffer.from(answer) });

/** The table that `flask_site` makes. */
function table(count) {
  const cells = (row) => Array.from({ length: 10 }, (_, column) => `<td>r${row} &amp; c${column}</td>`).join('');
  const line = (_, row) => `<tr class="${row % 2 === 0 ? 'odd' : 'even'}">${cells(row)}</tr>\n`;
  const rows = Array.from({ length: count }, line).join('');
  return `<!doctype html><title>A &lt;table&gt;</title><table>\n${rows}</table>`;
}

/** A form with a file of that size. */
function form(size) {
  const file = block(size);
  const head = '--edge\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n';
  return {
    path: '/upload',
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=edge' },
    body: Buffer.concat([Buffer.from(head), file, Buffer.from('\r\n--edge--\r\n')]),
    expect: text(`${size} ${createHash('sha256').update(file).digest('hex')}`),
  };
}

/** The same as `burn` of `hello`. */
function burnt(rounds) {
  let total = 0;
  for (let number = 0; number < rounds; number++)
    total = (total * 31 + String(number).length + number + (total % 7)) % 1_000_003;
  return total;
}

export const pythonRequests = {
  ...requests,
  table: (count) => ({ path: `/table/${count}`, expect: text(table(count)) }),
  form,
  count: { path: '/count', expect: text('100') },
  burn: (rounds) => ({ path: `/burn/${rounds}`, expect: text(String(burnt(rounds))) }),
};
