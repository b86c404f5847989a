/** L-54: sockets from systemd, and what it is told, by its own program where that is installed. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { ended, get, ready, start } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'quaich-systemd-'));
afterAll(() => rmSync(folder, { recursive: true }));
const write = (name: string, text: string, mode = 0o644): string => {
  const file = join(folder, name);
  writeFileSync(file, text, { mode });
  return file;
};
write('package.json', '{"type":"module"}');
const site = write(
  'site.js',
  `export function app(environ, startResponse) {
    startResponse('200 OK', []);
    return [Buffer.from('site')];
  }`,
);

const installed = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0;

vi.setConfig({ testTimeout: 120_000 });

/** A datagram socket of the Unix family, which Node does not have; it prints a line for each message. */
const RECEIVER = `
import array, os, socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
print('bound', flush=True)
while True:
    data, ancillary, flags, address = receiver.recvmsg(4096, 1024)
    for level, kind, content in ancillary:
        if kind == socket.SCM_RIGHTS:  # the sender waits until it is closed
            descriptors = array.array('i')
            descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
            for descriptor in descriptors: os.close(descriptor)
    print(data.decode().strip().replace('\\n', ' '), flush=True)
`;

/** Sets a variable to the id of the process that the command becomes. */
const withPid = (name: string): string[] => ['sh', '-c', `export ${name}=$$; exec "$@"`, 'sh'];

describe.skipIf(process.platform !== 'linux')('sockets from systemd', () => {
  const listening = (path?: string) =>
    new Promise<Server>((resolve) => {
      const server = createServer();
      if (path === undefined) server.listen(0, '127.0.0.1', () => resolve(server));
      else server.listen(path, () => resolve(server));
    });
  const descriptor = (server: Server): number => {
    const handle: { fd: number } = Reflect.get(server, '_handle');
    return handle.fd;
  };

  it.each([[[]], [['--processes', '2']]])('L-54 are listened on, ahead of PORT: %j', async (argv) => {
    const servers = [await listening(), await listening()];
    const command = start(['./site.js', '--sync-workers', '1', ...argv], {
      cwd: folder,
      env: { LISTEN_FDS: '2', PORT: '1' },
      wrapper: withPid('LISTEN_PID'),
      stdio: ['ignore', 'pipe', 'pipe', ...servers.map(descriptor)],
    });
    const urls = await ready(command, 2);
    const ports = servers.map((server) => (server.address() as { port: number }).port); // all of TCP
    for (const server of servers) server.close();
    expect(urls.map((url) => Number(new URL(url).port))).toEqual(ports);
    for (const url of urls) expect((await get(url)).text).toBe('site');
    command.child.kill('SIGTERM');
    expect((await ended(command)).code).toBe(0);
  });

  it('L-54 that are another process’s are left alone, as are all where an address is given', async () => {
    const server = await listening();
    const stdio = ['ignore', 'pipe', 'pipe', descriptor(server)] as const;
    const place = { cwd: folder, stdio: [...stdio] };
    const argv = ['./site.js', '--sync-workers', '1'];
    const env = { LISTEN_FDS: '1', LISTEN_PID: '1', PORT: '0', HOST: '127.0.0.1' };
    const others = start(argv, { ...place, env });
    const given = start([...argv, '-b', '127.0.0.1:0'], {
      ...place,
      env: { LISTEN_FDS: '1' },
      wrapper: withPid('LISTEN_PID'),
    });
    for (const command of [others, given]) {
      const [url] = await ready(command);
      expect(Number(new URL(url).port)).not.toBe((server.address() as { port: number }).port);
      expect((await get(url)).text).toBe('site');
    }
    server.close();
  });
});

describe.skipIf(process.platform === 'win32')('what systemd is told', () => {
  /** In place of the program: keeps its arguments, a line for each call. */
  const told = join(folder, 'told');
  write('systemd-notify', `#!/bin/sh\necho "$@" >> ${told}\n`, 0o755);
  const lines = (): string[] => (existsSync(told) ? readFileSync(told, 'utf8').trim().split('\n') : []);

  it('L-54 is that the server is ready, reloads and stops, and that it lives', async () => {
    const command = start(['./site.js', '--sync-workers', '1', '-b', '127.0.0.1:0'], {
      cwd: folder,
      env: { NOTIFY_SOCKET: '/nowhere', WATCHDOG_USEC: '400000', PATH: `${folder}${delimiter}${process.env.PATH}` },
      wrapper: withPid('WATCHDOG_PID'),
    });
    await ready(command);
    const pid = `--pid=${command.child.pid}`;
    await vi.waitFor(() => expect(lines()).toContain(`${pid} READY=1`), 10_000);
    await vi.waitFor(() => expect(lines()).toContain(`${pid} WATCHDOG=1`), 10_000);
    command.child.kill('SIGHUP');
    await vi.waitFor(() => expect(command.stderr).toMatch(/^reloaded$/m), 20_000);
    command.child.kill('SIGTERM');
    expect((await ended(command)).code).toBe(0);
    await vi.waitFor(() => expect(lines()).toContain(`${pid} STOPPING=1`), 10_000);
    const states = lines().filter((line) => !line.includes('WATCHDOG'));
    expect(states.map((line) => /(\w+)=(?:1|\d+)$/.exec(line.replace(/ MONOTONIC_USEC=\d+$/, ''))?.[1])).toEqual([
      'READY',
      'RELOADING',
      'READY',
      'STOPPING',
    ]);
    expect(states[1]).toMatch(/ MONOTONIC_USEC=\d{6,}$/);
  });

  it('L-54 harms nothing where its program is missing, which is said once', async () => {
    const command = start([site, '--sync-workers', '1', '-b', '127.0.0.1:0'], {
      env: { NOTIFY_SOCKET: '/nowhere', WATCHDOG_USEC: '1000000', PATH: '/nowhere' },
    });
    const [url] = await ready(command);
    await vi.waitFor(() => expect(command.stderr).toContain('warning: cannot tell systemd: '), 10_000);
    expect((await get(url)).text).toBe('site');
    command.child.kill('SIGTERM');
    const { code, stderr } = await ended(command);
    expect([code, stderr.match(/cannot tell systemd/g)?.length]).toEqual([0, 1]);
  });

  it.runIf(installed('systemd-notify', '--version') && installed('python3', '--version'))(
    'L-54 comes to a socket by the program of systemd',
    async () => {
      const path = join(folder, 'notify.sock');
      const receiver = spawn('python3', ['-c', RECEIVER, path]);
      let messages = '';
      receiver.stdout.setEncoding('utf8').on('data', (text: string) => (messages += text));
      try {
        await vi.waitFor(() => expect(messages).toContain('bound\n'), 10_000);
        const command = start(['./site.js', '--sync-workers', '1', '-b', '127.0.0.1:0'], {
          cwd: folder,
          env: { NOTIFY_SOCKET: path },
        });
        await ready(command);
        await vi.waitFor(() => expect(messages).toMatch(/READY=1/), 20_000);
        expect(messages).toContain(`MAINPID=${command.child.pid}`);
        command.child.kill('SIGTERM');
        await ended(command);
        await vi.waitFor(() => expect(messages).toMatch(/STOPPING=1/), 20_000);
      } finally {
        receiver.kill();
      }
    },
  );
});
