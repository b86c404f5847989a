/** L-35: each signal at each stage in the life of a process. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Command, ended, get, start } from './command.ts';

vi.setConfig({ testTimeout: 120_000 });

let directory = '';

// Each stage lasts for a while, and says when it begins.
const pause = 'await new Promise((resolve) => setTimeout(resolve, 500));';
const files = {
  'package.json': '{"type":"module"}',
  'site.js': `
    console.log('loading');
    ${pause}
    export const app = (environ, startResponse) => {
      if (environ.PATH_INFO.startsWith('/slow')) {
        console.log('request');
        const time = environ.PATH_INFO === '/slower' ? 3000 : 400;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, time);
      }
      startResponse('200 OK', []);
      return [new TextEncoder().encode('whole')];
    };
    export const startup = async () => { console.log('startup'); ${pause} };
    export const shutdown = () => console.log('shutdown');`,
  'quaich.config.js': `
    console.log('configuration');
    ${pause}
    export default {
      apps: './site.js', bind: '127.0.0.1:0', syncWorkers: 1, timeoutDrain: 700, accessLogFile: 'access.log',
    };`,
};

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'quaich-signals-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
});
afterAll(() => rmSync(directory, { recursive: true }));

const quaich = (): Command => start([], { cwd: directory });

const soon = { timeout: 60_000, interval: 5 };

const said = (command: Command, text: string): Promise<void> =>
  vi.waitFor(() => expect(command.stdout + command.stderr).toContain(text), soon);

const urlOf = (command: Command): string => /listening on (\S+)/.exec(command.stderr)?.[1] ?? '';

/** Brings a command to a stage. */
const stages: Readonly<Record<string, (command: Command) => Promise<unknown>>> = {
  'reads its configuration': (command) => said(command, 'configuration'),
  'loads its applications': (command) => said(command, 'loading'),
  'starts its applications': (command) => said(command, 'startup'),
  serves: (command) => said(command, 'listening on'),
  reloads: async (command) => {
    await said(command, 'listening on');
    const before = command.stdout.length;
    command.child.kill('SIGHUP');
    await vi.waitFor(() => expect(command.stdout.slice(before)).toContain('startup'), soon);
  },
};

describe.skipIf(process.platform === 'win32')('a command that', () => {
  it.each(Object.entries(stages))('L-35 %s stops in order by SIGTERM', async (_, reach) => {
    const command = quaich();
    await reach(command);
    command.child.kill('SIGTERM');
    const { code, stdout, stderr } = await ended(command);
    expect(code, stderr).toBe(0);
    expect(stderr).not.toMatch(/error|failed|ended/i);
    expect(stdout.match(/shutdown/g)?.length).toBe(stdout.match(/startup/g)?.length);
  });

  it.each(['serves', 'reloads'])('L-35 %s stops at once by SIGQUIT, but for its shutdown hooks', async (stage) => {
    const command = quaich();
    await stages[stage](command);
    const slow = get(urlOf(command), '/slow').catch(() => 'cut');
    await said(command, 'request');
    command.child.kill('SIGQUIT');
    const { code, stdout } = await ended(command);
    expect([code, await slow]).toEqual([0, 'cut']);
    expect(stdout).toContain('shutdown');
  });

  it('L-35 starts is ended by SIGQUIT', async () => {
    const command = quaich();
    await said(command, 'loading');
    command.child.kill('SIGQUIT');
    expect(await command.code).toBe(null);
  });

  it('L-35 L-11 drains, ends a request, or runs a shutdown hook, stops sooner by a second signal', async () => {
    for (const [sign, second] of [
      ['SIGTERM', 'SIGINT'],
      ['SIGINT', 'SIGQUIT'],
    ] as const) {
      const command = quaich();
      await said(command, 'listening on');
      const slow = get(urlOf(command), '/slower').catch(() => 'cut');
      await said(command, 'request');
      command.child.kill(sign);
      // Of two that are pending at once a thread may be given the second first.
      const pending = () => readFileSync(`/proc/${command.child.pid}/status`, 'latin1');
      if (process.platform === 'linux') await vi.waitFor(() => expect(pending()).toMatch(/^ShdPnd:\t0+$/m), soon);
      command.child.kill(second);
      expect(await slow).toBe('cut');
      expect((await ended(command)).code).toBe(1);
    }
  });
});

/** The signals that a process has a listener for, as bits. */
function caught(pid: number): bigint {
  try {
    return BigInt(`0x${/^SigCgt:\s*(\w+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'}`);
  } catch {
    return 0n; // it has ended
  }
}

const others = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU'] as const;

describe.skipIf(process.platform !== 'linux')('all signals that do not stop a command', () => {
  it('L-35 harm nothing, whenever they come, from the beginning to the end', async () => {
    const command = quaich();
    const pid = command.child.pid ?? 0;
    await vi.waitFor(
      () => {
        for (const signal of others) expect((caught(pid) >> BigInt(constants.signals[signal] - 1)) & 1n).toBe(1n);
      },
      { timeout: 60_000, interval: 1 },
    );
    let sent = 0;
    const storm = setInterval(() => command.child.kill(others[sent++ % others.length]), 7);
    try {
      await said(command, 'listening on');
      const url = urlOf(command);
      for (let i = 0; i < 100 || sent <= 200; i++) {
        expect(await get(url)).toEqual({ status: 200, text: 'whole' });
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      const slow = get(url, '/slow');
      await said(command, 'request');
      command.child.kill('SIGTERM');
      expect((await slow).text).toBe('whole');
      const { code, stderr } = await ended(command);
      expect(code).toBe(0);
      expect(stderr).not.toMatch(/Debugger|failed|ended|did not/);
    } finally {
      clearInterval(storm);
    }
  });
});
