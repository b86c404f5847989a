// Reloads under load: `node test/long/reloads.mjs [RELOADS] [RATE] [SECONDS]`, after `npm run build`. So many SIGHUPs,
// each with new code, under so many requests a second, sync and async, of which one each second takes so many seconds.
// None may be lost, and what is asked behind a reload must be answered by its code. The short forms are tests
// (test/server/reload.test.ts).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, percentiles, row, seconds, serve } from './running.mjs';

const reloads = Number(process.argv[2] ?? 20);
const rate = Number(process.argv[3] ?? 500);
const slow = Number(process.argv[4] ?? 30) * 1000;
/** Milliseconds from one batch of requests to the next. */
const EVERY = 20;

const folder = mkdtempSync(join(tmpdir(), 'quaich-reloads-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

function write(version) {
  writeFileSync(
    join(folder, 'site.mjs'),
    `const begin = (startResponse) => startResponse('200 OK', [['Content-Type', 'text/plain']]);
     const body = [Buffer.from('${version}')];
     export function sync(environ, startResponse) {
       begin(startResponse);
       return body;
     }
     export async function async(environ, startResponse) {
       if (environ.QUERY_STRING) await new Promise((resolve) => setTimeout(resolve, Number(environ.QUERY_STRING)));
       begin(startResponse);
       return body;
     }`,
  );
}

write(0);
const module = join(folder, 'site.mjs');
// The old workers must not be cut off within a slow request.
const limits = ['--timeout-graceful', `${2 * slow}ms`, '--async-workers', '2', '--sync-workers', '2'];
const { url, child, messages, stop } = await serve(`${module}:sync`, `/async=${module}:async`, ...limits);
const agent = new http.Agent({ keepAlive: true });
const begun = performance.now();
let loading = true;
let version = 0;
const times = [];
const failures = [];
const versions = new Set();
let stale = 0;
let long = 0;

async function request(path, usesAgent) {
  const least = version;
  const { status, text, time } = await ask(`${url}${path}`, usesAgent && agent);
  if (status !== 200) failures.push(`${path}: ${status} ${text}`);
  else if (Number(text) < least) stale++;
  versions.add(text);
  if (usesAgent) times.push(time);
}

const running = new Set();
function begin(path, usesAgent) {
  const one = request(path, usesAgent).finally(() => running.delete(one));
  running.add(one);
}

async function load() {
  let sent = 0;
  for (let tick = 0; loading; tick++) {
    const due = ((performance.now() - begun) * rate) / 1000;
    for (; sent < due; sent++) begin(sent % 2 === 0 ? '/' : '/async', true);
    if (tick % (1000 / EVERY) === 0) {
      begin(`/async?${slow}`, false);
      long++;
    }
    await sleep(EVERY);
  }
}

const loaded = load();
for (let next = 1; next <= reloads; next++) {
  write(next);
  const said = () => messages().match(/^reloaded$/gm)?.length ?? 0;
  child.kill('SIGHUP');
  while (said() < next && !/reload failed/.test(messages())) await sleep(20);
  version = next;
  await sleep(1000);
}
const took = seconds(begun);
loading = false;
await loaded;
await Promise.all(running);
agent.destroy();
const { p50, p99, worst } = percentiles(times);
row(
  `${reloads} SIGHUPs under ${rate} requests a second, one each second of ${slow / 1000} s`,
  `${times.length} quick ones and ${long} long ones in ${took} s, ${failures.length} failed`,
  `${versions.size} versions seen, ${stale} answers by old code`,
  `quick ones: p50 ${p50} ms, p99 ${p99} ms, worst ${worst} ms`,
);
for (const failure of failures.slice(0, 10)) console.log(failure);
for (const [line] of messages().matchAll(/^.*(?:failed|warning|ended).*$/gm)) console.log(line);
await stop();
