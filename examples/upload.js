// @ts-check
/**
 * Upload: sync, streaming in. The body goes through SHA-256 block by block as it arrives; it is never in memory as a
 * whole, whatever its size. A read blocks this thread until the client has sent more. EXAMPLES_UPLOAD_LIMIT sets the
 * largest body in bytes; the default is 4 GiB.
 *
 *     head -c 100000000 /dev/urandom > /tmp/some; sha256sum /tmp/some
 *     curl -T /tmp/some http://127.0.0.1:8000/upload/
 */
import { createHash } from 'node:crypto';
import { html, sendPage } from './lib/page.js';
import { mountPath } from './lib/request.js';
import { checkMethod, notFound, sendJson } from './lib/respond.js';

/** @import { Environ, StartResponse } from 'quaich' */

const BLOCK = 65536;
const GIB = 1024 ** 3;

// A form cannot send a bare file, and fetch() does not tell how far an upload has come: XMLHttpRequest does both.
const SCRIPT = `
const form = document.querySelector('form'), bar = document.querySelector('progress'), out = document.querySelector('output');
form.addEventListener('submit', (event) => {
  event.preventDefault();
  const request = new XMLHttpRequest();
  request.open('PUT', form.dataset.to);
  request.upload.onprogress = ({ loaded, total }) => { bar.max = total || 1; bar.value = loaded; };
  request.onload = () => { out.textContent = request.status + ' ' + request.responseText; };
  request.onerror = () => { out.textContent = 'The connection broke.'; };
  out.textContent = 'Sending...';
  request.send(form.elements.file.files[0]);
});
`;

/** Bytes; checked at the start of the worker, so that a wrong setting shows at once. */
function readLimit() {
  const text = process.env.EXAMPLES_UPLOAD_LIMIT || String(4 * GIB);
  if (!/^\d{1,15}$/.test(text))
    throw new Error(`EXAMPLES_UPLOAD_LIMIT must be a number of bytes, not ${JSON.stringify(text)}`);
  return Number(text);
}

/** @param {Record<string, unknown>} state */
export function startup(state) {
  state['upload.limit'] = readLimit();
}

/** @param {StartResponse} startResponse @param {number} limit */
function refuseSize(startResponse, limit) {
  return sendJson(startResponse, '413 Content Too Large', { error: `at most ${limit} bytes are accepted` });
}

/**
 * @param {Environ} environ
 * @param {StartResponse} startResponse
 */
export function app(environ, startResponse) {
  if (environ.PATH_INFO !== '' && environ.PATH_INFO !== '/') return notFound(startResponse);
  const refused = checkMethod(environ, startResponse, 'GET', 'PUT', 'POST');
  if (refused) return refused;
  const limit = Number(environ['quaich.state']?.['upload.limit'] ?? readLimit());
  if (environ.REQUEST_METHOD === 'PUT' || environ.REQUEST_METHOD === 'POST') {
    // Before the first read: a client that waits for 100 Continue then sends nothing at all.
    if (Number(environ.CONTENT_LENGTH ?? 0) > limit) return refuseSize(startResponse, limit);
    const started = performance.now();
    const hash = createHash('sha256');
    let bytes = 0;
    for (;;) {
      // Throws when the client breaks off, so that half an upload never gets a digest (G-63).
      const block = environ['wsgi.input'].read(BLOCK);
      if (block.length === 0) break;
      bytes += block.length;
      // A chunked body does not say its size beforehand.
      if (bytes > limit) return refuseSize(startResponse, limit);
      hash.update(block);
    }
    const seconds = Number(((performance.now() - started) / 1000).toFixed(3));
    return sendJson(startResponse, '200 OK', { bytes, sha256: hash.digest('hex'), seconds });
  }
  return sendPage(startResponse, {
    title: 'Upload',
    script: SCRIPT,
    body: html`
<p><a href="../">All examples</a></p>
<h1>Upload with SHA-256</h1>
<form data-to="${mountPath(environ)}/">
<p><input type="file" name="file" required aria-label="File"> <button>Send</button></p>
</form>
<p><progress value="0" max="1" aria-label="Sent"></progress></p>
<p><output></output></p>
<noscript><p>Without scripts: <code>curl -T FILE</code> and the address of this page.</p></noscript>
<p class="dim">At most ${limit.toLocaleString('en')} bytes. Compare the digest with <code>sha256sum FILE</code>.</p>`,
  });
}
