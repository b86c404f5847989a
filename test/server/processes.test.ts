/** L-51: several processes serve the same addresses, at the orders of one. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import * as fastcgi from '../protocols/fastcgi-client.ts';
import * as scgi from '../protocols/scgi-client.ts';
import { Authority } from './certificates.ts';
import { Client, header, isRefused, parseResponses } from './client.ts';
import { type Command, dist, ended, get, type Place, ready, start } from './command.ts';
import { scrape } from './scrape.ts';

const module = fileURLToPath(new URL('./apps/processes.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'quaich-processes-'));
const broken = join(folder, 'broken');
beforeEach(() => rmSync(broken, { force: true }));
afterAll(() => rmSync(folder, { recursive: true }));

// Each start is one of three processes and their threads.
vi.setConfig({ testTimeout: 120_000 });

/** Two processes with one worker each. */
function quaich(app: 'sync' | 'async', argv: string[] = [], place: Place = {}): Command {
  const common = ['--processes', '2', '--sync-workers', '1', '--async-workers', '1'];
  const bind = argv.includes('-b') ? [] : ['-b', '127.0.0.1:0'];
  return start([`${module}:${app}`, ...common, ...bind, ...argv], {
    cwd: folder,
    ...place,
    env: { QUAICH_TEST_BROKEN: broken, ...place.env },
  });
}

/** The processes that answer, once as many have as are expected, and all of them are others than before. */
async function pids(ask: () => Promise<string>, count = 2, before: readonly string[] = []): Promise<string[]> {
  const seen = new Set<string>();
  const begun = Date.now();
  while ([...seen].filter((pid) => !before.includes(pid)).length < count) {
    seen.add(await ask());
    if (Date.now() - begun > 20_000) throw new Error(`only ${[...seen].join(' ')} answer`);
  }
  return [...seen];
}

const asking =
  (url: string, path = '/') =>
  async (): Promise<string> =>
    (await get(url, path)).text;

/** The same where a process has just died: a connection that was on its way to it is reset. */
const askingAgain = (url: string) => (): Promise<string> => asking(url)().catch(() => askingAgain(url)());

const isAlive = (pid: number | string): boolean => {
  try {
    return process.kill(Number(pid), 0);
  } catch {
    return false;
  }
};

async function stopped(command: Command, signal: NodeJS.Signals = 'SIGTERM'): Promise<string> {
  command.child.kill(signal);
  const { code, stderr } = await ended(command);
  expect(code, stderr).toBe(0);
  return stderr;
}

describe.skipIf(process.platform === 'win32')('several processes', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'L-51 G-44 answer at one address, are told of once, and end with %s',
    async (signal) => {
      const command = quaich('sync');
      const [url] = await ready(command);
      const serving = await pids(asking(url));
      expect(serving).not.toContain(String(command.child.pid));
      const client = new Client(url).send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      expect(header(parseResponses(await client.all())[0], 'X-Multiprocess')).toBe('true');
      const slow = get(url, '/sleep?700');
      await vi.waitFor(() => expect(command.stdout).toBe('begun\n'), 20_000);
      const stderr = await stopped(command, signal);
      expect((await slow).status).toBe(200);
      expect(stderr).toMatch(/^\/ .* sync application · 1 sync worker in each of 2 processes\nlistening on http:.*\n$/);
      expect(serving.filter(isAlive)).toEqual([]);
    },
  );

  it('L-51 that all hear a signal of the terminal stop in order all the same', async () => {
    const command = quaich('sync');
    const [url] = await ready(command);
    const serving = await pids(asking(url));
    const slow = get(url, '/sleep?700');
    await vi.waitFor(() => expect(command.stdout).toBe('begun\n'), 20_000);
    for (const pid of serving) process.kill(Number(pid), 'SIGINT');
    for (const pid of serving) process.kill(Number(pid), 'SIGTERM');
    await stopped(command, 'SIGINT');
    expect((await slow).status).toBe(200);
  });

  it('L-51 L-11 are cut short by a second signal', async () => {
    const command = quaich('sync');
    const [url] = await ready(command);
    const serving = await pids(asking(url));
    get(url, '/sleep?60000').catch(() => {});
    await vi.waitFor(() => expect(command.stdout).toBe('begun\n'), 20_000);
    command.child.kill('SIGTERM');
    await vi.waitFor(async () => expect(await isRefused(url)).toBe(true), 20_000);
    command.child.kill('SIGTERM');
    expect((await ended(command)).code).toBe(1);
    expect(serving.filter(isAlive)).toEqual([]);
  });

  it('L-51 that die are replaced, while the others serve', async () => {
    const command = quaich('sync', ['--status', '127.0.0.1:0']);
    const [url] = await ready(command);
    const before = await pids(asking(url));
    await expect(get(url, '/kill')).rejects.toThrow();
    const after = await pids(askingAgain(url), 1, before);
    await vi.waitFor(() => expect(command.stderr).toMatch(/^quaich: process \d \(\d+\) ended: SIGKILL$/m), 20_000);
    expect(after.filter((pid) => before.includes(pid)).length).toBeLessThan(2);
    await stopped(command);
  });

  it('L-51 that do not start again are tried with growing delay, and said so', async () => {
    const command = quaich('sync');
    const [url] = await ready(command);
    await pids(asking(url));
    writeFileSync(broken, '');
    await expect(get(url, '/kill')).rejects.toThrow();
    const tried = () => command.stderr.match(/^quaich: process \d did not start: .*expected: does not start/gm)?.length;
    await vi.waitFor(() => expect(tried()).toBeGreaterThan(1), 20_000);
    expect((await get(url)).status).toBe(200);
    rmSync(broken);
    await pids(asking(url));
    await stopped(command);
  });

  it.each([
    [['./none.js'], 2, /^quaich: cannot find module "\.\/none\.js".*\n$/],
    [
      [`${module}:sync`, '-b', '192.0.2.1:0'],
      1,
      /^quaich: cannot listen on 192\.0\.2\.1:0: this machine does not .*\n$/,
    ],
    [
      [`${module}:sync`, '-b', 'fd://99'],
      1,
      /^quaich: cannot listen on fd:\/\/99: no such descriptor was inherited\n$/,
    ],
    [
      [`${module}:sync`, '-b', 'unix:no/such.sock'],
      1,
      /^quaich: cannot listen on unix:.*: there is no directory .*no\n$/,
    ],
  ])('L-51 that cannot start end with the error, said once: %j', async (argv, code, text) => {
    const result = await ended(start([...argv, '--processes', '3'], { cwd: folder }));
    expect(result.stderr).toMatch(text);
    expect(result.code).toBe(code);
  });

  it('L-51 L-05 whose startup hook throws end the start', async () => {
    writeFileSync(broken, '');
    const { code, stderr } = await ended(quaich('async'));
    expect(stderr.match(/RangeError: expected: does not start/g)).toHaveLength(1);
    expect(code).toBe(1);
  });

  it('L-51 whose port is in use end the start', async () => {
    const listener = await new Promise<Server>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
    });
    const address = listener.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const result = await ended(quaich('sync', ['-b', `127.0.0.1:${port}`]));
    listener.close();
    expect([result.code, result.stderr]).toEqual([
      1,
      `quaich: cannot listen on 127.0.0.1:${port}: the port is in use (EADDRINUSE): stop what listens there, or choose another port\n`,
    ]);
  });

  it('L-51 end when the one that gives the orders is killed', async () => {
    const command = quaich('sync');
    const [url] = await ready(command);
    const serving = await pids(asking(url));
    command.child.kill('SIGKILL');
    await command.code;
    await vi.waitFor(() => expect(serving.filter(isAlive)).toEqual([]), 20_000);
  });

  it('L-51 whose main thread is blocked are ended and replaced', async () => {
    const command = quaich('async', ['--inline', '--timeout-loop', '1s']);
    const [url] = await ready(command);
    const before = await pids(asking(url));
    await expect(get(url, '/loop')).rejects.toThrow();
    const told = /^quaich: process \d \(\d+\) is ended: its main thread did not turn for 1000 ms$/m;
    await vi.waitFor(() => expect(command.stderr).toMatch(told), 10_000);
    await pids(askingAgain(url), 1, before);
    await stopped(command);
  });
});

describe.skipIf(process.platform === 'win32')('addresses of several processes', () => {
  it('L-51 are of every kind', async () => {
    const authority = new Authority();
    const { cert, key } = authority.issue('site', { subject: '/CN=localhost' });
    const listener = await new Promise<Server>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
    });
    const handle: { fd: number } = Reflect.get(listener, '_handle');
    const binds = [
      '127.0.0.1:0',
      '127.0.0.1:0',
      'unix:site.sock',
      'fd://3',
      'https://127.0.0.1:0',
      'fastcgi://127.0.0.1:0',
      'scgi+unix:scgi.sock',
    ];
    const argv = [
      ...binds.flatMap((bind) => ['-b', bind]),
      '--tls-cert',
      cert,
      '--tls-key',
      key,
      '--socket-mode',
      '600',
    ];
    const command = quaich('async', argv, { stdio: ['ignore', 'pipe', 'pipe', handle.fd] });
    const urls = await ready(command, binds.length);
    listener.close();
    expect(new Set(urls).size).toBe(binds.length);
    const pidOf = (text: string): string => /(\d+)\D*$/.exec(text)?.[1] ?? '';
    const http = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
    const asks = urls.map((url) => async (): Promise<string> => {
      if (url.startsWith('scgi')) return pidOf(await new Client(url.slice(5)).send(scgi.request()).all());
      if (!url.startsWith('fastcgi')) return parseResponses(await new Client(url).send(http).all())[0].body;
      const { records } = fastcgi.readRecords(
        await new Client(url).send(fastcgi.request(1, {}, { keep: false })).all(),
      );
      return pidOf(fastcgi.contentOf(records, fastcgi.STDOUT, 1));
    });
    const serving = new Set(await pids(asks[0]));
    for (const [index, ask] of asks.entries()) expect(new Set(await pids(ask)), urls[index]).toEqual(serving);
    await stopped(command);
    authority.remove();
    expect(existsSync(join(folder, 'site.sock'))).toBe(false);
  });

  it('L-51 may be a Unix socket that a killed server left behind, but not one in use', async () => {
    const argv = ['-b', 'unix:stale.sock'];
    const first = quaich('sync', argv);
    const [url] = await ready(first);
    const second = await ended(quaich('sync', argv));
    expect([second.code, second.stderr]).toEqual([1, expect.stringMatching(/another server listens there\n$/)]);
    const serving = await pids(asking(url));
    first.child.kill('SIGKILL');
    await vi.waitFor(() => expect(serving.filter(isAlive)).toEqual([]), 20_000);
    expect(existsSync(join(folder, 'stale.sock'))).toBe(true);
    await pids(asking((await ready(quaich('sync', argv)))[0]));
  });
});

describe.skipIf(process.platform === 'win32')('orders to several processes', () => {
  it('L-51 L-27 SIGHUP gives all of them new code and settings, and loses no request', async () => {
    const config = (stage: string, apps = `['${module}:sync']`) =>
      writeFileSync(join(folder, 'site.config.mjs'), `export default { apps: ${apps}, env: { STAGE: ' ${stage}' } };`);
    config('one');
    const argv = ['--config', 'site.config.mjs', '--processes', '2', '--sync-workers', '1', '-b', '127.0.0.1:0'];
    const command = start(argv, { cwd: folder });
    const [url] = await ready(command);
    let going = true;
    const load = Promise.all(
      [1, 2, 3].map(async () => {
        while (going) expect((await get(url)).status).toBe(200);
      }),
    );
    await pids(asking(url));
    config('two');
    command.child.kill('SIGHUP');
    await vi.waitFor(() => expect(command.stderr).toMatch(/^reloaded$/m), 20_000);
    const after = await pids(asking(url));
    expect(after.filter((text) => text.endsWith(' one'))).toEqual([]);
    config('three', "['./none.js']");
    command.child.kill('SIGHUP');
    await vi.waitFor(() => expect(command.stderr).toMatch(/reload failed.*cannot find module "\.\/none\.js"/), 20_000);
    going = false;
    await load;
    expect((await pids(asking(url))).filter((text) => !text.endsWith(' two'))).toEqual([]);
    // One that is started later has what was loaded last.
    const [pid] = after[0].split(' ');
    process.kill(Number(pid), 'SIGKILL');
    const next = await pids(askingAgain(url), 1, after);
    expect(next.filter((text) => !text.endsWith(' two'))).toEqual([]);
    await stopped(command);
  });

  it('L-51 L-27 one that is started later has what was loaded last, from there, and the logs of before', async () => {
    for (const name of ['here', 'there']) {
      mkdirSync(join(folder, name));
      const answer = `startResponse('200 OK', []); return [Buffer.from(process.pid + ' ${name}')];`;
      const kill = "if (environ.PATH_INFO === '/kill') process.kill(process.pid, 'SIGKILL');";
      const app = `export default function app(environ, startResponse) { ${kill} ${answer} }`;
      writeFileSync(join(folder, name, 'site.mjs'), app);
    }
    const owner = join(folder, 'owner.mjs');
    const kept = "bind: '127.0.0.1:0', processes: 2, accessLogFile: 'access.log'";
    writeFileSync(
      owner,
      `import { serve } from '${pathToFileURL(join(dist, 'src/index.js'))}';
       const options = (directory) => ({ apps: './site.mjs', directory, syncWorkers: 1, ${kept} });
       const server = await serve(options('here'));
       process.once('SIGTERM', () => server.close());
       process.once('SIGHUP', async () => console.log('reloaded', await server.reload(options('there'))));
       console.error('listening on ' + server.url);`,
    );
    const command = start([], { program: owner, cwd: folder });
    const [url] = await ready(command);
    await pids(asking(url));
    command.child.kill('SIGHUP');
    await vi.waitFor(() => expect(command.stdout).toMatch(/^reloaded /m), 20_000);
    const before = await pids(asking(url));
    await expect(get(url, '/kill')).rejects.toThrow();
    const after = await pids(askingAgain(url), 1, before);
    expect([...before, ...after].filter((text) => !text.endsWith(' there'))).toEqual([]);
    await stopped(command);
    expect(command.stderr).toMatch(/process \d \(\d+\) ended: SIGKILL/);
    expect(readFileSync(join(folder, 'here', 'access.log'), 'utf8').match(/ 200 /g)?.length).toBeGreaterThan(1);
    expect(existsSync(join(folder, 'there', 'access.log'))).toBe(false);
  });

  it('L-51 SIGUSR2 has all of them open the access log anew', async () => {
    const file = join(folder, 'access.log');
    const command = quaich('sync', ['--access-log-file', file]);
    const [url] = await ready(command);
    await pids(asking(url, '/first'));
    await vi.waitFor(() => expect(readFileSync(file, 'utf8')).toContain('/first'), 10_000);
    renameSync(file, `${file}.1`);
    command.child.kill('SIGUSR2');
    await vi.waitFor(() => expect(existsSync(file)).toBe(true), 10_000);
    // Each process opens it by itself, at its own time.
    await vi.waitFor(async () => {
      const old = readFileSync(`${file}.1`, 'utf8').length;
      await pids(asking(url, '/second'));
      expect(readFileSync(`${file}.1`, 'utf8').length).toBe(old);
    }, 20_000);
    await stopped(command);
    expect(readFileSync(file, 'utf8')).toContain('/second');
  });
});

describe.skipIf(process.platform === 'win32')('the status of several processes', () => {
  it('L-51 L-42 is one, agrees to the request, and forgets none when a process dies', async () => {
    const command = quaich('sync', ['--status', '127.0.0.1:0', '--health-path', '/healthz']);
    const [url] = await ready(command);
    await vi.waitFor(() => expect(command.stderr).toMatch(/^status on /m), 10_000);
    const [, statusUrl] = /^status on (.*)$/m.exec(command.stderr) ?? [];
    let requests = 0;
    const ask = async (): Promise<string> => {
      requests++;
      return (await get(url)).text;
    };
    const serving = await pids(ask);
    for (let i = 0; i < 50; i++) await ask();
    const total = async () => (await scrape(statusUrl)).value('quaich_requests_total');
    await vi.waitFor(async () => expect(await total()).toBe(requests), 10_000);
    const metrics = await scrape(statusUrl);
    expect(metrics.value('quaich_processes')).toBe(2);
    expect(metrics.value('quaich_info')).toBe(1);
    expect(metrics.value('quaich_workers', { kind: 'sync', state: 'idle' })).toBe(2);
    expect(metrics.value('quaich_worker_requests', { process: '1' })).toBe(0);
    const { count, buckets } = metrics.histogram('quaich_request_seconds', { mount: '/', kind: 'sync' });
    expect([count, buckets.at(-1)]).toEqual([requests, requests]);
    const told = JSON.parse((await get(statusUrl, '/status')).text);
    expect(told).toMatchObject({ stage: 'ready', ready: true, pid: command.child.pid, processes: { serving: 2 } });
    expect(told.recent.total.count).toBe(requests);
    expect(told.connections.accepted).toBe(requests);
    const page = (await get(statusUrl, '/')).text;
    for (const name of ['gateway in process 0', 'sync 0 in process 1']) expect(page).toContain(name);
    expect(await get(statusUrl, '/ready')).toEqual({ status: 200, text: 'ready\n' });
    expect((await get(url, '/healthz')).status).toBe(200);

    process.kill(Number(serving[0]), 'SIGKILL');
    await vi.waitFor(async () => {
      const found = await scrape(statusUrl);
      expect(found.value('quaich_processes_replaced_total')).toBe(1);
      expect(found.value('quaich_processes')).toBe(2);
    }, 20_000);
    // The check of its health, too.
    expect(await total()).toBeGreaterThanOrEqual(requests);
    await stopped(command);
  });

  it('L-51 L-41 says that it drains', async () => {
    const command = quaich('sync', ['--status', `unix:${join(folder, 'status.sock')}`, '--timeout-drain', '60s']);
    await ready(command);
    await vi.waitFor(() => expect(command.stderr).toMatch(/^status on /m), 10_000);
    const ask = () => get(`unix:${join(folder, 'status.sock')}`, '/ready');
    expect((await ask()).status).toBe(200);
    command.child.kill('SIGTERM');
    await vi.waitFor(async () => expect((await ask()).text).toBe('the server is draining\n'), 10_000);
    command.child.kill('SIGTERM');
    expect((await ended(command)).code).toBe(1);
  });
});

describe.skipIf(process.platform === 'win32')('serve() with several processes', () => {
  const program = (text: string): string => {
    const file = join(folder, 'program.mjs');
    writeFileSync(file, `import { serve } from ${JSON.stringify(join(dist, 'src/index.js'))};\n${text}`);
    return file;
  };

  it('L-51 starts them, and stops them', async () => {
    const options = JSON.stringify({ apps: `${module}:sync`, bind: '127.0.0.1:0', processes: 2, syncWorkers: 1 });
    const text = `const server = await serve(${options});
      const seen = new Set();
      while (seen.size < 2) seen.add(await (await fetch(server.url, { headers: { connection: 'close' } })).text());
      console.log(server.urls.length, server.statusUrl, seen.has(String(process.pid)));
      console.log((await server.reload(${options})).join());
      await server.close();
      await server.reload(${options}).catch((error) => console.log(error.message));`;
    const out = execFileSync(process.execPath, [program(text)], { encoding: 'utf8', timeout: 25_000 });
    expect(out).toBe('1 null false\n\nthe server is stopping\n');
  });

  it('L-51 refuses streams, which only one process can have', async () => {
    const text = `await serve({ apps: 'x', processes: 2, errorLog: process.stderr }).catch((e) => console.log(e.message));`;
    const out = execFileSync(process.execPath, [program(text)], { encoding: 'utf8', timeout: 25_000 });
    expect(out).toBe('errorLog is of this process, and cannot be had by others: leave out processes, user and group\n');
  });
});
