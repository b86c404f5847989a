// Applications for the beginning of a server, the end of a request, and what stands between client and application.
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts when the file in STARTUP_GATE is there; says so by one beside it. */
export const gated = (environ, start) => {
  start('200 OK', []);
  return [Buffer.from(String(environ['quaich.state'].ready))];
};
gated.startup = async (state) => {
  const gate = process.env.STARTUP_GATE;
  writeFileSync(`${gate}.waiting`, '');
  while (!existsSync(gate)) await sleep(5);
  state.ready = true;
};

/** Never finishes its startup. */
export const stuck = () => [];
stuck.startup = () => new Promise(() => {});

/** Blocks in its startup, as a sync one may. */
export const blocked = () => [];
blocked.startup = () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);

// What is kept of one request, for the next one on this thread.
let kept = null;

/** `/keep` keeps what it got, and leaves work behind; `/late` uses it. */
function lateApp(environ, start) {
  if (environ.PATH_INFO === '/keep') {
    kept = { start, write: start('200 OK', []) };
    setInterval(() => {}, 1000).unref(); // work that never ends
    return [Buffer.from('kept')];
  }
  const results = [];
  const attempt = (what, act) => {
    try {
      const result = act();
      if (result instanceof Promise) {
        return result.then(
          () => results.push(`${what} worked`),
          (error) => results.push(`${what}: ${error.name}`),
        );
      }
      results.push(`${what} worked`);
    } catch (error) {
      results.push(`${what}: ${error.name}`);
    }
    return undefined;
  };
  const written = attempt('write', () => kept.write(Buffer.from('smuggled')));
  attempt('startResponse', () => kept.start('200 OK', [], new Error('late')));
  const answer = () => {
    start('200 OK', []);
    return [Buffer.from(results.sort().join(', '))];
  };
  return written === undefined ? answer() : written.then(answer);
}
export const syncApp = (environ, start) => lateApp(environ, start);
export const asyncApp = async (environ, start) => lateApp(environ, start);

let echoes = 0;

/** Gives the body back as it comes; `/count` tells how many are at it on this thread. */
export function* echo(environ, start) {
  start('200 OK', []);
  if (environ.PATH_INFO === '/count') {
    yield Buffer.from(String(echoes));
    return;
  }
  echoes++;
  try {
    for (;;) {
      const chunk = environ['wsgi.input'].read(65536);
      if (chunk.length === 0) return;
      yield chunk;
    }
  } finally {
    echoes--;
  }
}
export async function* asyncEcho(environ, start) {
  start('200 OK', []);
  if (environ.PATH_INFO === '/count') {
    yield Buffer.from(String(echoes));
    return;
  }
  echoes++;
  try {
    yield* environ['wsgi.input'].chunks();
  } finally {
    echoes--;
  }
}

/** Asks the server itself, as a synchronous HTTP client does, and waits for the answer; the query is the address. */
export const selfish = (environ, start) => {
  let answer = 'answered';
  if (environ.QUERY_STRING !== '') {
    const program = 'fetch(process.argv[1], { signal: AbortSignal.timeout(1500) }).catch(() => process.exit(1))';
    const { status } = spawnSync(process.execPath, ['-e', program, environ.QUERY_STRING]);
    answer = status === 0 ? 'got an answer' : 'got none';
  }
  start('200 OK', []);
  return [Buffer.from(answer)];
};

/** Its shutdown does not end. */
export const stuckEnd = async (environ, start) => lateApp(environ, start);
stuckEnd.shutdown = () => new Promise(() => {});
