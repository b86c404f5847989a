// What the deadlines of the server do with their defaults, in real time: `node test/long/deadlines.mjs MINUTES`, after
// `npm run build`. Two sync workers meet requests that loop; then clients that send a byte a second, an upload of 1 MB
// a second and streams of events run beside quick requests for so many minutes. The short form is a test
// (test/server/deadlines.test.ts).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const minutes = Number(process.argv[2] ?? 10);
const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const module = fileURLToPath(new URL('../server/apps/deadlines.mjs', import.meta.url));
const seconds = (since) => Math.round((performance.now() - since) / 100) / 10;

/** A server with the defaults, but for the number of workers. */
async function serve() {
  const argv = [main, `${module}:app`, `/async=${module}:asyncApp`, '--bind', '127.0.0.1:0', '--sync-workers', '2'];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'inherit', 'pipe'] });
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (more) => {
    text += more;
  });
  while (!/listening on (\S+)/.test(text)) await once(child.stderr, 'data');
  const [, url] = /listening on (\S+)/.exec(text);
  return { url, port: Number(new URL(url).port), child, messages: () => text };
}

/** Status and milliseconds of one request on a connection of its own, or on those of an agent. */
function ask(url, agent = false) {
  const begun = performance.now();
  return new Promise((resolve) => {
    http
      .get(url, { agent }, (response) => {
        response.resume().on('end', () => resolve({ status: response.statusCode, time: performance.now() - begun }));
      })
      .on('error', () => resolve({ status: 0, time: performance.now() - begun }));
  });
}

async function loops() {
  const { url, child, messages } = await serve();
  const begun = performance.now();
  const looping = [1, 2].map(() => ask(`${url}/loop`).then(({ status }) => ({ status, after: seconds(begun) })));
  await sleep(500);
  const others = [];
  let replaced = 0;
  while (seconds(begun) < 75 && replaced === 0) {
    const sent = seconds(begun);
    others.push(
      ask(`${url}/`).then(({ status, time }) => {
        if (status === 200 && replaced === 0) replaced = seconds(begun);
        return { sent, status, time: Math.round(time / 100) / 10 };
      }),
    );
    await sleep(1000);
  }
  const answers = await Promise.all(others);
  const statuses = Object.groupBy?.(answers, ({ status }) => status) ?? {};
  console.log('looping requests:', await Promise.all(looping));
  console.log('others:', Object.fromEntries(Object.entries(statuses).map(([status, list]) => [status, list.length])));
  console.log('longest wait of the others, s:', Math.max(...answers.map(({ time }) => time)));
  console.log('first answer of a new worker after, s:', replaced);
  console.log(messages());
  child.kill();
}

/** The percentile of requests that are sent one after the other, 20 a second. */
async function pace(url, until) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const times = [];
  let failed = 0;
  while (performance.now() < until) {
    const { status, time } = await ask(`${url}/`, agent);
    if (status !== 200) failed++;
    times.push(time);
    await sleep(50);
  }
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (share) => Math.round(times[Math.floor(times.length * share)] * 100) / 100;
  return { requests: times.length, failed, p50: at(0.5), p99: at(0.99), worst: at(0.99999) };
}

/** Sends a byte of a body every second, and comes again when it is cut off. */
async function trickle(port, until, ends) {
  while (performance.now() < until) {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    let text = '';
    socket.setEncoding('latin1').on('data', (more) => {
      text += more;
    });
    socket.write('POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n');
    while (performance.now() < until && !socket.destroyed && text === '') {
      socket.write('x');
      await sleep(1000);
    }
    const status = text.slice(9, 12);
    ends[status] = (ends[status] ?? 0) + 1;
    socket.destroy();
  }
}

async function upload(url, until, path) {
  const begun = performance.now();
  let sent = 0;
  const request = http.request(`${url}${path}`, { method: 'POST', agent: false });
  const answered = new Promise((resolve) => {
    request.on('response', (response) => {
      response.setEncoding('utf8').on('data', (body) => resolve({ status: response.statusCode, body }));
    });
    request.on('error', (error) => resolve({ error: error.message }));
  });
  const piece = Buffer.alloc(100_000);
  while (performance.now() < until) {
    request.write(piece);
    sent += piece.length;
    await sleep(sent / 1000 - (performance.now() - begun)); // 1 MB a second
  }
  request.end();
  return { sent, ...(await answered) };
}

async function events(url, path) {
  const begun = performance.now();
  return new Promise((resolve) => {
    http
      .get(`${url}${path}`, { agent: false }, (response) => {
        let bytes = 0;
        response.on('data', (data) => {
          bytes += data.length;
        });
        response.on('close', () => resolve({ bytes, complete: response.complete, seconds: seconds(begun) }));
      })
      .on('error', (error) => resolve({ error: error.message }));
  });
}

await loops();

const { url, port, child, messages } = await serve();
console.log('alone:', await pace(url, performance.now() + 20_000));
const until = performance.now() + minutes * 60_000;
const ends = {};
const slow = Array.from({ length: 64 }, () => trickle(port, until, ends));
// Sync applications for streams would take a worker each: these are async, as the documentation advises.
const beside = [upload(url, until, '/async/length'), events(url, `/async/events?${minutes * 60 * 18}`)];
console.log('beside 64 clients at a byte a second:', await pace(url, until));
await Promise.all(slow);
console.log('what became of those:', ends);
console.log('upload at 1 MB/s:', await beside[0]);
console.log('events:', await beside[1]);
console.log(messages());
child.kill();
