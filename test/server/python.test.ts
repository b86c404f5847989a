/** Python applications under the server: in few processes, since each interpreter takes its time. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { apps, cache } from '../python/folder.ts';
import { Client, parseResponses, type WireResponse } from './client.ts';
import { dist, ended, get, ready, start as startCommand } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'quaich-python-'));
const behaviours = join(apps, 'behaviours.py');
const running: Server[] = [];
let logFile = '';

beforeEach(({ task }) => {
  logFile = join(folder, `${task.id}.log`);
});

afterAll(() => rmSync(folder, { recursive: true }));

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close().catch(() => {})));
});

/** A server with the messages of its own and of its workers, which share the file of their log. */
async function start(options: Partial<ServeOptions>): Promise<Server> {
  const server = await serve({
    apps: behaviours,
    bind: '127.0.0.1:0',
    syncWorkers: 1,
    timeoutGraceful: 2000,
    pythonCache: cache,
    errorLogFile: logFile,
    ...options,
  });
  running.push(server);
  return server;
}

const log = (): string => readFileSync(logFile, 'utf8');
const soon = { timeout: 15_000, interval: 20 };

async function ask(url: string, path: string, version = 'HTTP/1.1', method = 'GET'): Promise<WireResponse> {
  const client = new Client(url).send(`${method} ${path} ${version}\r\nHost: a\r\nConnection: close\r\n\r\n`);
  return parseResponses(await client.all(), [method])[0];
}

describe('a Python application on a worker (pooled sync)', () => {
  it('PY-10 PY-15 PY-18 PY-19 answers as others do', async () => {
    const { url } = await start({ earlyHints: true });
    const steps = await ask(url, '/steps');
    expect([steps.status, steps.body]).toEqual([200, 'one two three']);
    expect((await ask(url, '/steps', 'HTTP/1.0')).body).toBe('one two three');
    expect((await ask(url, '/big', 'HTTP/1.1', 'HEAD')).headers).toContainEqual(['Content-Length', '5000000']);
    expect((await ask(url, '/big')).body).toHaveLength(5_000_000);
    expect((await ask(url, '/writes')).body).toBe('written twice returned');
    expect((await ask(url, '/file')).body).toBe(readFileSync(behaviours, 'utf8'));
    const { 'wsgi.multiprocess': several, SERVER_SOFTWARE } = JSON.parse((await ask(url, '/variables')).body);
    expect([several, SERVER_SOFTWARE]).toEqual([false, expect.stringContaining('quaich')]);
    const hinted = new Client(url).send('GET /hints HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(await hinted.all()).toMatch(/^HTTP\/1\.1 103 .*\r\nLink: <\/style\.css>/);
    expect((await ask(url, '/fails')).status).toBe(500);
    expect((await ask(url, '/breaks')).complete).toBe(false);
    await vi.waitFor(() => expect(log()).toContain('ValueError: before the head: €'), soon);
    expect(log()).toMatch(/Traceback \(most recent call last\):\n {2}File ".*behaviours\.py"/);
  });

  it('PY-11 PY-20 reads bodies as they come, and closes what its client leaves', async () => {
    const { url } = await start({ bufferSmallBody: 0 });
    const head = (path: string, fields: string) => `POST ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n`;
    const chunked = new Client(url).send(head('/lines', 'Transfer-Encoding: chunked\r\nConnection: close'));
    for (const piece of ['a\nb', 'c\n', 'd']) chunked.send(`${piece.length.toString(16)}\r\n${piece}\r\n`);
    chunked.send('0\r\n\r\n');
    expect(parseResponses(await chunked.all())[0].body).toBe('2:a\n3:bc\n1:d');
    const waits = new Client(url).send(head('/echo', 'Content-Length: 4\r\nExpect: 100-continue\r\nConnection: close'));
    await waits.until((text) => text.includes('100 Continue'));
    expect(await waits.send('body').all()).toMatch(/body$/);
    const leaves = new Client(url).send(head('/broken_body', 'Content-Length: 100')).send('some');
    await vi.waitFor(() => expect(log()).toContain('reads'), soon);
    leaves.socket.destroy();
    await vi.waitFor(() => expect(log()).toContain('caught Disconnected'), soon);
    const streams = new Client(url).send('GET /stream HTTP/1.1\r\nHost: a\r\n\r\n');
    await streams.until((text) => text.length > 100_000);
    streams.socket.destroy();
    await vi.waitFor(() => expect(log()).toContain('the stream was closed'), soon);
    // Not failures of the application.
    expect(log()).not.toContain('Disconnected: ');
    expect((await ask(url, '/steps')).body).toBe('one two three');
  });

  it('PY-40 G-148 is interrupted where a step takes too long, and its thread goes on', async () => {
    const { url } = await start({ timeoutStep: 500 });
    expect((await ask(url, '/worker')).body).toMatch(/^1 /);
    const begun = performance.now();
    expect((await ask(url, '/loop')).status).toBe(503);
    // The loop itself has no end.
    expect(performance.now() - begun).toBeLessThan(10_000);
    expect((await ask(url, '/worker')).body).toMatch(/^2 /);
    expect(log()).toMatch(/the loop has ended[\s\S]*KeyboardInterrupt/);
    expect(log()).not.toContain('sync worker 0 ended');
  });

  it('PY-41 G-147 costs one request and one thread where its interpreter breaks', async () => {
    const { url } = await start({});
    expect((await ask(url, '/worker')).body).toMatch(/^1 /);
    expect((await ask(url, '/os_exit')).status).toBe(500);
    expect((await ask(url, '/worker')).body).toMatch(/^1 /);
    expect((await ask(url, '/os_abort')).status).toBe(500);
    expect((await ask(url, '/worker')).body).toMatch(/^1 /);
  });

  it('PY-04 PY-40 runs its hooks, also where a stop has to interrupt it', async () => {
    const server = await start({ apps: join(apps, 'hooks.py'), timeoutGraceful: 200 });
    expect(JSON.parse((await ask(server.url, '/state')).body)).toEqual({ started: true, added: 1 });
    new Client(server.url).send('GET /loop HTTP/1.1\r\nHost: a\r\n\r\n');
    await vi.waitFor(() => expect(log()).toContain('the loop begins'), soon);
    await server.close();
    running.splice(0);
    expect(log()).toMatch(/the loop has ended[\s\S]*shutdown: \{'started': True\}\natexit\n/);
  });
});

describe('several workers', () => {
  it('PY-30 share a database, also with one that is ended while it holds it', async () => {
    process.env.DATABASE = join(folder, 'count.db');
    const { url } = await start({ apps: join(apps, 'count.py'), syncWorkers: 2, timeoutStep: 1500 });
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const statuses: (number | undefined)[] = [];
        for (let i = 0; i < 75; i++) statuses.push((await get(url, '/count')).status);
        return statuses;
      }),
    );
    const counted = outcomes.flat().filter((status) => status === 200).length;
    expect(counted).toBe(600);
    expect((await get(url, '/check')).text).toBe(`(${counted}, ${counted}, 'ok')`);
    const held = get(url, '/hold').catch(() => null);
    expect((await held)?.status).toBe(500);
    await vi.waitFor(async () => expect((await get(url, '/count')).status).toBe(200), soon);
    expect((await get(url, '/check')).text).toBe(`(${counted + 1}, ${counted + 1}, 'ok')`);
  });

  it('PY-51 PY-50 begin with what was imported once, and have random numbers of their own', async () => {
    const server = await start({ pythonPreload: true, syncWorkers: 2 });
    // One worker would not answer two at a time.
    const answers = await Promise.all([1, 2, 3, 4].map(() => get(server.url, '/imported')));
    const [times, numbers] = [0, 1].map((part) => new Set(answers.map(({ text }) => text.split(' ')[part])));
    expect([times.size, numbers.size]).toEqual([1, 4]);
    const other = await start({ apps: [{ prefix: '/opens', module: join(apps, 'opens.py') }], pythonPreload: true });
    expect((await get(other.url, '/opens')).text).toBe('opened');
    expect(log()).toContain('opens.py is not preloaded: it has files open');
  });

  it('PY-60 L-27 serve it beside JavaScript and behind a bridge, and load it again', async () => {
    const bridged = join(folder, 'bridged.mjs');
    const site = join(folder, 'changing.py');
    const write = (text: string): void =>
      writeFileSync(
        site,
        `def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'${text}']\n`,
      );
    write('before');
    writeFileSync(
      bridged,
      `import { syncToAsync } from '${join(dist, 'src/shim/index.js')}';
import { pythonApp } from '${join(dist, 'src/python/index.js')}';
export const app = syncToAsync(${JSON.stringify(site)}, { directory: ${JSON.stringify(folder)} });
export const around = await pythonApp('./changing.py', { directory: ${JSON.stringify(folder)}, cache: ${JSON.stringify(cache)} });
`,
    );
    const options = { apps: [`/=${site}`, `/bridged=${bridged}:app`, `/around=${bridged}:around`] };
    const server = await start(options);
    for (const path of ['/', '/bridged', '/around'])
      expect([path, (await get(server.url, path)).text]).toEqual([path, 'before']);
    write('after');
    await server.reload({ ...options, syncWorkers: 1, pythonCache: cache, errorLogFile: logFile });
    for (const path of ['/', '/bridged', '/around'])
      expect([path, (await get(server.url, path)).text]).toEqual([path, 'after']);
  });
});

describe('the command', () => {
  it('PY-01 PY-03 serves a file, and says in a line what it cannot serve', async () => {
    const flags = ['--bind', '127.0.0.1:0', '--sync-workers', '1', '--python-cache', cache];
    const command = startCommand(['./site.py', ...flags], { cwd: apps });
    const [url] = await ready(command);
    expect(await get(url)).toEqual({ status: 200, text: 'Hello, world\n' });
    expect(command.stderr).toContain('./site.py  python application · 1 sync worker');
    command.child.kill('SIGTERM');
    expect((await ended(command)).code).toBe(0);
    const failed = await ended(startCommand(['./broken.py', ...flags], { cwd: apps }));
    expect([failed.code, failed.stderr]).toEqual([
      2,
      expect.stringMatching(/^quaich: cannot load .*broken\.py: JSONDecodeError: [^\n]* \(at [^\n]*broken\.py:3\)\n$/),
    ]);
    const checked = await ended(startCommand(['--check', './asgi.py', ...flags], { cwd: apps }));
    expect([checked.code, checked.stderr]).toEqual([2, expect.stringContaining('is an ASGI application')]);
  });

  it('PY-50 keeps the memory of interpreters for each version of Node, whose features it depends on', async () => {
    const kept = join(folder, 'kept');
    const another = `Object.defineProperty(process, 'version', { value: 'v99.0.0' })`;
    const check = async (program = ''): Promise<string[]> => {
      const env = { NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(program)}"` };
      const command = startCommand(['--check', './site.py', '--python-cache', kept], { cwd: apps, env });
      expect(await ended(command)).toMatchObject({ code: 0 });
      return readdirSync(kept).filter((name) => name.startsWith('pyodide-'));
    };
    const [own] = await check();
    const all = await check(another);
    expect(all).toHaveLength(2);
    expect((await check()).toSorted()).toEqual(all.toSorted());
    // The one was cut, and is made anew; the other was not used for long, and goes.
    const memory = join(kept, own, 'memory');
    const { size } = statSync(memory);
    truncateSync(memory, size / 2);
    for (const name of all) if (name !== own) utimesSync(join(kept, name, 'memory'), 0, 0);
    expect(await check()).toEqual([own]);
    expect(statSync(memory).size).toBeGreaterThan(0.9 * size);
  }, 90_000);

  it('PY-50 goes without where nothing can be kept', async () => {
    const nowhere = ['--check', './site.py', '--python-cache', join(apps, 'site.py/nowhere')];
    expect(await ended(startCommand(nowhere, { cwd: apps }))).toMatchObject({ code: 0 });
  });

  it('PY-03 says what to install', async () => {
    const root = join(folder, 'without');
    cpSync(dist, join(root, 'dist'), { recursive: true });
    cpSync(fileURLToPath(new URL('../../package.json', import.meta.url)), join(root, 'package.json'));
    mkdirSync(join(root, 'node_modules'));
    const packages = fileURLToPath(new URL('../../node_modules/', import.meta.url));
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    for (const name of Object.keys(dependencies)) symlinkSync(join(packages, name), join(root, 'node_modules', name));
    cpSync(join(apps, 'site.py'), join(root, 'site.py'));
    const program = join(root, 'dist/src/cli/main.js');
    const { code, stderr } = await ended(startCommand(['./site.py', '--bind', '127.0.0.1:0'], { cwd: root, program }));
    expect([code, stderr]).toEqual([2, 'quaich: Python applications need the package pyodide: npm i pyodide\n']);
  });
});
