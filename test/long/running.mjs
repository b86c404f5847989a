// What the long forms share: a built server of its own process, quick requests beside what is tried, and figures as a
// row of Markdown.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const deadlines = fileURLToPath(new URL('../server/apps/deadlines.mjs', import.meta.url));

/** Sync and async applications that read, write and wait (test/server/apps/deadlines.mjs). */
export const applications = [`${deadlines}:app`, `/async=${deadlines}:asyncApp`];

export const seconds = (since) => Math.round((performance.now() - since) / 100) / 10;
export const mebibytes = (bytes) => Math.round(bytes / 2 ** 20);

/** A server with the defaults, but for these arguments. */
export async function serve(...argv) {
  const bind = argv.includes('--bind') ? [] : ['--bind', '127.0.0.1:0'];
  const { found: url, ...server } = await start([...argv, ...bind], /listening on (\S+)\n/);
  return { url, port: Number(new URL(url).port), ...server };
}

/** The command, once it has said what is looked for, of which `found` is the part in brackets. */
export async function start(argv, expected, place = {}) {
  const child = spawn(process.execPath, [main, ...argv], { stdio: ['ignore', 'inherit', 'pipe'], ...place });
  process.once('exit', () => child.kill('SIGKILL'));
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (more) => {
    text += more;
  });
  while (!expected.test(text)) {
    if (child.exitCode !== null) throw new Error(`the server has ended: ${text}`);
    await Promise.race([once(child.stderr, 'data'), once(child, 'close')]);
  }
  const [, found] = expected.exec(text);
  return { found, child, messages: () => text, stop: () => stop(child, () => text) };
}

async function stop(child, messages) {
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  const [code] = await closed;
  if (code !== 0) console.log(`exit code ${code}\n${messages()}`);
  return code;
}

/** Status, text and milliseconds of one request, on a connection of its own or on those of an agent; status 0: none. */
export function ask(url, agent = false) {
  const begun = performance.now();
  const since = () => performance.now() - begun;
  return new Promise((resolve) => {
    const failed = (error) => resolve({ status: 0, text: error.message, time: since() });
    http
      .get(url, { agent }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (more) => {
          text += more;
        });
        response.on('error', failed);
        response.on('end', () => resolve({ status: response.statusCode, text, time: since() }));
      })
      .on('error', failed);
  });
}

/** Percentiles in milliseconds of requests that are sent one after the other, 20 a second, while `goesOn()`. */
export async function pace(url, goesOn) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const times = [];
  let failed = 0;
  while (goesOn()) {
    const { status, time } = await ask(`${url}/`, agent);
    if (status !== 200) failed++;
    times.push(time);
    await sleep(50);
  }
  agent.destroy();
  return { requests: times.length, failed, ...percentiles(times) };
}

export function percentiles(times) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] * 100) / 100;
  return { p50: at(0.5), p99: at(0.99), worst: at(1) };
}

/** For so many milliseconds from now. */
export function during(time) {
  const until = performance.now() + time;
  return () => performance.now() < until;
}

/** Follows the memory of a process (Linux); what is returned tells the least and the most so far, in MiB. */
export function watchMemory(pid) {
  const samples = [];
  const look = () => {
    const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    samples.push(Number(kilobytes) * 1024);
  };
  look();
  const timer = setInterval(look, 500);
  return () => {
    clearInterval(timer);
    return { first: mebibytes(samples[0]), most: mebibytes(Math.max(...samples)) };
  };
}

/**
 * Prints a row of a table in Markdown: what was tried, what came of it, and the command that has made these figures.
 */
export function row(what, ...figures) {
  const [, script, ...argv] = process.argv;
  const command = ['node', `test/long/${script.split('/').at(-1)}`, ...argv].join(' ');
  console.log(`| ${what} | ${figures.join('; ')} | \`${command}\` |`);
}
