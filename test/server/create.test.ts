// What quaich create makes passes its own tests and is served, with this build as the package `quaich`.
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { root } from '../docs/samples.ts';
import { ended, get, ready, start } from './command.ts';
import { cleanEnvironment, install } from './installed.ts';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

const run = promisify(execFile);
const directory = realpathSync(mkdtempSync(join(tmpdir(), 'quaich-create-')));
afterAll(() => rmSync(directory, { recursive: true }));

/** Installs what the manifest names. */
function installAll(folder: string): void {
  const { dependencies, devDependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  install(folder, Object.keys({ ...dependencies, ...devDependencies }));
}

describe.each([
  ['JavaScript', 'js', []],
  ['TypeScript', 'ts', ['--typescript']],
])('L-69 a project in %s', (_language, ending, flags) => {
  const folder = join(directory, `site-${ending}`);

  beforeAll(async () => {
    expect(await ended(start(['create', `site-${ending}`, ...flags], { cwd: directory }))).toMatchObject({
      code: 0,
      stderr: '',
    });
    installAll(folder);
  });

  it('passes its own tests', async () => {
    const { stdout } = await run('npm', ['test'], { cwd: folder, env: cleanEnvironment() });
    expect(stdout).toMatch(/^(?:#|ℹ) pass 5$/m);
    expect(stdout).toMatch(/^(?:#|ℹ) fail 0$/m);
  });

  it('is served, all of it', async () => {
    const server = start(['-p', '0', '--sync-workers', '1', '--async-workers', '1'], { cwd: folder });
    const [url] = await ready(server);
    expect(server.stderr).toMatch(/^\/ +\.\/site\.\w+ +sync application · 1 sync worker$/m);
    expect(server.stderr).toMatch(/^\/api +\.\/api\.\w+ +express application · 1 async worker$/m);
    expect((await get(url)).text).toContain('<h1>It works</h1>');
    expect(await get(url, '/hash')).toMatchObject({ status: 200, text: expect.stringMatching(/^[0-9a-f]{64}\n$/) });
    expect(await get(url, '/api/hello?name=Ada')).toEqual({ status: 200, text: '{"hello":"Ada"}' });
    expect((await get(url, '/healthz')).status).toBe(200);
    const response = await fetch(`${url}/events`);
    const reader = response.body!.getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toMatch(/^data: \d{4}-/);
    await reader.cancel();
    server.child.kill('SIGTERM');
    expect(await server.code).toBe(0);
  });

  it('has nothing to mend', async () => {
    const { code, stdout } = await ended(start(['check'], { cwd: folder }));
    expect(stdout).toMatch(/\n\nnothing to mend\n$/);
    expect(code).toBe(0);
  });
});

describe('npm create quaich', () => {
  it('L-69 makes the same', async () => {
    const packages = join(directory, 'packages/node_modules');
    cpSync(join(root, 'create-quaich'), join(packages, 'create-quaich'), { recursive: true });
    symlinkSync(root, join(packages, 'quaich'));
    const program = join(packages, 'create-quaich/main.js');
    const { code, stdout } = await ended(start(['by-npm'], { cwd: directory, program }));
    expect(stdout).toContain('\n  cd by-npm\n');
    expect(code).toBe(0);
  });
});
