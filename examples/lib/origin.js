// @ts-check
/**
 * Something for the proxy to talk to: a small server on a free port of this machine, in plain node:http.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** @import { IncomingMessage, ServerResponse } from 'node:http' */

/** A line every half second, for ten lines. @param {ServerResponse} response */
async function slow(response) {
  response.setHeader('Content-Type', 'text/plain');
  for (let line = 1; line <= 10 && !response.destroyed; line += 1) {
    response.write(`line ${line} of 10\n`);
    await delay(500);
  }
  response.end();
}

/**
 * @param {IncomingMessage} request
 * @param {ServerResponse} response
 */
export function origin(request, response) {
  const path = (request.url ?? '').split('?', 1)[0];
  if (path.endsWith('/echo')) {
    response.setHeader('Content-Type', request.headers['content-type'] ?? 'application/octet-stream');
    // Block by block; when the other side dies, both streams are destroyed and nothing is left to answer.
    request.on('error', () => response.destroy());
    request.pipe(response);
    return;
  }
  if (path.endsWith('/slow')) {
    slow(response).catch((error) => response.destroy(error));
    return;
  }
  response.setHeader('Content-Type', 'application/json');
  response.end(`${JSON.stringify({ method: request.method, url: request.url, headers: request.headers }, null, 2)}\n`);
}

/** @returns {Promise<{ port: number, close(): Promise<void> }>} */
export async function startOrigin() {
  const server = createServer(origin).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the example server has no port');
  return {
    port: address.port,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
