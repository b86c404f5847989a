// A sync application: each request has a worker thread to itself, and may block it.
import { scryptSync } from 'node:crypto';

const bytes = new TextEncoder();

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>It works</title>
<h1>It works</h1>
<ul>
<li><a href="/hash">A hash</a>: blocks its thread for a moment, and nobody else</li>
<li><a href="/events">The time</a>: an event stream, beside it</li>
<li><a href="/api/hello?name=Ada">A greeting</a>: by Express</li>
</ul>
`;

export function app(environ, startResponse) {
  const path = environ.PATH_INFO;
  if (path === '/') return answer(startResponse, '200 OK', 'text/html', PAGE);
  if (path === '/hash') {
    const hash = scryptSync('password', 'salt', 32, { N: 2 ** 15, maxmem: 64 * 2 ** 20 });
    return answer(startResponse, '200 OK', 'text/plain', `${hash.toString('hex')}\n`);
  }
  return answer(startResponse, '404 Not Found', 'text/plain', 'There is nothing here.\n');
}

function answer(startResponse, status, type, text) {
  startResponse(status, [['Content-Type', `${type}; charset=utf-8`]]);
  return [bytes.encode(text)];
}
