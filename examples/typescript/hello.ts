/**
 * The smallest application, typed. Node 22.18 and later load it as it is, earlier ones need a loader or a build:
 *
 *     npx quaich examples/typescript/hello.ts
 *     curl 'http://127.0.0.1:8000/?name=Ada'
 */
import type { Application, AsyncApplication } from 'quaich';

/** Sync: it may block, and returns any iterable of bytes. */
export const app: Application = (environ, startResponse) => {
  const name = new URLSearchParams(environ.QUERY_STRING).get('name') ?? 'world';
  startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']]);
  return [new TextEncoder().encode(`Hello, ${name}!\n`)];
};

/** Async: sends the request body back as it arrives (`quaich examples/typescript/hello.ts:echo`). */
export const echo: AsyncApplication = async function* (environ, startResponse) {
  startResponse('200 OK', [['Content-Type', environ.CONTENT_TYPE || 'application/octet-stream']]);
  yield* environ['wsgi.input'].chunks();
};
