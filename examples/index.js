// @ts-check
/**
 * The index page: links every example and says of which kind it is.
 *
 *     curl http://127.0.0.1:8000/
 */
import { threadId } from 'node:worker_threads';
import { examples } from './catalogue.js';
import { html, sendPage } from './lib/page.js';
import { encodePath, mountPath } from './lib/request.js';
import { checkMethod, notFound } from './lib/respond.js';

/** @import { Environ, StartResponse } from 'quaich' */

/** @param {import('./catalogue.js').Example} example @param {string} root */
const card = ({ prefix, kind, traits, title, text, links }, root) => html`
<li>
<h2><a href="${root}${prefix}/">${title}</a></h2>
<span class="badge ${kind}">${kind}</span> ${traits.map((trait) => html`<span class="badge trait">${trait}</span> `)}
<p>${text}</p>
${links.map((link) => html`<a href="${root}${prefix}${link}"><code>${prefix}${link}</code></a> `)}
</li>`;

/**
 * @param {Environ} environ
 * @param {StartResponse} startResponse
 */
export function app(environ, startResponse) {
  if (environ.PATH_INFO !== '/' && environ.PATH_INFO !== '') return notFound(startResponse);
  const refused = checkMethod(environ, startResponse, 'GET');
  if (refused) return refused;
  const root = mountPath(environ);
  return sendPage(startResponse, {
    title: 'Quaich examples',
    headers: [['Cache-Control', 'no-store']],
    body: html`
<header>
<h1>Quaich examples</h1>
<p>Blocking and asynchronous applications, side by side in one process and on one port. A
<span class="badge sync">sync</span> application runs on a worker thread of its own for as long as a request takes and may
block it; an <span class="badge async">async</span> application runs many requests at once on one event loop.</p>
</header>
<main>
<ul class="cards">${examples.map((example) => card(example, root))}</ul>
<h2>What to try</h2>
<p>See <a href="${root}/late/">how late the clock is</a> while SQLite sleeps: one worker thread stands still inside a
query, and the clock keeps ticking, because it lives on another thread. Or let the <a href="${root}/events/">events
page</a> tick beside an <a href="${root}/upload/">upload</a> of some gigabytes. Reload this page in the meantime and watch
which thread answers.</p>
</main>
<footer>Answered by thread ${threadId} of process ${process.pid}, ${environ.SERVER_SOFTWARE ?? 'an unnamed server'},
${environ.SERVER_PROTOCOL}; you asked for <code>${encodePath(environ.SCRIPT_NAME + environ.PATH_INFO)}</code>.</footer>`,
  });
}
