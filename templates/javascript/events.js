// An async application: many requests run at once on one event loop, which nothing may block.
import { setTimeout as delay } from 'node:timers/promises';

const bytes = new TextEncoder();

/** The time, each second, until the client leaves. */
export async function* app(environ, startResponse) {
  startResponse('200 OK', [
    ['Content-Type', 'text/event-stream'],
    ['Cache-Control', 'no-store'],
  ]);
  const signal = environ['quaich.signal'];
  try {
    for (;;) {
      yield bytes.encode(`data: ${new Date().toISOString()}\n\n`);
      await delay(1000, undefined, { signal });
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}
