// Tells what it knows of the client: all strings of the environ.
import { markAsync } from 'quaich';
import { asyncToSync, syncToAsync } from 'quaich/shim';

function told(environ) {
  const known = Object.entries(environ).filter(([, value]) => typeof value === 'string' || value === true);
  return [Buffer.from(JSON.stringify(Object.fromEntries(known)))];
}

export function syncApp(environ, startResponse) {
  startResponse('200 OK', []);
  return told(environ);
}

export const asyncApp = markAsync(async (environ, startResponse) => {
  startResponse('200 OK', []);
  return told(environ);
});

export const bridgedSync = syncToAsync(`${import.meta.url}:syncApp`, { threads: 1 });
export const bridgedAsync = asyncToSync(`${import.meta.url}:asyncApp`);

/** Written for node:http. */
export function listener(request, response) {
  response.end(
    JSON.stringify({
      REMOTE_ADDR: request.socket.remoteAddress,
      HTTP_X_FORWARDED_FOR: request.headers['x-forwarded-for'],
      HTTP_HOST: request.headers.host,
    }),
  );
}

/** Written for fetch. */
export const handler = (request) =>
  Response.json({ HTTP_X_FORWARDED_FOR: request.headers.get('x-forwarded-for') ?? undefined, url: request.url });
