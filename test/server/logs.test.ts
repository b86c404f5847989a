// Logs of real processes: templates, the error log as a file, and files that cannot be written.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import * as fastcgi from '../protocols/fastcgi-client.ts';
import * as scgi from '../protocols/scgi-client.ts';
import { Authority } from './certificates.ts';
import { Client, talk } from './client.ts';
import { type Command, ended, get, ready, start } from './command.ts';

const module = fileURLToPath(new URL('./apps/logs.mjs', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'quaich-logs-'));
afterAll(() => rmSync(directory, { recursive: true }));

const running: Server[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

const WAYS = [
  { way: 'pooled sync', export: 'syncApp', inline: false, worker: 'sync-[01]', prefix: '/a b' },
  { way: 'pooled async', export: 'asyncApp', inline: false, worker: 'async-[01]', prefix: '/a b' },
  { way: 'inline', export: 'asyncApp', inline: true, worker: 'inline', prefix: '/a b' },
];

/** A server in this process, with the lines of its access log. */
async function serving(
  options: Partial<ServeOptions>,
): Promise<{ server: Server; lines: (count: number) => Promise<string[]> }> {
  let text = '';
  const server = await serve({
    ...{ apps: { module, export: 'syncApp' }, bind: '127.0.0.1:0', syncWorkers: 1, asyncWorkers: 1 },
    accessLogStream: { write: (more) => (text += more) },
    errorLog: { write() {} },
    ...options,
  });
  running.push(server);
  const lines = (count: number) =>
    vi.waitFor(() => {
      const found = text.split('\n').slice(0, -1);
      expect(found).toHaveLength(count);
      return found;
    }, 10_000);
  return { server, lines };
}

const request = (target: string, fields = ''): string =>
  `GET ${target} HTTP/1.1\r\nHost: a.example\r\n${fields}Connection: close\r\n\r\n`;

describe.each(WAYS)('L-43 $way: a template', ({ export: name, inline, worker, prefix }) => {
  const apps = [{ module, export: name, inline, prefix }];

  it('tells the worker, its queue, the mount and fields of the response', async () => {
    const accessLogFormat =
      '%>s %{worker}n %{queue}n %{mount}n %{request-id}n "%{content-type}o" %{Content-Length}o %{Server}o %{X-A}i';
    const { server, lines } = await serving({ apps, accessLogFormat });
    await talk(server.url, request('/a%20b/', 'x-a: 1\r\nX-A: 2\r\n'));
    await talk(server.url, request('/none'));
    const [served, unrouted] = await lines(2);
    expect(served).toMatch(
      new RegExp(`^200 ${worker} \\d+(?:\\.\\d+)? /a\\\\x20b id\\\\x20\\\\"1\\\\" "text/plain" 5 quaich 1,\\\\x202$`),
    );
    expect(unrouted).toMatch(/^404 - - - - "text\/plain[^"]*" \d+ quaich -$/);
  });

  it.each([
    [
      'FastCGI',
      'fastcgi',
      fastcgi.request(1, { PATH_INFO: '/a b/', HTTP_X_A: 'b', REMOTE_USER: 'frank', UNIQUE: 'u1' }),
    ],
    [
      'SCGI',
      'scgi',
      scgi.request({ PATH_INFO: '/a b/', DOCUMENT_URI: '/a b/', HTTP_X_A: 'b', REMOTE_USER: 'frank', UNIQUE: 'u1' }),
    ],
  ])('tells what comes by %s', async (_, scheme, text) => {
    const accessLogFormat = '%>s %u %{X-A}i %{UNIQUE}e %{worker}n %{X-Request-Id}o %{Content-Length}o';
    const { server, lines } = await serving({ apps, bind: `${scheme}://127.0.0.1:0`, accessLogFormat });
    const client = new Client(server.url).send(text);
    const [line] = await lines(1);
    client.socket.destroy();
    expect(line).toMatch(new RegExp(`^200 frank b u1 ${worker} id\\\\x20\\\\"1\\\\" 5$`));
  });
});

describe('L-43 a template', () => {
  it('tells who had a request that ended with its worker', async () => {
    const { server, lines } = await serving({ accessLogFormat: '%>s %{worker}n "%{Content-Length}o"' });
    await talk(server.url, request('/exit'));
    expect((await lines(1))[0]).toMatch(/^500 sync-[01] "\d+"$/);
  });

  it('names the mount of a worker that it has for itself', async () => {
    const app = { module, export: 'syncApp' };
    const apps = [app, { ...app, prefix: '/café', workers: 1 }];
    const { server, lines } = await serving({ apps, accessLogFormat: '%{worker}n "%{worker}n" %{mount}n' });
    await talk(server.url, request('/'));
    await talk(server.url, request('/caf%C3%A9'));
    const [shared, own] = await lines(2);
    expect(shared).toMatch(/^(sync-[01]) "\1" \/$/);
    expect(own).toBe('sync-0:/caf\\xc3\\xa9 "sync-0:/caf\\xc3\\xa9" /caf\\xc3\\xa9');
  });

  it('tells of TLS', async () => {
    const authority = new Authority();
    const { cert, key } = authority.issue('a', { subject: '/CN=a', names: 'IP:127.0.0.1' });
    const bind = 'https://127.0.0.1:0';
    const accessLogFormat = '%{SSL_PROTOCOL}x %{SSL_CIPHER}x';
    const { server, lines } = await serving({ bind, tlsCert: cert, tlsKey: key, accessLogFormat });
    await talk(server.url, request('/'));
    expect((await lines(1))[0]).toMatch(/^TLSv1\.3 TLS_\w+$/);
    authority.remove();
  });

  it('L-44 is one line for each request, also of those that are refused', async () => {
    const { server, lines } = await serving({ accessLogFormat: '%h "%r" %>s "%{User-Agent}i" %q' });
    await talk(server.url, 'GET /a?\x1b"\xff HTTP/1.1\r\nHost: a\r\n\r\n');
    await talk(server.url, 'GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: "\\\t\xe9"\r\nConnection: close\r\n\r\n');
    await talk(server.url, '\x00\x01 \x02\r\n\r\n');
    for (const line of await lines(3))
      expect(line).toMatch(/^127\.0\.0\.1 "(?:[^"\\]|\\.)+" \d{3} "(?:[^"\\]|\\.)+" [!-~]+$/);
  });

  it('L-44 is one line for each request that is in progress inline when the server stops', async () => {
    const module = join(directory, 'endless.mjs');
    writeFileSync(
      module,
      'export let calls = 0; export const app = async () => { calls++; await new Promise(() => {}); };',
    );
    const accessLogFormat = '%U %>s';
    const apps = { module, export: 'app', inline: true };
    const { server, lines } = await serving({ apps, accessLogFormat, timeoutGraceful: 50 });
    const { url } = server;
    const left = new Client(url).send(request('/left'));
    new Client(url).send(request('/waits'));
    const inside = await import(pathToFileURL(module).href);
    await vi.waitFor(() => expect(inside.calls).toBe(2));
    left.socket.resetAndDestroy();
    await server.close();
    expect((await lines(2)).sort()).toEqual(['/left 499', '/waits 503']);
  });

  it('that cannot be read ends the start, by a line that names the place', async () => {
    const { code, stderr } = await ended(start([module, '--access-log-format', '%h %{foo}T']));
    expect(stderr).toBe('quaich: --access-log-format: unknown atom at character 4 of the template: "%{foo}T"\n');
    expect(code).toBe(2);
  });
});

const GUNICORN = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"';
const isInstalled = spawnSync('gunicorn', ['--version']).status === 0;

describe.skipIf(!isInstalled)("L-43 gunicorn's default", () => {
  const REQUESTS = [
    request('/'),
    request('/a%20b?c=d', 'Referer: http://a.example/\r\nUser-Agent: curl/8 (x)\r\n'),
    request('/', 'User-Agent: "quoted"\r\n'),
    request('/', `Authorization: Basic ${Buffer.from('frank:x').toString('base64')}\r\n`),
    request('/empty').replace('GET', 'HEAD'),
  ];

  it('comes out as gunicorn writes it, byte for byte', { timeout: 60_000 }, async () => {
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const address = free.address();
    const port = typeof address === 'object' ? address?.port : 0;
    free.close();
    writeFileSync(
      join(directory, 'logged.py'),
      "def app(environ, start_response):\n    start_response('200 OK', [('Content-Length', '5')])\n    return [b'hello' if environ['REQUEST_METHOD'] == 'GET' else b'']\n",
    );
    const argv = ['--bind', `127.0.0.1:${port}`, '--access-logfile', '-', '--access-logformat', GUNICORN, 'logged:app'];
    const child = spawn('gunicorn', argv, { cwd: directory, stdio: ['ignore', 'pipe', 'ignore'] });
    let theirs = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (theirs += text));
    try {
      const url = `http://127.0.0.1:${port}`;
      await vi.waitFor(() => get(url, '/up'), { timeout: 20_000, interval: 50 });
      const { server, lines } = await serving({ accessLogFormat: GUNICORN });
      for (const text of REQUESTS) {
        await talk(url, text);
        await talk(server.url, text);
      }
      const withoutTime = (line: string) => line.replace(/\[\d\d\/[A-Z][a-z]{2}\/\d{4}:[\d:]{8} [+-]\d{4}\]/, '[T]');
      const ours = (await lines(REQUESTS.length)).map(withoutTime);
      await vi.waitFor(() => expect(theirs.split('\n')).toHaveLength(REQUESTS.length + 2), 10_000);
      expect(ours).toEqual(theirs.split('\n').slice(1, -1).map(withoutTime));
    } finally {
      child.kill('SIGTERM');
      await once(child, 'close');
    }
  });
});

const quaich = (...argv: string[]): Command => start([...argv, '-b', '127.0.0.1:0'], { cwd: directory });

/** The lines of a file, once there are as many. */
function linesOf(file: string, count: number): Promise<string[]> {
  return vi.waitFor(() => {
    const lines = readFileSync(join(directory, file), 'utf8').split('\n').slice(0, -1);
    expect(lines.length).toBeGreaterThanOrEqual(count);
    return lines;
  }, 15_000);
}

async function stop(command: Command): Promise<void> {
  command.child.kill('SIGTERM');
  expect(await command.code).toBe(0);
}

describe("L-45 the server's messages", () => {
  it('are objects on standard error where they are wanted: starts, reloads, deaths of workers', async () => {
    const command = quaich(`${module}:syncApp`, '--error-log-format', 'json', '--sync-workers', '1');
    const [url] = await ready(command);
    await get(url, '/exit');
    command.child.kill('SIGHUP');
    await vi.waitFor(() => expect(command.stderr).toContain('"reloaded"'), 15_000);
    await stop(command);
    const messages = command.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(messages.slice(0, 2)).toMatchObject([
      { level: 30, msg: 'mounted', prefix: '/' },
      { level: 30, msg: 'listening', url },
    ]);
    expect(messages).toContainEqual({
      level: 50,
      time: expect.any(Number),
      msg: expect.stringMatching(/^sync worker 0 /),
    });
    expect(messages).toContainEqual({ level: 30, time: expect.any(Number), msg: 'reloaded' });
  });

  it('go to a file, each with its time and level; standard error has the start alone', async () => {
    const command = quaich(`${module}:syncApp`, '--error-log-file', 'messages.log', '--sync-workers', '1');
    const [url] = await ready(command);
    await get(url, '/exit');
    await stop(command);
    const lines = await linesOf('messages.log', 3);
    const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
    expect(lines[0]).toMatch(new RegExp(`^${time} info /  .*logs\\.mjs:syncApp  sync application · 1 sync worker$`));
    expect(lines[1]).toMatch(new RegExp(`^${time} info listening on ${url}$`));
    expect(lines[2]).toMatch(new RegExp(`^${time} error sync worker 0 `));
    expect(command.stderr.split('\n')).toEqual([expect.stringContaining('logs.mjs'), `listening on ${url}`, '']);
  });

  it('go to a file as objects', async () => {
    const command = quaich(`${module}:syncApp`, '--error-log-file', 'objects.log', '--error-log-format', 'json');
    await ready(command);
    await stop(command);
    const lines = await linesOf('objects.log', 2);
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['mounted', 'listening']);
  });

  it('that end the start are told on standard error', async () => {
    const { code, stderr } = await ended(quaich('./none.js', '--error-log-file', 'unused.log'));
    expect([code, stderr]).toEqual([2, expect.stringContaining('none.js')]);
  });

  it('L-47 are refused a file that cannot be opened', async () => {
    const { code, stderr } = await ended(quaich(`${module}:syncApp`, '--error-log-file', 'no/such/folder'));
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^quaich: cannot open the error log .*ENOENT/)]);
  });
});

const SHIMMED = { way: 'shimmed', export: 'bridged', inline: false };

describe.each([...WAYS, SHIMMED])('L-46 $way: what an application writes', ({ way, export: name, inline }) => {
  const argv = [`${module}:${name}`, '--sync-workers', '2', '--async-workers', '2', ...(inline ? ['--inline'] : [])];
  const paths = inline ? ['/errors'] : ['/errors', '/log', '/error'];

  it('goes to the file of the error log, each line whole and in order, and to the next one after a signal', async () => {
    const file = `written-${way.replace(' ', '-')}.log`;
    const command = quaich(...argv, '--error-log-file', file);
    const [url] = await ready(command);
    const ask = (round: string) =>
      Promise.all(
        paths.flatMap((path) => ['x', 'y', 'z'].map((text) => get(url, `${path}?${round}${path}${text},50`))),
      );
    const expectWhole = (lines: string[], round: string) => {
      for (const path of paths)
        for (const text of ['x', 'y', 'z']) {
          const word = `${round}${path}${text} `;
          expect(lines.filter((line) => line.startsWith(word))).toEqual(Array.from({ length: 50 }, (_, i) => word + i));
        }
    };
    const count = paths.length * 150;
    await ask('first');
    await linesOf(file, count + 2);
    renameSync(join(directory, file), join(directory, `${file}.1`));
    command.child.kill('SIGUSR2');
    await vi.waitFor(() => expect(existsSync(join(directory, file))).toBe(true), 10_000);
    await ask('second');
    const second = await linesOf(file, count);
    expect(second).toHaveLength(count);
    expectWhole(second, 'second');
    expectWhole(readFileSync(join(directory, `${file}.1`), 'utf8').split('\n'), 'first');
    await stop(command);
    expect(command.stdout).toBe('');
    expect(command.stderr).not.toContain('first');
  });
});

describe('L-47 a log that cannot be written', () => {
  it.skipIf(!existsSync('/dev/full'))(
    'because the disk is full costs lines, which are told, and no request',
    async () => {
      const command = quaich(
        ...[`/=${module}:syncApp`, `/async=${module}:asyncApp`],
        ...['--access-log-file', '/dev/full', '--error-log-file', '/dev/full'],
      );
      const [url] = await ready(command);
      for (const path of ['/errors', '/log', '/async/errors'])
        for (let i = 0; i < 5; i++) expect((await get(url, `${path}?x,3`)).status).toBe(200);
      expect((await get(url, '/exit')).status).toBe(500);
      await vi.waitFor(() => {
        expect(command.stderr).toMatch(/^quaich: error log: lines lost: \d+ \(/m);
      }, 15_000);
      expect((await get(url)).status).toBe(200);
      await stop(command);
      const told = [...command.stderr.matchAll(/error log: lines lost: (\d+)/g)].map(([, lines]) => Number(lines));
      // 45 of applications, three of the start, and one of the worker's end.
      expect(told.reduce((sum, lines) => sum + lines, 0)).toBeGreaterThanOrEqual(45 + 4);
    },
  );

  it('because its file was removed goes on, in a new file after a signal', async () => {
    const command = quaich(`${module}:syncApp`, '--sync-workers', '1', '--error-log-file', 'removed.log');
    const [url] = await ready(command);
    await get(url, '/errors?before,1');
    unlinkSync(join(directory, 'removed.log'));
    expect((await get(url, '/errors?meanwhile,1')).status).toBe(200);
    command.child.kill('SIGUSR1');
    await vi.waitFor(() => expect(existsSync(join(directory, 'removed.log'))).toBe(true), 10_000);
    await get(url, '/errors?after,1');
    expect(await linesOf('removed.log', 1)).toEqual(['after 0']);
    await stop(command);
  });

  it('because its folder has gone stays the file of before, which is told', async () => {
    const folder = mkdtempSync(join(directory, 'folder-'));
    const command = quaich(`${module}:syncApp`, '--sync-workers', '1', '--error-log-file', join(folder, 'a.log'));
    const [url] = await ready(command);
    await get(url, '/errors?before,1');
    renameSync(folder, `${folder}-moved`);
    command.child.kill('SIGUSR2');
    await vi.waitFor(() => expect(command.stderr).toContain('error log: cannot open the error log'), 10_000);
    await get(url, '/errors?after,1');
    await stop(command);
    expect(readFileSync(join(`${folder}-moved`, 'a.log'), 'utf8').split('\n')).toEqual(
      expect.arrayContaining(['before 0', 'after 0']),
    );
  });

  it('because nobody reads the pipe holds nothing up for long, is told, and keeps no stop', async () => {
    const fifo = join(directory, 'fifo');
    expect(spawnSync('mkfifo', [fifo]).status).toBe(0);
    // Both sides, so that the pipe can be opened for writing; it is not read behind the lines of the start.
    const reader = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    const command = quaich(
      ...[`${module}:syncApp`, '--sync-workers', '1'],
      ...['--access-log-file', fifo, '--error-log-file', fifo],
    );
    const [url] = await ready(command);
    // The server's own thread writes the lines of the start, maybe behind the first of a worker.
    let text = '';
    const buffer = Buffer.alloc(4096);
    await vi.waitFor(() => {
      text += buffer.toString('latin1', 0, readSync(reader, buffer));
      expect(text).toContain('listening on');
    }, 10_000);
    const begun = performance.now();
    for (let i = 0; i < 20; i++) expect((await get(url, `/errors?${'x'.repeat(4000)},3`)).status).toBe(200);
    // One write has waited for a quarter of a second; those after it have not.
    expect(performance.now() - begun).toBeLessThan(10_000);
    await vi.waitFor(() => expect(command.stderr).toMatch(/error log: lines lost: \d+/), 15_000);
    await stop(command);
    closeSync(reader);
  });
});
