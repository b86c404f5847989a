/** L-48, L-49 and M-26 to M-28 in servers as people start them: each in a process of its own. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as fastcgi from '../protocols/fastcgi-client.ts';
import * as scgi from '../protocols/scgi-client.ts';
import { Client } from './client.ts';
import { type Command, ended, get, ready, start } from './command.ts';

const apps = fileURLToPath(new URL('./apps', import.meta.url));
const traceLog = join(apps, 'trace-log.mjs');
/** What the test waits for happens soon, on a busy machine too. */
const soon = { timeout: 20_000, interval: 20 };

let folder = '';
let log = '';

beforeEach(() => {
  // Within the project, where packages are found.
  const build = fileURLToPath(new URL('../../build', import.meta.url));
  mkdirSync(build, { recursive: true });
  folder = mkdtempSync(join(build, 'tracing-'));
  log = join(folder, 'log');
  writeFileSync(log, '');
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (name: string, text: string) => writeFileSync(join(folder, name), text);

/** A line of the log; what it has depends on its event. */
interface Line {
  [key: string]: unknown;
  event: string;
  thread: number;
  path?: string;
  attributes?: Record<string, unknown>;
}

function lines(): Line[] {
  const whole = readFileSync(log, 'utf8').split('\n').slice(0, -1);
  return whole.map((line): Line => JSON.parse(line));
}

const of = (path: string): Line[] => lines().filter((line) => line.path === path);

/** Waits for a line of the log. */
const line = (event: string, path?: string): Promise<Line> =>
  vi.waitFor(() => {
    const found = lines().find((one) => one.event === event && one.path === path);
    expect(found, `${event} ${path}`).toBeDefined();
    return found as Line;
  }, soon);

const WAYS = [
  { way: 'pooled sync', app: 'syncApp', flags: [], async: false },
  { way: 'pooled async', app: 'asyncApp', flags: [], async: true },
  { way: 'inline', app: 'asyncApp', flags: ['--inline'], async: true },
];

function quaich(app: string, ...flags: string[]): Command {
  const usual = ['--sync-workers', '1', '--async-workers', '1', '-b', '127.0.0.1:0'];
  return start([`${apps}/traced.mjs:${app}`, ...usual, ...flags], { cwd: folder, env: { TRACE_LOG: log } });
}

async function stop(command: Command): Promise<void> {
  command.child.kill('SIGTERM');
  expect(await ended(command)).toMatchObject({ code: 0 });
}

describe.each(WAYS)('$way', ({ app, flags, async }) => {
  const last = async ? 'asyncEnd' : 'end';

  it('L-48 L-49 tells of each request, on a thread that has run the module before it loaded anything', async () => {
    const command = quaich(app, '--import', traceLog, ...flags);
    const [url] = await ready(command);
    await get(url, '/one');
    const { thread } = await line(last, '/one');
    const events = async ? ['end', 'asyncStart', 'asyncEnd'] : ['end'];
    expect(of('/one').map(({ event, status }) => [event, status])).toEqual([
      ['start', 0],
      ...events.map((event) => [event, 200]),
    ]);
    expect(of('/one').at(-1)).toMatchObject({
      async,
      headers: [['Content-Type', 'text/plain']],
      bytes: 'waited: undefined'.length,
      disconnected: false,
    });
    await get(url, '/fail');
    expect(await line(last, '/fail')).toMatchObject({ status: 500, error: 'expected' });
    expect(of('/fail').filter(({ event }) => event === 'error')).toHaveLength(1);
    const client = new Client(url).send('GET /stream HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.until((text) => text.includes('a chunk'));
    client.socket.destroy();
    const stream = await line(last, '/stream');
    expect(stream).toMatchObject({ status: 200, disconnected: true });
    expect(stream.error).toBe(undefined);
    await stop(command);
    const life = lines().filter((one) => one.thread === thread && one.path === undefined);
    expect(life.map(({ event }) => event)).toEqual(['imported', 'loaded', 'application', 'shutdown']);
  });

  it('L-48 says how long a request has waited for its application', async () => {
    const command = quaich(app, '--queue-time', '--async-requests', '1', ...flags);
    const [url] = await ready(command);
    const slow = new Client(url).send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
    await line('waiting');
    // They wait for the one place that there is.
    const began = performance.now();
    const texts = Promise.all([get(url, '/'), get(url, '/')]);
    await sleep(500);
    write('log.release', '');
    const waited = (await texts).map(({ text }) => Number(/^waited: (\d+(?:\.\d+)?)$/.exec(text)?.[1]));
    const took = performance.now() - began;
    for (const time of waited) {
      expect(time).toBeGreaterThan(100);
      expect(time).toBeLessThan(took);
    }
    slow.socket.destroy();
    await stop(command);
  });

  it('M-26 M-27 M-28 has spans of requests, which go on from those of the clients', async () => {
    const telemetry = join(apps, 'telemetry.mjs');
    const command = quaich(async ? 'asyncSpans' : 'syncSpans', '--import', telemetry, '--queue-time', ...flags);
    const [url] = await ready(command);
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const ask = (path: string) =>
      new Client(url).send(
        `GET ${path} HTTP/1.1\r\nHost: a\r\nTraceparent: 00-${traceId}-b7ad6b7169203331-01\r\nConnection: close\r\n\r\n`,
      );
    for (const path of ['/one', '/fail']) await ask(path).all();
    const client = ask('/stream');
    await client.until((text) => text.includes('a chunk'));
    client.socket.destroy();
    // While the server runs: the event loop of a sync worker turns, too.
    const spans = await vi.waitFor(() => {
      const found = lines().filter(({ event }) => event === 'span');
      expect(found).toHaveLength(3);
      return found;
    }, soon);
    const span = (path: string) => spans.find(({ attributes }) => attributes?.['url.path'] === path);
    const common = {
      name: 'GET',
      attributes: { 'server.address': 'a', 'client.address': '127.0.0.1', 'quaich.queue_time': expect.any(Number) },
      parentSpanContext: { traceId, isRemote: true },
    };
    expect(span('/one')).toMatchObject({ ...common, status: { code: 0 }, events: 0 });
    expect(span('/fail')).toMatchObject({
      ...common,
      attributes: { 'http.response.status_code': 500, 'error.type': 'Error' },
      status: { code: 2 },
      events: 1,
    });
    expect(span('/stream')).toMatchObject({
      ...common,
      attributes: { 'http.response.status_code': 200, 'quaich.disconnected': true },
      status: { code: 0 },
      events: 0,
    });
    await stop(command);
  });
});

it('L-48 G-174 G-175 tells of requests that come by FastCGI and SCGI', async () => {
  const binds = ['fastcgi://127.0.0.1:0', 'scgi://127.0.0.1:0'].flatMap((bind) => ['-b', bind]);
  const command = quaich('syncApp', '--import', traceLog, '--queue-time', ...binds);
  const [, front, other] = await ready(command, 3);
  const at = (path: string) => ({ REQUEST_URI: path, PATH_INFO: path });
  await new Client(front).send(fastcgi.request(1, at('/front'), { keep: false })).all();
  await new Client(other).send(scgi.request(at('/other'))).all();
  for (const path of ['/front', '/other']) {
    expect(await line('end', path)).toMatchObject({ status: 200, waited: expect.any(Number) });
  }
  await stop(command);
});

it('L-48 a subscriber that throws harms no request', async () => {
  write(
    'thrower.mjs',
    `import { channel } from 'node:diagnostics_channel';
     channel('tracing:quaich:request:start').subscribe(() => {
       throw new RangeError('of the subscriber');
     });`,
  );
  for (const app of ['syncApp', 'asyncApp']) {
    const command = quaich(app, '--import', './thrower.mjs', '--uncaught-errors', 'report');
    const [url] = await ready(command);
    for (let i = 0; i < 3; i++) expect(await get(url)).toEqual({ status: 200, text: 'waited: undefined' });
    await vi.waitFor(
      () => expect(command.stderr).toMatch(/outside of any request .*RangeError: of the subscriber/),
      soon,
    );
    await stop(command);
  }
});

describe('modules that run ahead', () => {
  it('L-49 run on the threads of bridges, too', async () => {
    const command = quaich('bridged', '--import', traceLog);
    const [url] = await ready(command);
    await get(url, '/one');
    const outer = await line('asyncEnd', '/one');
    const inner = await line('end', '/one').then(() => of('/one').find(({ async }) => async === false));
    expect(inner?.thread).not.toBe(outer.thread);
    const before = lines().filter(({ thread, path }) => thread === inner?.thread && path === undefined);
    expect(before.map(({ event }) => event)).toEqual(['imported', 'loaded']);
    await stop(command);
  });

  it('L-49 run in their order, from the folder of the configuration, packages too', async () => {
    mkdirSync(join(folder, 'conf/node_modules/pack'), { recursive: true });
    write('conf/node_modules/pack/package.json', '{"name":"pack","type":"module","exports":"./index.js"}');
    const note = (event: string) => `import { write } from ${JSON.stringify(traceLog)};\nwrite({ event: '${event}' });`;
    write('conf/node_modules/pack/index.js', note('package'));
    write('conf/first.mts', `const text: string = 'typed';\nvoid text;\n${note('first')}`);
    const settings = { apps: `${apps}/traced.mjs:syncApp`, bind: '127.0.0.1:0', syncWorkers: 1 };
    const config = { ...settings, import: ['./first.mts', 'pack'] };
    write('conf/quaich.config.mjs', `export default ${JSON.stringify(config)}`);
    const command = start(['-c', 'conf/quaich.config.mjs'], { cwd: folder, env: { TRACE_LOG: log } });
    await ready(command);
    const events = lines().map(({ event }) => event);
    // Once, on the thread that is the only worker.
    expect(events).toEqual(['imported', 'first', 'package', 'loaded']);
    await stop(command);
  });

  it.each([
    ['is missing', './none.mjs', /^quaich: cannot find module ".\/none.mjs"/],
    [
      'throws',
      './throws.mjs',
      /^quaich: cannot load \S+throws\.mjs: RangeError: no collector \(at \S+throws\.mjs:1:7\)\n/,
    ],
    ['leaves a rejected promise', './rejects.mjs', /^quaich: cannot load \S+rejects\.mjs: nobody handles RangeError/],
    ['ends its thread', './exits.mjs', /^quaich: cannot load \S+exits\.mjs: it ended its thread/],
    ['throws in the second worker', './second.mjs', /^quaich: cannot load \S+second\.mjs: RangeError: no collector/],
  ])('L-49 keep the server from starting: one that %s', async (_how, module, message) => {
    write('throws.mjs', "throw new RangeError('no collector');");
    write('rejects.mjs', "Promise.reject(new RangeError('no collector'));");
    write('exits.mjs', 'process.exit(3);');
    write(
      'second.mjs',
      `import { existsSync, writeFileSync } from 'node:fs';
       if (existsSync('loaded')) throw new RangeError('no collector');
       writeFileSync('loaded', '');`,
    );
    const { code, stderr } = await ended(quaich('syncApp', '--import', module, '--sync-workers', '2'));
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  it.skipIf(process.platform === 'win32')('L-49 L-27 are those of the configuration behind a reload', async () => {
    write('one.mjs', `import { write } from ${JSON.stringify(traceLog)};\nwrite({ event: 'one' });`);
    const settings = { apps: `${apps}/traced.mjs:syncApp`, bind: '127.0.0.1:0', syncWorkers: 1 };
    write('quaich.config.mjs', `export default ${JSON.stringify(settings)}`);
    const command = start([], { cwd: folder, env: { TRACE_LOG: log } });
    const [url] = await ready(command);
    write('quaich.config.mjs', `export default ${JSON.stringify({ ...settings, import: './one.mjs' })}`);
    command.child.kill('SIGHUP');
    await vi.waitFor(() => expect(command.stderr).toMatch(/^reloaded$/m), soon);
    expect(command.stderr).not.toContain('needs a new start');
    await get(url, '/after');
    const { thread } = await line('end', '/after');
    expect(lines().some((one) => one.event === 'one' && one.thread === thread)).toBe(true);
    await stop(command);
  });

  it("run in workers as Node's own flag has it, from NODE_OPTIONS", async () => {
    const command = start([`${apps}/traced.mjs:syncApp`, '--sync-workers', '1', '-b', '127.0.0.1:0'], {
      cwd: folder,
      env: { TRACE_LOG: log, NODE_OPTIONS: `--import=${pathToFileURL(traceLog)}` },
    });
    const [url] = await ready(command);
    await get(url, '/one');
    const { thread } = await line('end', '/one');
    const own = lines().filter((one) => one.thread === thread && one.path === undefined);
    expect(own.map(({ event }) => event)).toEqual(['imported', 'loaded']);
    // On the main thread as well, where --import of the command runs for inline applications alone.
    expect(lines()[0]).toEqual({ thread: 0, event: 'imported' });
    await stop(command);
  });
});
