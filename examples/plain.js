// @ts-check
/**
 * The page of late.js on node:http alone: the same clock and the same query, on the one event loop that there is. A
 * program that listens on PORT; `npx quaich demo` starts it beside the examples.
 */
import { createServer } from 'node:http';
import { ticks } from './events.js';
import { EVERY, latePage } from './lib/late-page.js';
import { sendPage } from './lib/page.js';
import { openSleeper } from './lib/sleeper.js';

/** @import { IncomingMessage, ServerResponse } from 'node:http' */

const SERVERS = [{ name: 'node:http', clock: '/events/stream', sleep: '/late/sleep' }];
const MOST_SECONDS = 10;

const sleeper = await openSleeper();

/** @param {ServerResponse} response */
async function clock(response) {
  const client = new AbortController();
  response.once('close', () => client.abort());
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  for await (const event of ticks({ every: EVERY, heartbeat: 15_000, first: 1, signal: client.signal })) {
    response.write(event);
  }
}

/** @param {ServerResponse} response @param {number} seconds */
function sleep(response, seconds) {
  // Nobody can be asked whether he still waits: the event loop stands still.
  const slept = sleeper.sleep(Math.min(MOST_SECONDS, Math.max(0, seconds)), () => false);
  response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(JSON.stringify({ what: sleeper.what, seconds: slept }));
}

/**
 * @param {IncomingMessage} request
 * @param {ServerResponse} response
 */
async function answer(request, response) {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  // The page of the other server measures this one, too.
  response.setHeader('Access-Control-Allow-Origin', '*');
  if (pathname === '/events/stream') return clock(response);
  if (pathname === '/late/sleep') return sleep(response, Number(searchParams.get('seconds')) || 0);
  if (pathname !== '/') return response.writeHead(404).end();
  /** @type {import('./lib/respond.js').Start} */
  const start = (status, headers) => response.writeHead(Number.parseInt(status, 10), Object.fromEntries(headers));
  for (const chunk of sendPage(start, latePage(SERVERS))) response.write(chunk);
  return response.end();
}

createServer((request, response) => {
  answer(request, response).catch((error) => response.destroy(error));
}).listen(Number(process.env.PORT ?? 8001), '127.0.0.1');

// Whoever has started it may be killed, and cannot end it then.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit();
}, 1000).unref();
