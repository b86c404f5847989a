/** The command `quaich bench`, in a tiny form, on applications of all kinds. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { dist, ended, type Place, start } from './command.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'quaich-bench-command-'));
const temporary = join(folder, 'temporary');

const files: Record<string, string> = {
  'package.json': '{"type":"module"}',
  'sync.js': `export function app(environ, startResponse) {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    return [Buffer.from('sync ' + environ.REQUEST_METHOD + Buffer.from(environ['wsgi.input'].read()))];
  }
  export function refuses(environ, startResponse) { startResponse('404 Not Found', []); return [Buffer.from('none')]; }
  export function throws() { throw new RangeError('no luck'); }
  let count = 0;
  export function wears(environ, startResponse) {
    startResponse(++count > 20 ? '500 Internal Server Error' : '200 OK', []);
    return [Buffer.from('worn')];
  }`,
  'async.js': `export async function app(environ, startResponse) {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    return [Buffer.from('async ' + Math.random())];
  }`,
  'fails.js': `export async function app() {}\nexport async function startup() { throw new RangeError('no start'); }`,
  'express.js': `import express from 'express';
  export const bare = express();
  bare.get('/', (request, response) => response.send('express'));
  import { fromNodeListener } from '${dist}/src/adapters/index.js';
  export const app = fromNodeListener(bare);`,
  'h3.js': `import { H3 } from 'h3';\nexport default new H3().get('/', () => 'h3');`,
  'throws.js': `throw new RangeError('no luck');`,
  'body.txt': 'body',
};

beforeAll(() => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  mkdirSync(temporary);
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const TINY = ['--rounds', '1', '--seconds', '0.2', '--workers', '1', '--connections', '1'];
const bench = (argv: string[], place: Place = {}) =>
  start(['bench', ...argv], { cwd: folder, env: { TMPDIR: temporary }, ...place });
const run = (...argv: string[]) => ended(bench(argv));

describe('quaich bench', { timeout: 120_000 }, () => {
  it('measures a sync application, with its method, its body and its hop', async () => {
    const { code, stdout, stderr } = await run('./sync.js', ...TINY, '--body', 'body.txt', '--json', 'out.json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'round 1 of 1, bench\n' });
    expect(stdout).toContain('./sync.js is a sync application.\n');
    expect(stdout).toContain('POST / is answered with 200 OK and 13 bytes, always the same ones.\n');
    expect(stdout).toMatch(/^1 sync worker +[\d,]+ +best +/m);
    expect(stdout).toMatch(
      /^The hop to another thread and back .*\n {2}a prepared response, 1 sync worker, against inline; 13 bytes\.$/m,
    );
    expect(stdout).toMatch(
      /^Recommended for 1 connection: 1 sync worker\n {2}npx quaich \.\/sync\.js --sync-workers 1\n/m,
    );
    const written = JSON.parse(readFileSync(join(folder, 'out.json'), 'utf8'));
    expect(written).toMatchObject({ format: 1, answers: { status: 200, bytes: 13, sameBody: true } });
    expect(written.result.cases[0].series).toHaveLength(3);
  });

  it('measures an async application inline and pooled, whose bodies differ', async () => {
    const { code, stdout } = await run('./async.js:app', ...TINY);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^GET \/ is answered with 200 OK and \d+ bytes, not always the same ones\.$/m);
    expect(stdout).toMatch(/^inline +[\d,]+ /m);
    expect(stdout).toMatch(/^1 async worker +[\d,]+ /m);
    expect(stdout).toContain('\n  1 async worker against inline.\n');
  });

  it('measures an Express application on its own server too', async () => {
    const { code, stdout } = await run('./express.js', ...TINY);
    expect(code).toBe(0);
    expect(stdout).toContain('./express.js is an async application made of a listener for node:http.\n');
    for (const way of ['node:http', 'inline', '1 async worker'])
      expect(stdout).toMatch(new RegExp(`^${way} +[\\d,]+ `, 'm'));
  });

  it('measures an export without an adapter as what it is recognised as', async () => {
    const { code, stdout } = await run('./express.js:bare', ...TINY);
    expect(code).toBe(0);
    expect(stdout).toContain('./express.js:bare is an async application (express application).\n');
    expect(stdout).toMatch(/^node:http +[\d,]+ /m);
  });

  it('measures a handler for fetch on the servers that are installed', async () => {
    const { code, stdout } = await run('./h3.js', ...TINY);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^srvx +[\d,]+ /m);
  });

  it('takes a status that is meant', async () => {
    const { code, stdout } = await run('./sync.js:refuses', ...TINY, '--status', '404');
    expect(code).toBe(0);
    expect(stdout).toContain('GET / is answered with 404 Not Found and 4 bytes, always the same ones.\n');
  });
});

describe('quaich bench fails', { timeout: 120_000 }, () => {
  it.each([
    [['./sync.js:refuses'], 1, 'GET / is answered with 404 Not Found: give another request'],
    [['./sync.js:throws'], 1, 'GET / is answered with 500 Internal Server Error: give another request'],
    [['./sync.js', '--status', '201'], 1, '1 sync worker: GET / is answered with 200 OK in place of 201'],
    [['./sync.js:wears'], 1, 'bench: 1 sync worker failed: '],
    [['./fails.js'], 1, 'no start'],
    [[], 2, 'no application'],
    [['./none.js'], 2, 'cannot find module "./none.js"'],
    [['./throws.js'], 2, 'cannot load ./throws.js: RangeError: no luck'],
    [['./sync.js', '--generator', 'siege'], 2, 'no load generator "siege"; there is '],
    [['./sync.js', '--rouns', '2'], 2, 'unknown option --rouns; did you mean --rounds?'],
  ])('at %j with exit code %i and a reason', async (argv, code, reason) => {
    const result = await run(...argv, ...(argv.length === 0 ? [] : TINY));
    expect(result.code).toBe(code);
    expect(result.stderr).toContain(reason);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('at %s, and leaves nothing behind', async (signal) => {
    const command = bench(['./async.js', '--rounds', '1', '--seconds', '30', '--workers', '1', '--connections', '3']);
    await vi.waitFor(() => expect(loads(command.child.pid)).not.toBe(''), { timeout: 30_000, interval: 100 });
    command.child.kill(signal);
    expect(await command.code).toBe(1);
    await vi.waitFor(() => expect(processes().filter((line) => line.includes(folder))).toEqual([]), 10_000);
    expect(readdirSync(temporary)).toEqual([]);
  });

  it('has a help of its own, which that of the command names', async () => {
    expect((await run('--help')).stdout).toMatch(/^Usage: quaich bench /);
    expect((await ended(start(['--help']))).stdout).toContain('quaich bench --help');
  });
});

/** `PID PARENT COMMAND` of every process. */
function processes(): string[] {
  return spawnSync('ps', ['-A', '-ww', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).stdout.split('\n');
}

/** The load generator that a command has started; empty before. */
function loads(parent: number | undefined): string {
  const children = processes().filter((line) => line.trim().split(/\s+/)[1] === String(parent));
  return children.filter((line) => /wrk -t1|load-autocannon/.test(line)).join();
}
