// @ts-check
/**
 * A streaming proxy: async. Each block goes on as soon as it is here, in both directions, and no faster than the other
 * side takes it. It speaks to one upstream only, EXAMPLES_UPSTREAM (such as http://127.0.0.1:9000/base); without that
 * setting every worker starts a small server of its own, so that the example never has to ask itself.
 *
 *     curl http://127.0.0.1:8000/proxy/
 *     curl -N http://127.0.0.1:8000/proxy/slow                    # a line every half second, passed on as it comes
 *     curl -T /etc/services http://127.0.0.1:8000/proxy/echo      # comes back while it is still being sent
 */
import { request as httpRequest, STATUS_CODES } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { pipeline, Readable } from 'node:stream';
import { requestFields, responseFields } from './lib/forward.js';
import { startOrigin } from './lib/origin.js';
import { encodePath } from './lib/request.js';
import { sendText } from './lib/respond.js';

/** @import { IncomingMessage, RequestOptions } from 'node:http' */
/** @import { AsyncEnviron, AsyncStartResponse } from 'quaich' */

/** How long the upstream may be silent, in milliseconds. */
const SILENCE_MS = 60_000;

/**
 * The address below the upstream's, or null where it would lead out of it. Only path and query come from the client.
 *
 * @param {URL} upstream
 * @param {AsyncEnviron} environ
 */
function targetPath(upstream, environ) {
  const path = environ.PATH_INFO || '/';
  // A backslash: some servers take it for a slash.
  if (path.split(/[/\\]/).some((segment) => segment === '.' || segment === '..')) return null;
  const base = upstream.pathname.replace(/\/$/, '');
  return `${base}${encodePath(path)}${environ.QUERY_STRING ? `?${environ.QUERY_STRING}` : ''}`;
}

/**
 * Sends the request and waits for the head of the answer.
 *
 * @param {URL} upstream
 * @param {RequestOptions} options
 * @param {AsyncIterator<Uint8Array>} blocks the request body
 * @param {IteratorResult<Uint8Array>} first its first step
 * @returns {Promise<IncomingMessage>}
 */
function exchange(upstream, options, blocks, first) {
  return new Promise((resolve, reject) => {
    const request = (upstream.protocol === 'https:' ? httpsRequest : httpRequest)(upstream, options);
    request.setTimeout(SILENCE_MS, () => request.destroy(new Error('nothing came in time')));
    request.setSocketKeepAlive(true, SILENCE_MS);
    request.once('response', (response) => {
      // From here on a pause may be the client's doing; it ends with the client, or when the kernel finds the peer
      // dead.
      request.setTimeout(0);
      const status = response.statusCode ?? 0;
      if (status >= 200 && status <= 599) resolve(response);
      else request.destroy(new Error(`status ${status}`));
    });
    // The first error counts. Once the answer is here, errors show in reading it.
    request.on('error', reject);
    if (first.done) {
      request.end();
      return;
    }
    async function* body() {
      yield first.value;
      for (let step = await blocks.next(); !step.done; step = await blocks.next()) yield step.value;
    }
    pipeline(Readable.from(body(), { objectMode: false }), request, (error) => error && reject(error));
  });
}

/**
 * A proxy to one upstream.
 *
 * @param {() => URL} upstreamOf called for every request
 * @param {RequestOptions} [transport] how to reach it: by default with a connection for each request
 */
export function proxyTo(upstreamOf, transport = { agent: false }) {
  /**
   * @param {AsyncEnviron} environ
   * @param {AsyncStartResponse} startResponse
   */
  return async function* proxy(environ, startResponse) {
    const upstream = upstreamOf();
    const { REQUEST_METHOD: method, 'quaich.signal': signal } = environ;
    const path = targetPath(upstream, environ);
    if (path === null || method === 'CONNECT') {
      return yield* sendText(startResponse, '400 Bad Request', 'Neither dot segments nor tunnels here.\n');
    }
    const input = environ['wsgi.input'].chunks()[Symbol.asyncIterator]();
    /** @type {unknown} */
    let brokenOff;
    const blocks = {
      next: () =>
        input.next().catch((error) => {
          brokenOff = error;
          throw error;
        }),
    };
    // A chunked body has no CONTENT_LENGTH: only its first block tells it from no body at all.
    const first = await blocks.next();
    const headers = requestFields(environ, upstream.host, !first.done);
    /** @type {IncomingMessage} */
    let response;
    try {
      response = await exchange(upstream, { ...transport, method, path, headers, signal }, blocks, first);
    } catch (error) {
      if (signal?.aborted) return;
      environ['wsgi.errors'].write(`proxy: no answer from ${upstream.host}: ${error}\n`);
      return yield* sendText(startResponse, '502 Bad Gateway', 'The upstream did not answer.\n');
    }
    try {
      const code = response.statusCode ?? 0;
      startResponse(`${code} ${STATUS_CODES[code] ?? 'Unknown'}`, responseFields(response.rawHeaders, code));
      // An upstream that breaks off makes this throw, and the server breaks off in turn (G-141).
      for await (const block of response) yield block;
      // A client that breaks off ends the exchange, and node:http then discards what was left of the answer without a
      // word.
      if (brokenOff !== undefined) throw brokenOff;
    } finally {
      response.destroy();
    }
  };
}

/** @type {URL | undefined} */
let upstream;
/** @type {Awaited<ReturnType<typeof startOrigin>> | undefined} */
let ownOrigin;

/** Module state: every worker has its own (A-25). */
export async function startup() {
  if (!process.env.EXAMPLES_UPSTREAM) ownOrigin = await startOrigin();
  upstream = new URL(process.env.EXAMPLES_UPSTREAM || `http://127.0.0.1:${ownOrigin?.port}/`);
  if (!/^https?:$/.test(upstream.protocol)) throw new Error('EXAMPLES_UPSTREAM must be an http or https URL');
}

export async function shutdown() {
  await ownOrigin?.close();
}

export const app = proxyTo(() => {
  if (!upstream) throw new Error('the startup hook has not run');
  return upstream;
});
