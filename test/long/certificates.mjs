// Certificates changed under load: `node test/long/certificates.mjs [CHANGES] [CLIENTS]`, after `npm run build`. So
// many times other files are put in place, and the server is told by SIGHUP or finds out itself, in turn. So many
// clients make connections meanwhile, one after the other, and as many keep theirs. None may be lost, and each change
// must be seen. The short form is a test (test/server/tls.test.ts). It needs the command `openssl`.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { applications, percentiles, row, seconds, serve } from './running.mjs';

const changes = Number(process.argv[2] ?? 20);
const clients = Number(process.argv[3] ?? 20);
/** Milliseconds for the server to find out. */
const LIMIT = 30_000;

const folder = mkdtempSync(join(tmpdir(), 'quaich-certificates-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const [cert, key] = [join(folder, 'now.pem'), join(folder, 'now.key')];

for (const name of ['even', 'odd']) {
  const files = ['-out', join(folder, `${name}.pem`), '-keyout', join(folder, `${name}.key`)];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...curve, ...files, '-subj', `/CN=${name}`], {
    stdio: 'ignore',
  });
}
function put(name) {
  copyFileSync(join(folder, `${name}.key`), key);
  copyFileSync(join(folder, `${name}.pem`), cert);
}

put('even');
const flags = ['--bind', 'https://127.0.0.1:0', '--tls-cert', cert, '--tls-key', key];
const { port, child, stop } = await serve(...applications, ...flags);
const begun = performance.now();
const failures = [];
let loading = true;

async function connect() {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  const closed = once(socket, 'close').then(() => {
    throw new Error('closed early');
  });
  closed.catch(() => {}); // who asks hears of it
  const client = { socket, closed, received: '' };
  socket.setEncoding('latin1').on('data', (text) => {
    client.received += text;
  });
  await once(socket, 'secureConnect');
  return client;
}

function isWhole(text) {
  const end = text.indexOf('\r\n\r\n');
  const [, length] = /^content-length: (\d+)\r$/im.exec(text.slice(0, end + 1)) ?? [];
  if (end < 0 || length === undefined) return text.endsWith('\r\n0\r\n\r\n');
  return text.length >= end + 4 + Number(length);
}

/** @throws Error where the connection ends before the answer does */
async function request(client, fields = '') {
  client.received = '';
  client.socket.write(`GET /async HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
  while (!isWhole(client.received)) await Promise.race([once(client.socket, 'data'), client.closed]);
  if (!client.received.startsWith('HTTP/1.1 200')) failures.push(client.received.slice(0, 20));
}

async function last(client) {
  await request(client, 'Connection: close\r\n');
  client.socket.destroy();
}

const times = [];
async function comeAgain() {
  while (loading) {
    const start = performance.now();
    await last(await connect());
    times.push(performance.now() - start);
  }
}

let kept = 0;
async function stay() {
  const client = await connect();
  for (; loading; kept++) {
    await request(client);
    await sleep(100);
  }
  await last(client);
}

async function nameNow() {
  const { socket } = await connect();
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return CN;
}

const failed = (error) => failures.push(error.message);
const loads = Array.from({ length: clients }, () => [comeAgain().catch(failed), stay().catch(failed)]).flat();
let seen = 0;
for (let change = 1; change <= changes; change++) {
  const name = change % 2 === 0 ? 'even' : 'odd';
  put(name);
  if (change % 4 < 2) child.kill('SIGHUP');
  const until = performance.now() + LIMIT;
  while ((await nameNow()) !== name && performance.now() < until) await sleep(50);
  if ((await nameNow()) === name) seen++;
}
const took = seconds(begun);
loading = false;
await Promise.all(loads);
const { p99, worst } = percentiles(times);
row(
  `${changes} changes of the certificate, ${clients} clients that come again and ${clients} that stay`,
  `${seen} seen in ${took} s`,
  `${times.length} handshakes, ${kept} requests on ${clients} connections, ${failures.length} failed`,
  `handshake, request and end: p99 ${p99} ms, worst ${worst} ms`,
);
for (const failure of failures.slice(0, 10)) console.log(failure);
await stop();
