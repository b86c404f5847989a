// Many clients that send or take much, slowly: `node test/long/slow-transfers.mjs [CLIENTS] [MEBIBYTES] [SECONDS]
// [sync] [upload|download]`, after `npm run build`. So many clients upload so many MiB each to an async application,
// then as many take as much, within so many seconds; or they do so with a sync one, on two workers. What became of
// them, what the server needs of memory, and the p99 of others, alone and meanwhile. The clients are a process of their
// own.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { applications, during, pace, row, seconds, serve, watchMemory } from './running.mjs';

const clients = Number(process.argv[2] ?? 200);
const size = Number(process.argv[3] ?? 100) * 2 ** 20;
const time = Number(process.argv[4] ?? 300) * 1000;
const isSync = process.argv[5] === 'sync';
const ways = process.argv[6] ? [process.argv[6]] : ['upload', 'download'];
/** Of the bodies that the application sends (test/server/apps/deadlines.mjs). */
const BLOCK = 65_536;
/** Milliseconds from one piece to the next. */
const EVERY = 200;
const piece = Math.ceil((size * EVERY) / time);

const WHOLE = 'whole';
const CUT = 'cut';

/** What became of a transfer: the status that refused it, or that it was cut. */
function outcome(isWhole, head) {
  if (isWhole) return WHOLE;
  const [, status] = /^HTTP\/1\.1 (\d+)/.exec(head) ?? [];
  return status === undefined || status === '200' ? CUT : status;
}

async function upload(port) {
  const socket = net.connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('latin1').on('data', (more) => {
    text += more;
  });
  socket.on('error', (error) => {
    text ||= error.message;
  });
  const closed = once(socket, 'close').catch(() => {});
  const fields = `Content-Length: ${size}\r\nConnection: close`;
  socket.write(`POST ${isSync ? '' : '/async'}/length HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n`);
  const bytes = Buffer.alloc(piece);
  for (let sent = 0; sent < size && !socket.destroyed; sent += piece) {
    if (!socket.write(bytes.subarray(0, size - sent))) await Promise.race([once(socket, 'drain'), closed]);
    await sleep(EVERY);
  }
  await closed;
  return outcome(text.startsWith('HTTP/1.1 200') && text.includes(`\r\n${size}`), text);
}

async function download(port) {
  const socket = net.connect(port, '127.0.0.1').pause();
  socket.on('error', () => {});
  socket.write(
    `GET ${isSync ? '' : '/async'}/blocks?${Math.ceil(size / BLOCK)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
  );
  let head;
  let received = 0;
  let due = performance.now();
  for await (const bytes of socket) {
    head ??= bytes.toString('latin1', 0, 20);
    received += bytes.length;
    due += (bytes.length * time) / size;
    if (due > performance.now()) await sleep(due - performance.now());
  }
  return outcome(received >= size, head);
}

/** The process of the clients: tells its parent what became of them, and ends. */
async function transfer(way, port) {
  const one = way === 'upload' ? upload : download;
  const outcomes = await Promise.all(Array.from({ length: clients }, () => one(port).catch(() => CUT)));
  const counts = {};
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  const texts = Object.entries(counts).map(([outcome, count]) => `${count} ${outcome}`);
  process.send(texts.join(', '), () => process.disconnect());
}

async function measure(way) {
  const { url, port, child, stop } = await serve(...applications);
  await pace(url, during(5000));
  const alone = await pace(url, during(60_000));
  const memory = watchMemory(child.pid);
  const begun = performance.now();
  const program = fork(fileURLToPath(import.meta.url), process.argv.slice(2), {
    env: { ...process.env, TRANSFER: way, PORT_OF_SERVER: String(port) },
  });
  let outcomes;
  program.once('message', (text) => {
    outcomes = text;
  });
  const ended = once(program, 'exit');
  const beside = await pace(url, () => program.exitCode === null && program.signalCode === null);
  await ended;
  const { first, most } = memory();
  row(
    `${clients} clients that ${way} ${size / 2 ** 20} MiB each in ${time / 1000} s, ${isSync ? 'sync' : 'async'}`,
    `${outcomes} after ${seconds(begun)} s`,
    `memory ${first} MiB, most ${most} MiB`,
    `p99 of others ${alone.p99} ms alone, ${beside.p99} ms meanwhile; ` +
      `${beside.requests} requests, ${beside.failed} failed`,
  );
  await stop();
}

const { TRANSFER, PORT_OF_SERVER } = process.env;
if (TRANSFER === undefined) for (const way of ways) await measure(way);
else await transfer(TRANSFER, Number(PORT_OF_SERVER));
