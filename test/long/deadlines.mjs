// What the deadlines of the server do with their defaults, in real time: `node test/long/deadlines.mjs [MINUTES]
// [CLIENTS]`, after `npm run build`. Two sync workers meet requests that loop; then clients that send a byte a second
// run beside quick requests for so many minutes. The short form is a test (test/server/deadlines.test.ts).
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { applications, ask, during, pace, row, seconds, serve } from './running.mjs';

const minutes = Number(process.argv[2] ?? 10);
const clients = Number(process.argv[3] ?? 64);
const argv = [...applications, '--sync-workers', '2'];

/** `200: 14, 503: 31` */
function counted(values) {
  const counts = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return Object.entries(counts)
    .map(([value, count]) => `${value}: ${count}`)
    .join(', ');
}

async function loops() {
  const { url, stop } = await serve(...argv);
  const begun = performance.now();
  const looping = [1, 2].map(() => ask(`${url}/loop`).then(({ status }) => ({ status, after: seconds(begun) })));
  await sleep(500);
  const others = [];
  let replaced = 0;
  while (seconds(begun) < 90 && replaced === 0) {
    others.push(
      ask(`${url}/`).then((answer) => {
        if (answer.status === 200 && replaced === 0) replaced = seconds(begun);
        return answer;
      }),
    );
    await sleep(1000);
  }
  const answers = await Promise.all(others);
  const ends = await Promise.all(looping);
  const longest = Math.round(Math.max(...answers.map(({ time }) => time)) / 100) / 10;
  row(
    '2 requests that loop on 2 sync workers, one more each second',
    `looping: ${ends.map(({ status, after }) => `${status} after ${after} s`).join(', ')}`,
    `others: ${counted(answers.map(({ status }) => status))}; longest ${longest} s`,
    `first answer of a new worker after ${replaced} s`,
  );
  await stop();
}

/** What a body begins with: its length is announced, or not, or as much as no worker waits for comes at once. */
const BEGINNINGS = [
  { fields: 'Content-Length: 100000', start: '', piece: 'x' },
  { fields: 'Transfer-Encoding: chunked', start: '', piece: '1\r\nx\r\n' },
  { fields: 'Content-Length: 100000', start: 'x'.repeat(70_000), piece: 'x' },
];

/** Sends a byte of a body every second, and comes again when it is cut off. */
async function trickle(port, { fields, start, piece }, goesOn, ends) {
  while (goesOn()) {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    let text = '';
    socket.setEncoding('latin1').on('data', (more) => {
      text += more;
    });
    socket.write(`POST /length HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n${start}`);
    while (goesOn() && !socket.destroyed && text === '') {
      socket.write(piece);
      await sleep(1000);
    }
    ends.push(text.slice(9, 12) || (goesOn() ? 'cut off' : 'at the end'));
    socket.destroy();
  }
}

await loops();

const { url, port, stop } = await serve(...argv);
await pace(url, during(5000));
const alone = await pace(url, during(60_000));
const goesOn = during(minutes * 60_000);
const ends = [];
const slow = Array.from({ length: clients }, (_, i) => trickle(port, BEGINNINGS[i % BEGINNINGS.length], goesOn, ends));
const beside = await pace(url, goesOn);
await Promise.all(slow);
row(
  `${clients} clients at a byte a second for ${minutes} minutes, 2 sync workers`,
  `p99 of others ${alone.p99} ms alone, ${beside.p99} ms beside them (worst ${beside.worst} ms)`,
  `${beside.requests} requests, ${beside.failed} failed`,
  `the slow ones: ${counted(ends)}`,
);
await stop();
