import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { configurationPage } from '../../src/cli/documentation.ts';
import { helpText, shortHelp } from '../../src/cli/help.ts';
import { run, type Surroundings } from '../../src/cli/run.ts';
import type { RunningServer, Serve } from '../../src/cli/serving.ts';
import { ConfigurationError, QuaichError } from '../../src/interface/errors.ts';
import { loadApplication } from '../../src/pool/load.ts';
import { BindError } from '../../src/server/bind.ts';
import { settingNames } from '../../src/server/options.ts';

class FakeServer implements RunningServer {
  readonly urls = ['http://127.0.0.1:8000', 'unix:/run/a.sock'];
  readonly failed: Promise<never>;
  readonly close = vi.fn(
    () => new Promise<void>((resolve, reject) => Object.assign(this, { closed: resolve, broke: reject })),
  );
  readonly abort = vi.fn(() => this.closed());
  readonly reopenLogs = vi.fn();
  readonly reload = vi.fn(async (): Promise<string[]> => []);
  readonly addSyncWorkers = vi.fn(async (_count: number) => {});
  closed = () => {};
  broke = (_: Error) => {};
  fail = (_: Error) => {};

  constructor() {
    this.failed = new Promise((_, reject) => {
      this.fail = reject;
    });
  }
}

const probe: Surroundings['probe'] = ({ apps, directory }) =>
  Promise.all(apps.map(async (app) => ({ ...(await loadApplication(app, directory)).known, notes: [] })));

function command(argv: string[], serve: Serve, hungUp = false) {
  const signals = new EventEmitter();
  const output = { stdout: '', stderr: '' };
  const kill = vi.fn();
  const io: Surroundings = {
    env: {},
    directory: import.meta.dirname,
    stdout: (text) => (output.stdout += text),
    stderr: (text) => (output.stderr += text),
    serve,
    probe,
    signals,
    hungUp: () => hungUp,
    kill,
  };
  return { signals, output, kill, code: run(argv, io) };
}

async function started(server = new FakeServer(), hungUp = false) {
  const running = command(['./site.js'], async () => server, hungUp);
  await vi.waitFor(() => expect(running.output.stderr).toContain('listening'), 10_000);
  return { server, ...running };
}

const unused: Serve = () => Promise.reject(new Error('served'));

describe('run', () => {
  it('prints the ready line of every address once the server has started', async () => {
    const { server, signals, output, code } = await started();
    expect(output).toEqual({
      stdout: '',
      stderr: 'listening on http://127.0.0.1:8000\nlistening on unix:/run/a.sock\n',
    });
    signals.emit('SIGTERM');
    server.closed();
    expect(await code).toBe(0);
  });

  it('hands over the options as they were given', async () => {
    const serve = vi.fn<Serve>(() => Promise.reject(new ConfigurationError('enough')));
    const { code } = command(['/=./a.js', '/b=b', '--sync-workers', '3', '--timeout-head', '2s'], serve);
    expect(await code).toBe(2);
    expect(serve).toHaveBeenCalledExactlyOnceWith({
      apps: ['/=./a.js', '/b=b'],
      directory: import.meta.dirname,
      syncWorkers: 3,
      timeoutHead: 2000,
    });
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'])('L-08 %s closes in order, with exit code 0', async (signal) => {
    const { server, signals, code } = await started(new FakeServer(), true);
    signals.emit(signal);
    expect(server.close).toHaveBeenCalledTimes(1);
    expect(server.abort).not.toHaveBeenCalled();
    server.closed();
    expect(await code).toBe(0);
    // Without a listener a late signal would end the process in another way (L-35).
    expect(signals.listenerCount(signal)).toBe(1);
  });

  it('L-35 SIGQUIT closes at once, with exit code 0; another signal ends the process', async () => {
    const server = new FakeServer();
    server.abort.mockImplementation(() => {});
    const { signals, kill, code } = await started(server);
    signals.emit('SIGQUIT');
    expect([server.close.mock.calls.length, server.abort.mock.calls.length]).toEqual([1, 1]);
    expect(kill).not.toHaveBeenCalled();
    signals.emit('SIGQUIT');
    expect(kill).toHaveBeenCalledTimes(1);
    server.closed();
    expect(await code).toBe(0);
  });

  it('L-33 SIGTTIN and SIGTTOU change the number of sync workers', async () => {
    const server = new FakeServer();
    server.addSyncWorkers.mockRejectedValueOnce(new QuaichError('QUAICH_STARTUP', 'no database'));
    const { signals, output, code } = await started(server);
    signals.emit('SIGTTIN');
    await vi.waitFor(
      () => expect(output.stderr).toContain('quaich: the number of sync workers stays as it was: no database\n'),
      10_000,
    );
    signals.emit('SIGTTOU');
    expect(server.addSyncWorkers.mock.calls).toEqual([[1], [-1]]);
    signals.emit('SIGTERM');
    signals.emit('SIGTTIN');
    expect(server.addSyncWorkers).toHaveBeenCalledTimes(2);
    server.closed();
    expect(await code).toBe(0);
  });

  it('L-35 what signals ask for during the start is done after it', async () => {
    const server = new FakeServer();
    let start = (_: RunningServer) => {};
    const { signals, code } = command(
      ['./site.js'],
      () =>
        new Promise((resolve) => {
          start = resolve;
        }),
    );
    // While the configuration is read, too.
    for (const signal of ['SIGTTIN', 'SIGUSR1', 'SIGUSR2']) signals.emit(signal);
    await vi.waitFor(() => {
      start(server);
      expect(server.addSyncWorkers).toHaveBeenCalledExactlyOnceWith(1);
    }, 10_000);
    expect(server.reopenLogs).toHaveBeenCalledTimes(2);
    signals.emit('SIGTERM');
    server.closed();
    expect(await code).toBe(0);
  });

  it('L-35 a signal while the configuration is read stops before the start', async () => {
    const { signals, code } = command(['./site.js'], unused);
    signals.emit('SIGTERM');
    expect(await code).toBe(0);
  });

  it('L-27 SIGHUP reloads, once again where it comes meanwhile, and tells what needs a new start', async () => {
    const server = new FakeServer();
    let finish = (_: string[]) => {};
    server.reload.mockImplementation(
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    const { signals, output, code } = await started(server);
    for (let i = 0; i < 3; i++) signals.emit('SIGHUP');
    await vi.waitFor(() => expect(server.reload).toHaveBeenCalledTimes(1), 10_000);
    expect(server.reload).toHaveBeenCalledWith({ apps: ['./site.js'], directory: import.meta.dirname });
    finish(['bind', 'syncWorkers']);
    await vi.waitFor(() => expect(server.reload).toHaveBeenCalledTimes(2), 10_000);
    expect(output.stderr).toContain('needs a new start to take effect: bind, syncWorkers\nreloaded\n');
    finish([]);
    await vi.waitFor(() => expect(output.stderr.match(/^reloaded$/gm)).toHaveLength(2), 10_000);
    signals.emit('SIGTERM');
    server.closed();
    expect(await code).toBe(0);
    expect(server.reload).toHaveBeenCalledTimes(2);
  });

  it('L-27 a reload that fails is told, and the next one is tried', async () => {
    const server = new FakeServer();
    server.reload.mockRejectedValueOnce(new ConfigurationError('cannot load ./site.js'));
    const { signals, output, code } = await started(server);
    signals.emit('SIGHUP');
    const words = 'quaich: reload failed, the server goes on as it was: cannot load ./site.js\n';
    await vi.waitFor(() => expect(output.stderr).toContain(words), 10_000);
    signals.emit('SIGHUP');
    await vi.waitFor(() => expect(output.stderr).toContain('reloaded\n'), 10_000);
    signals.emit('SIGTERM');
    server.closed();
    expect(await code).toBe(0);
  });

  it('L-27 SIGHUP during the start reloads after it', async () => {
    const server = new FakeServer();
    let start = (_: RunningServer) => {};
    const { signals, output, code } = command(
      ['./site.js'],
      () =>
        new Promise((resolve) => {
          start = resolve;
        }),
    );
    signals.emit('SIGHUP');
    await vi.waitFor(() => {
      start(server);
      expect(output.stderr).toContain('reloaded\n');
    }, 10_000);
    signals.emit('SIGTERM');
    server.closed();
    expect(await code).toBe(0);
  });

  it('L-11 a second signal cuts the waiting short, a third one ends the process', async () => {
    const server = new FakeServer();
    server.abort.mockImplementation(() => {});
    const { signals, kill, code } = await started(server);
    signals.emit('SIGINT');
    signals.emit('SIGTERM');
    expect(server.abort).toHaveBeenCalledTimes(1);
    expect(kill).not.toHaveBeenCalled();
    signals.emit('SIGINT');
    expect(kill).toHaveBeenCalledTimes(1);
    server.closed();
    expect(await code).toBe(1);
  });

  it('L-10 a shutdown that fails makes the exit code 1', async () => {
    const { server, signals, output, code } = await started();
    signals.emit('SIGTERM');
    server.broke(new BindError('the shutdown hook threw'));
    expect(await code).toBe(1);
    expect(output.stderr).toContain('quaich: the shutdown hook threw\n');
  });

  it('a signal during the start closes the server as soon as it is there', async () => {
    const server = new FakeServer();
    let ready = (_: RunningServer) => {};
    const starting = new Promise<RunningServer>((resolve) => {
      ready = resolve;
    });
    const serve = vi.fn(() => starting);
    const { signals, code } = command(['./site.js'], serve);
    await vi.waitFor(() => expect(serve).toHaveBeenCalled(), 10_000);
    signals.emit('SIGTERM');
    ready(server);
    await vi.waitFor(() => expect(server.close).toHaveBeenCalledTimes(1), 10_000);
    server.closed();
    expect(await code).toBe(0);
  });

  it('L-11 a second signal ends a start that hangs', async () => {
    const serve = vi.fn(() => new Promise<never>(() => {}));
    const { signals, output, kill } = command(['./site.js'], serve);
    await vi.waitFor(() => expect(serve).toHaveBeenCalled(), 10_000);
    signals.emit('SIGTERM');
    expect(output.stderr).toBe('stopping once the start is over; a second signal ends at once\n');
    expect(kill).not.toHaveBeenCalled();
    signals.emit('SIGTERM');
    expect(kill).toHaveBeenCalledTimes(1);
  });

  it.each(['SIGUSR1', 'SIGUSR2'])('%s opens the logs anew', async (signal) => {
    const { server, signals, code } = await started();
    signals.emit(signal);
    expect(server.reopenLogs).toHaveBeenCalledTimes(1);
    signals.emit('SIGTERM');
    server.closed();
    await code;
  });

  it.each([
    [1, new BindError('the socket is gone')],
    [3, new QuaichError('QUAICH_CRASH_LOOP', 'all workers died')],
  ])('L-32 stops in order when the server fails later, with exit code %i', async (expected, error) => {
    const { server, output, code } = await started();
    server.fail(error);
    await vi.waitFor(() => expect(server.close).toHaveBeenCalledTimes(1), 10_000);
    expect(output.stderr).toContain(`quaich: ${error.message}\n`);
    server.closed();
    expect(await code).toBe(expected);
  });

  it.each([
    [new BindError('cannot listen on 127.0.0.1:80'), 1, 'quaich: cannot listen on 127.0.0.1:80\n'],
    [new ConfigurationError('no such module'), 2, 'quaich: no such module\n'],
  ])('tells a known failure in one line: %s', async (error, expected, line) => {
    const { output, code } = command(['./site.js'], () => Promise.reject(error));
    expect(await code).toBe(expected);
    expect(output.stderr).toBe(line);
  });

  it('L-11 ends its process by force where a thread cannot be ended, since an exit would wait for that', async () => {
    const { server, signals, output, kill, code } = await started();
    const stuck = new QuaichError('QUAICH_STUCK', '1 threads are inside native code');
    vi.spyOn(server, 'close').mockRejectedValue(stuck);
    signals.emit('SIGTERM');
    expect(await code).toBe(1);
    expect([output.stderr.split('\n').at(-2), kill.mock.calls.length]).toEqual([
      'quaich: 1 threads are inside native code',
      1,
    ]);
  });

  it('L-05 tells an unknown failure with its stack', async () => {
    const { output, code } = command(['./site.js'], () => Promise.reject(new TypeError('x is not a function')));
    expect(await code).toBe(1);
    expect(output.stderr).toMatch(/^quaich: TypeError: x is not a function\n {4}at /);
  });

  it('asks for an application', async () => {
    const { output, code } = command([], unused);
    expect(await code).toBe(2);
    expect(output.stderr).toMatch(/^quaich: no application: give .*\n$/);
  });

  it('does not serve with --check, --print-config, --help and --version', async () => {
    for (const flag of ['--print-config', '--help', '--version']) {
      const { output, code } = command([flag], unused);
      expect(await code, flag).toBe(0);
      expect(output.stdout, flag).not.toBe('');
    }
    const { output, code } = command(['--check', './none.js'], unused);
    expect(await code).toBe(2);
    expect(output.stderr).toMatch(/^quaich: cannot find module "\.\/none\.js"/);
  });
});

describe('the help', () => {
  it('is a screen, and all of it with --help all', async () => {
    expect(shortHelp().split('\n').length).toBeLessThanOrEqual(50);
    expect(
      shortHelp()
        .split('\n')
        .filter((line) => line.length > 100),
    ).toEqual([]);
    for (const [argv, text] of [
      [['--help'], shortHelp()],
      [['-h'], shortHelp()],
      [['--help', 'all'], helpText()],
    ] as const) {
      const { output, code } = command([...argv], unused);
      expect(await code).toBe(0);
      expect(output.stdout).toBe(text);
    }
  });

  it('fits 100 columns and names every setting with its default, in groups', () => {
    const text = helpText();
    expect(text.split('\n').filter((line) => line.length > 100)).toEqual([]);
    for (const name of settingNames) {
      const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      expect(text, name).toMatch(new RegExp(`--(\\[no-\\])?${flag}[ \\n]`));
    }
    const words = text.replace(/\s+/g, ' ');
    expect(words.match(/\(default: [^)]+\)/g)).toHaveLength(settingNames.length);
    expect(text.match(/^[A-Z][\w ]+:$/gm)).toEqual([
      'Applications:',
      'Sockets:',
      'TLS:',
      'Proxies:',
      'Workers:',
      'Python:',
      'Process:',
      'Limits:',
      'Timeouts:',
      'Health and status:',
      'Logs:',
      'Responses and environ:',
      'Commands:',
      'Examples:',
    ]);
  });
});

describe('the documentation', () => {
  it('docs/configuration.md is what the settings table gives: if not, run node scripts/docs.mjs', () => {
    const committed = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
    expect(committed).toBe(configurationPage());
  });
});
