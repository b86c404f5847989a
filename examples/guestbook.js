// @ts-check
/**
 * A guest book in SQLite: sync, blocking. The driver is WebAssembly with file access of its own; every call returns
 * when the file has been read or written. All workers share one file, EXAMPLES_DATA/guestbook.db, and wait for its
 * lock.
 *
 *     curl http://127.0.0.1:8000/guestbook/api
 *     curl -H 'Content-Type: application/json' -d '{"name":"Ada","text":"Slàinte!"}'
 *     http://127.0.0.1:8000/guestbook/api curl 'http://127.0.0.1:8000/guestbook/?slow=5' # its thread stands still;
 *     everything else goes on
 */
import { threadId } from 'node:worker_threads';
import { clientGone, closeBook, openBook } from './lib/book.js';
import { html, sendPage } from './lib/page.js';
import { BadRequest, mountPath, queryInteger, readBody } from './lib/request.js';
import { checkMethod, notFound, sendJson, sendText } from './lib/respond.js';

/** @import { Environ, StartResponse } from 'quaich' */

const MAX_BODY = 16 * 1024;
const MAX_SLOW_SECONDS = 30;

/** @typedef {import('./lib/book.js').Database} Database */

/** Opens this worker's connection, before its first request. @param {Record<string, unknown>} state */
export function startup(state) {
  state['guestbook.db'] = openBook();
}

/** @param {Record<string, unknown>} state */
export function shutdown(state) {
  closeBook(state['guestbook.db']);
}

/**
 * Checks what a visitor sent; the database never sees more than this.
 *
 * @param {unknown} name
 * @param {unknown} text
 */
function checkEntry(name, text) {
  if (typeof name !== 'string' || typeof text !== 'string') throw new BadRequest('name and text must be strings.');
  const entry = { name: name.trim(), text: text.trim() };
  if (entry.name === '' || entry.name.length > 80) throw new BadRequest('name must have 1 to 80 characters.');
  if (entry.text === '' || entry.text.length > 2000) throw new BadRequest('text must have 1 to 2000 characters.');
  return entry;
}

/** The new entry, from a form or from JSON. @param {Environ} environ */
function readEntry(environ) {
  const type = (environ.CONTENT_TYPE ?? '').split(';', 1)[0].trim().toLowerCase();
  // A page of another site may make a browser send a form here, but it cannot make it lie about where it comes from.
  const site = environ.HTTP_SEC_FETCH_SITE ?? 'none';
  if (site !== 'same-origin' && site !== 'none') throw new BadRequest('Sent from another site.', '403 Forbidden');
  if (type === 'application/json') {
    const text = new TextDecoder().decode(readBody(environ, MAX_BODY));
    /** @type {unknown} */
    let value;
    try {
      value = JSON.parse(text);
    } catch {
      throw new BadRequest('The body is not JSON.');
    }
    const { name, text: words } = /** @type {{ name?: unknown, text?: unknown }} */ (Object(value));
    return checkEntry(name, words);
  }
  if (type === 'application/x-www-form-urlencoded') {
    const form = new URLSearchParams(new TextDecoder().decode(readBody(environ, MAX_BODY)));
    return checkEntry(form.get('name'), form.get('text'));
  }
  throw new BadRequest('Send a form or application/json.', '415 Unsupported Media Type');
}

const entries = 'SELECT id, name, text, written FROM entry ORDER BY id DESC LIMIT 50';

/** @param {Database} db @param {Environ} environ @param {StartResponse} startResponse */
function answer(db, environ, startResponse) {
  const root = mountPath(environ);
  const path = environ.PATH_INFO;
  if (path !== '' && path !== '/' && path !== '/api') return notFound(startResponse);
  const refused = checkMethod(environ, startResponse, 'GET', 'POST');
  if (refused) return refused;
  if (environ.REQUEST_METHOD === 'POST') {
    const { name, text } = readEntry(environ);
    const sql = 'INSERT INTO entry (name, text) VALUES (?, ?) RETURNING id, name, text, written';
    const entry = db.get(sql, [name, text]);
    if (path === '/api') return sendJson(startResponse, '201 Created', entry);
    return sendText(startResponse, '303 See Other', 'Thank you.\n', [['Location', `${root}/`]]);
  }
  const seconds = queryInteger(environ, 'slow', { min: 0, max: MAX_SLOW_SECONDS, fallback: 0 });
  // Reads no table, so that the lock of the file is free while this thread stands still.
  const waited = seconds === 0 ? 0 : Number(db.get('SELECT wait(?) AS waited', [seconds])?.waited);
  const rows = db.all(entries);
  if (path === '/api') return sendJson(startResponse, '200 OK', { entries: rows, waited });
  return sendPage(startResponse, {
    title: 'Guest book',
    body: html`
<p><a href="../">All examples</a></p>
<h1>Guest book</h1>
<p class="dim">Thread ${threadId} of process ${process.pid}; the slow query took ${waited.toFixed(1)} s.
<a href="${root}/?slow=5">Wait five seconds in SQLite</a>, <a href="${root}/api">as JSON</a>.</p>
<form method="post" action="${root}/">
<p><label>Name <input name="name" required maxlength="80"></label></p>
<p><label>Text <textarea name="text" required maxlength="2000" rows="3"></textarea></label></p>
<p><button>Sign</button></p>
</form>
${rows.map((row) => html`<article><h2>${row.name}</h2><p>${row.text}</p><p class="dim">${row.written}</p></article>`)}`,
  });
}

/**
 * @param {Environ} environ
 * @param {StartResponse} startResponse
 */
export function app(environ, startResponse) {
  const db = /** @type {Database} */ (environ['quaich.state']?.['guestbook.db']);
  // One request at a time runs in a sync worker, so what belongs to the request may be set on the connection.
  db[clientGone] = environ['quaich.client_disconnected'];
  try {
    return answer(db, environ, startResponse);
  } catch (error) {
    if (error instanceof BadRequest) return sendText(startResponse, error.status, `${error.message}\n`);
    throw error;
  }
}
