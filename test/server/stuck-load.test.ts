// A thread that loads applications and is inside native code, which nothing ends: limits hold all the same.
import { fstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LoadedThread } from '../../src/pool/loaded-thread.ts';
import { createOpenFiles } from '../../src/pool/open-files.ts';
import { stuckThreads } from '../../src/pool/stuck-threads.ts';
import { type Command, dist, ended, get, ready, start } from './command.ts';

type Serve = typeof import('../../src/server/index.ts').serve;
const { serve }: { serve: Serve } = await import(join(dist, 'src/server/index.js'));

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quaich-stuck-'));
  write('package.json', '{"type":"module"}');
  write('loads', '');
});
afterEach(() => rmSync(directory, { recursive: true }));

const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
const loads = (): string => readFileSync(join(directory, 'loads'), 'utf8');

/** How long the module is in native code: longer than all that is expected here takes. */
const SECONDS = 40;

/** A module that waits for a child process while it is loaded, but for the first times. */
const site = (good: number, seconds = SECONDS): string => `
  import { spawnSync } from 'node:child_process';
  import { appendFileSync, readFileSync } from 'node:fs';
  const loads = new URL('./loads', import.meta.url);
  appendFileSync(loads, 'x');
  if (readFileSync(loads).length > ${good}) spawnSync(process.execPath, ['-e', 'setTimeout(() => {}, ${seconds}000)']);
  export const app = (environ, startResponse) => {
    startResponse('200 OK', []);
    return [new TextEncoder().encode('served')];
  };`;

const LOADING = 'loading ./site.js took longer than 1000 ms';
const LEFT = '1 threads are inside native code and cannot be ended';

function quaich(...argv: string[]): Command {
  const limits = ['--sync-workers', '1', '--timeout-graceful', '1s', '--timeout-startup', '1s'];
  return start([...argv, './site.js', ...limits], { cwd: directory });
}

/** A server that has been asked to reload, which loads the module again. */
async function reloading(...argv: string[]): Promise<{ command: Command; url: string }> {
  write('site.js', site(1));
  const command = quaich('-b', '127.0.0.1:0', ...argv);
  const [url] = await ready(command);
  command.child.kill('SIGHUP');
  await vi.waitFor(() => expect(loads()).toBe('xx'), 20_000);
  return { command, url };
}

/** Fulfils when the command has ended by force, and not because the native code has. */
async function endedByForce(command: Command): Promise<string> {
  const begun = performance.now();
  const { stderr } = await ended(command);
  expect(command.child.signalCode).toBe('SIGKILL');
  expect(performance.now() - begun).toBeLessThan((SECONDS / 2) * 1000);
  return stderr;
}

describe.skipIf(process.platform === 'win32')('a module that is loaded, and is inside native code', () => {
  it('L-04 L-18 keeps the server from starting, within the limit', async () => {
    write('site.js', site(0));
    expect(await endedByForce(quaich('-b', '127.0.0.1:0'))).toBe(`quaich: ${LOADING}; ${LEFT}\n`);
  });

  it('L-04 L-18 fails a check within the limit', async () => {
    write('site.js', site(0));
    expect(await endedByForce(quaich('--check'))).toBe(`quaich: ${LOADING}\n`);
  });

  it('L-27 fails a reload within the limit, and the old code goes on; L-11 the stop does not wait for it', async () => {
    const { command, url } = await reloading();
    const failed = `quaich: reload failed, the server goes on as it was: ${LOADING}\n`;
    await vi.waitFor(() => expect(command.stderr).toContain(failed), 20_000);
    expect((await get(url)).text).toBe('served');
    command.child.kill('SIGTERM');
    expect(await endedByForce(command)).toContain(`quaich: ${LEFT}\n`);
  });

  it('L-11 L-27 does not keep the server from stopping while a reload goes on', async () => {
    const { command } = await reloading('--timeout-startup', '60s');
    command.child.kill('SIGTERM');
    expect(await endedByForce(command)).toContain(`quaich: ${LEFT}\n`);
  });

  it('L-11 L-18 is told to the owner of a server, who alone can end the process', async () => {
    write('site.js', site(0, 4));
    const options = { apps: './site.js', directory, bind: '127.0.0.1:0', timeoutStartup: 1000 };
    await expect(serve(options)).rejects.toMatchObject({
      code: 'QUAICH_STUCK',
      message: `${LOADING}; ${LEFT}`,
      cause: { code: 'QUAICH_STARTUP' },
    });
  });
});

it('L-18 L-21 a thread that cannot be ended keeps its files as long as it goes on', async () => {
  const files = createOpenFiles();
  const source = `
    const { workerData: { files }, parentPort } = require('node:worker_threads');
    const { openSync, fstatSync } = require('node:fs');
    const file = openSync(process.execPath);
    const { dev, ino } = fstatSync(file);
    files.set([dev, ino], 2 * file);
    parentPort.postMessage(file);
    const code = 'require("node:fs").writeFileSync("loads", "x"); setTimeout(() => {}, 4000)';
    require('node:child_process').spawnSync(process.execPath, ['-e', code], { cwd: ${JSON.stringify(directory)} });`;
  const thread = new Worker(source, { eval: true, workerData: { files }, trackUnmanagedFds: false });
  const loaded = new LoadedThread(thread, files);
  const file = await new Promise<number>((resolve) => thread.once('message', resolve));
  await vi.waitFor(() => expect(loads()).toBe('x'), 20_000);
  await loaded.end();
  expect(stuckThreads.has(thread)).toBe(true);
  expect(fstatSync(file).ino).toBe(files[2 * file + 1]);
  await vi.waitFor(() => expect(() => fstatSync(file)).toThrow('EBADF'), 20_000);
  expect(stuckThreads.size).toBe(0);
});
