// A module for --import: writes down what the tracing channel of requests tells, a line of JSON for each event.
import { tracingChannel } from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';

export const write = (line) => {
  appendFileSync(process.env.TRACE_LOG, `${JSON.stringify({ thread: threadId, ...line })}\n`);
};

const note =
  (event) =>
  ({ environ, status, headers, bytes, disconnected, error }) =>
    write({
      event,
      path: environ.PATH_INFO,
      async: environ['quaich.async'],
      waited: environ['quaich.queue_time'],
      ...{ status, headers, bytes, disconnected, error: error?.message },
    });

tracingChannel('quaich:request').subscribe({
  start: note('start'),
  end: note('end'),
  asyncStart: note('asyncStart'),
  asyncEnd: note('asyncEnd'),
  error: note('error'),
});
write({ event: 'imported' });

export function shutdown() {
  write({ event: 'shutdown' });
}
