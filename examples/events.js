// @ts-check
/**
 * Server-Sent Events: async. A stream that lasts as long as the client listens costs one timer here, no thread. Every
 * tick says how late it came: were something to block this event loop, the figure would show it.
 *
 *     curl -N http://127.0.0.1:8000/events/stream
 *     curl -N -H 'Last-Event-ID: 41' 'http://127.0.0.1:8000/events/stream?every=200'
 */
import { setTimeout as delay } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { html, sendPage } from './lib/page.js';
import { BadRequest, mountPath, queryInteger } from './lib/request.js';
import { checkMethod, notFound, sendText } from './lib/respond.js';

/** @import { AsyncEnviron, AsyncStartResponse } from 'quaich' */

const encoder = new TextEncoder();

const SCRIPT = `
const list = document.querySelector('pre'), state = document.querySelector('output');
const source = new EventSource(list.dataset.from);
source.onopen = () => { state.textContent = 'listening'; };
source.onerror = () => { state.textContent = 'connection lost, trying again'; };
source.addEventListener('tick', ({ data, lastEventId }) => {
  const { time, late, thread } = JSON.parse(data);
  const line = '#' + lastEventId + '  ' + time + '  ' + late + ' ms late  (thread ' + thread + ')\\n';
  list.textContent = line + list.textContent.slice(0, 4000);
});
`;

/**
 * The stream itself, one event or heartbeat at a time; ends quietly when the signal aborts.
 *
 * @param {{ every: number, heartbeat: number, first: number, signal?: AbortSignal }} options times in milliseconds
 * @returns {AsyncGenerator<string>}
 */
export async function* ticks({ every, heartbeat, first, signal }) {
  // How long a browser waits before it connects again; it then sends the last id that it saw.
  yield 'retry: 2000\n\n';
  let count = first;
  while (!signal?.aborted) {
    const due = performance.now() + every;
    for (let left = every; left > 0; left = due - performance.now()) {
      try {
        await delay(Math.min(left, heartbeat), undefined, { signal });
      } catch (error) {
        if (signal?.aborted) return;
        throw error;
      }
      // A comment: nothing for the page, but a proxy in between sees that the stream is alive.
      if (due - performance.now() > heartbeat / 2) yield ': still here\n\n';
    }
    const late = Math.max(0, Math.round(performance.now() - due));
    const data = JSON.stringify({ time: new Date().toISOString(), late, thread: threadId });
    yield `id: ${count}\nevent: tick\ndata: ${data}\n\n`;
    count += 1;
  }
}

/** @param {AsyncEnviron} environ */
function streamOptions(environ) {
  const every = queryInteger(environ, 'every', { min: 20, max: 600_000, fallback: 1000 });
  const last = environ.HTTP_LAST_EVENT_ID ?? '';
  const first = /^\d{1,9}$/.test(last) ? Number(last) + 1 : 1;
  return { every, heartbeat: 15_000, first, signal: environ['quaich.signal'] };
}

/**
 * @param {AsyncEnviron} environ
 * @param {AsyncStartResponse} startResponse
 */
export async function* app(environ, startResponse) {
  const path = environ.PATH_INFO;
  const refused = checkMethod(environ, startResponse, 'GET');
  if (refused) return yield* refused;
  if (path === '/stream') {
    let options;
    try {
      options = streamOptions(environ);
    } catch (error) {
      if (error instanceof BadRequest) return yield* sendText(startResponse, error.status, `${error.message}\n`);
      throw error;
    }
    startResponse('200 OK', [
      ['Content-Type', 'text/event-stream'],
      ['Cache-Control', 'no-store'],
    ]);
    for await (const event of ticks(options)) yield encoder.encode(event);
    return;
  }
  if (path !== '' && path !== '/') return yield* notFound(startResponse);
  yield* sendPage(startResponse, {
    title: 'Server-Sent Events',
    script: SCRIPT,
    body: html`
<p><a href="../">All examples</a></p>
<h1>Server-Sent Events</h1>
<p>The stream is <output>closed</output>. While it runs, open a <a href="../late/sleep?seconds=5">slow query</a> in another
tab.</p>
<pre data-from="${mountPath(environ)}/stream"></pre>`,
  });
}
