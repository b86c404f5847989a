// Python and JavaScript together, for long: `node test/long/python.mjs [MINUTES] [CLIENTS]`, after `npm run build`; it
// needs the package `pyodide`. So many clients send requests of all kinds to an application in Python, a sync and an
// async one in JavaScript. In Python some loop, fail, use up their memory or end the interpreter, and some clients
// leave in the middle. Each answer carries a token of its request: none may be lost or somebody else's, and memory must
// not grow.
import { createHash, randomInt } from 'node:crypto';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { during, row, seconds, serve, watchMemory } from './running.mjs';

const minutes = Number(process.argv[2] ?? 60);
const clients = Number(process.argv[3] ?? 16);

const python = fileURLToPath(new URL('soak.py', import.meta.url));
const javascript = fileURLToPath(new URL('../server/apps/soak.mjs', import.meta.url));
/** Milliseconds that a request may take: beyond the limits of the server it is lost. */
const LOST_AFTER = 90_000;
/** One request in so many fails, hangs or ends its interpreter. */
const FATAL_ONE_IN = 200;
const FATAL = ['fail', 'loop', 'recursion', 'memory', 'exit', 'os-exit', 'abort'];
const MOUNTS = ['', '/sync', '/async'];

const counts = { answered: 0, left: 0, fatal: 0, late: 0, refused: 0 };
const problems = [];
let tokens = 0;

const limits = ['--timeout-response', '3s', '--python-memory', '256m', '--queue-warning', '0'];
const { url, child, messages, stop } = await serve(
  ...[`/=${python}:app`, `/sync=${javascript}:sync`, `/async=${javascript}:async`],
  ...['--sync-workers', '3', '--async-workers', '1', '--env', 'STAGE=0', ...limits],
);

/** Sends a request; fulfils with status and text, and whether the response is whole; status 0 where there is none. */
function send(agent, path, { body, leaves = false } = {}) {
  return new Promise((resolve) => {
    const end = (answer) => {
      clearTimeout(timer);
      resolve(answer);
    };
    const request = http.request(url + path, { agent, method: body === undefined ? 'GET' : 'POST' }, (response) => {
      let text = '';
      response.setEncoding('latin1').on('data', (more) => {
        text += more;
        if (leaves) request.destroy();
      });
      response.on('error', () => {});
      response.on('close', () => end({ status: response.statusCode, text, isWhole: response.complete }));
    });
    const timer = setTimeout(() => {
      problems.push(`lost: ${path}`);
      request.destroy();
    }, LOST_AFTER);
    request.on('error', (error) => end({ status: 0, text: error.message, isWhole: false }));
    if (leaves && randomInt(2) === 0) setTimeout(() => request.destroy(), randomInt(20));
    request.end(body);
  });
}

/** A request of a random kind, and the answer that belongs to it. */
function choose() {
  const mount = MOUNTS[randomInt(MOUNTS.length)];
  const token = `t${tokens++}`;
  const count = 1 + randomInt(20);
  const kind = randomInt(6);
  if (kind === 0) {
    const body = token.repeat(1 + randomInt(40_000));
    const digest = createHash('sha256').update(body).digest('hex');
    return { path: `${mount}/upload?${token}`, body, text: `${token} ${body.length} ${digest}` };
  }
  if (kind === 1) return { path: `${mount}/stream?${token}&${count}`, text: `${token}\n`.repeat(1000 * count) };
  if (kind === 2 && mount === '') return { path: `/write?${token}&${count}`, text: token.repeat(count) };
  return { path: `${mount}/?${token}`, text: token };
}

async function ordinary(agent) {
  const { path, body, text } = choose();
  const answer = await send(agent, path, { body });
  if (answer.status === 503) counts.refused++;
  else if (answer.status !== 200) problems.push(`${answer.status} ${answer.text.slice(0, 60)}: ${path}`);
  else if (answer.text !== text || !answer.isWhole) problems.push(`other than its answer: ${path}`);
  else counts.answered++;
}

async function leave(agent) {
  const { path, body } = choose();
  await send(agent, path, { body, leaves: true });
  counts.left++;
}

async function late(agent) {
  const token = `t${tokens++}`;
  const { status, text, isWhole } = await send(agent, `/late?${token}`);
  if (status !== 200 || text !== token || isWhole) problems.push(`${status}, whole: ${isWhole}: /late?${token}`);
  counts.late++;
}

async function fatal(agent) {
  const path = `/${FATAL[counts.fatal++ % FATAL.length]}?t${tokens++}`;
  const { status, text } = await send(agent, path);
  if (![500, 503, 504].includes(status) || /t\d/.test(text)) problems.push(`${status}: ${path}`);
}

async function client(goesOn) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  while (goesOn() && problems.length < 20) {
    const pick = randomInt(FATAL_ONE_IN);
    if (pick === 0) await fatal(agent);
    else if (pick < 4) await late(agent);
    else if (pick < 12) await leave(agent);
    else await ordinary(agent);
    await sleep(randomInt(5));
  }
  agent.destroy();
}

const run = (length) => Promise.all(Array.from({ length: clients }, () => client(during(length))));

const whole = minutes * 60_000;
// Until then caches are filled, and the heaps of all threads have grown to what they need.
await run(whole / 6);
const before = watchMemory(child.pid);
await run(whole / 12);
const early = before();
await run(whole / 1.5);
const behind = watchMemory(child.pid);
await run(whole / 12);
const last = behind();
const begun = performance.now();
const code = await stop();
row(
  `${minutes} minutes of Python and JavaScript, ${clients} clients`,
  `${counts.answered} answers, ${problems.length} lost or mixed up`,
  `${counts.refused} refused, ${counts.left} clients left, ${counts.late} exceptions in a body`,
  `${counts.fatal} requests that failed, hung or ended their interpreter`,
  `memory at most ${early.most} MiB early and ${last.most} MiB at the end`,
  `stopped with code ${code} after ${seconds(begun)} s`,
);
for (const problem of problems) console.log(problem);
for (const [line] of messages().matchAll(/^mixed up.*$/gm)) console.log(line);
process.exitCode = problems.length === 0 && code === 0 ? 0 : 1;
