// @ts-check
/**
 * File download: sync, with wsgi.file_wrapper. The application opens the file, checks it and describes it; sending is
 * the server's business, by the quickest way it knows. Lists and serves EXAMPLES_DATA/files; the first start puts a
 * file of some megabytes there.
 *
 *     curl http://127.0.0.1:8000/download/
 *     curl -O http://127.0.0.1:8000/download/measurements.csv
 *     curl -I http://127.0.0.1:8000/download/measurements.csv
 */
import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { dataDirectory } from './lib/data.js';
import { OpenFile, plainBody } from './lib/open-file.js';
import { html, sendPage } from './lib/page.js';
import { matchesTag, mountPath, pathText } from './lib/request.js';
import { checkMethod, extendedValue, notFound } from './lib/respond.js';

/** @import { Environ, StartResponse } from 'quaich' */

const BLOCK = 65536;
/** @type {Record<string, string>} */
const TYPES = { '.csv': 'text/csv; charset=utf-8', '.txt': 'text/plain; charset=utf-8', '.png': 'image/png' };

function measurements() {
  const lines = ['time,place,celsius'];
  for (let minute = 0; minute < 200_000; minute += 1) {
    const time = new Date(Date.UTC(2026, 0, 1) + minute * 60_000).toISOString();
    lines.push(`${time},cellar,${(11 + 3 * Math.sin(minute / 720)).toFixed(3)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Makes the sample file. Several workers start at once: each writes its own, and the last to rename it wins. */
export function startup() {
  const directory = filesDirectory();
  const file = join(directory, 'measurements.csv');
  if (statSync(file, { throwIfNoEntry: false })?.isFile()) return;
  const draft = join(directory, `.draft-${process.pid}-${threadId}`);
  writeFileSync(draft, measurements());
  renameSync(draft, file);
}

function filesDirectory() {
  const directory = join(dataDirectory(), 'files');
  mkdirSync(directory, { recursive: true });
  return directory;
}

/** Names of the files on offer: what stands in the directory itself, is a file, and is not hidden. */
function fileNames() {
  return readdirSync(filesDirectory(), { withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => entry.name)
    .sort();
}

/** @param {string} name @param {Environ} environ @param {StartResponse} startResponse */
function sendFile(name, environ, startResponse) {
  const file = new OpenFile(join(filesDirectory(), name));
  try {
    const { size, mtime } = file.stat;
    /** @type {[string, string][]} */
    const validators = [
      ['ETag', file.tag],
      ['Last-Modified', mtime.toUTCString()],
    ];
    if (matchesTag(environ, file.tag)) {
      startResponse('304 Not Modified', validators);
      file.close();
      return [];
    }
    startResponse('200 OK', [
      ['Content-Type', TYPES[extname(name)] ?? 'application/octet-stream'],
      ['Content-Length', String(size)],
      ['Content-Disposition', `attachment; filename*=${extendedValue(name)}`],
      ...validators,
    ]);
    // From here on the server closes the body, whatever happens, and the body closes the file (G-166).
    return (environ['wsgi.file_wrapper'] ?? plainBody)(file, BLOCK);
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * @param {Environ} environ
 * @param {StartResponse} startResponse
 */
export function app(environ, startResponse) {
  const refused = checkMethod(environ, startResponse, 'GET');
  if (refused) return refused;
  const names = fileNames();
  const name = pathText(environ).slice(1);
  if (name !== '') {
    // Only a name from the listing is ever opened: no path can be made up.
    return names.includes(name) ? sendFile(name, environ, startResponse) : notFound(startResponse);
  }
  const root = mountPath(environ);
  return sendPage(startResponse, {
    title: 'Download',
    body: html`
<p><a href="../">All examples</a></p>
<h1>File download</h1>
<ul>${names.map((each) => html`<li><a href="${root}/${encodeURIComponent(each)}">${each}</a></li>`)}</ul>`,
  });
}
