// End to end: the built command in a process of its own.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Command, dist, ended, get, type Place, ready, start } from './command.ts';

const directory = mkdtempSync(join(tmpdir(), 'quaich-cli-'));
const nativeTypeScript = Boolean(Reflect.get(process.features, 'typescript'));
const ipv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));

const site = (text: string) => `
  export function application(environ, startResponse) {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    return [new TextEncoder().encode(${text})];
  }`;

const files: Record<string, string> = {
  'package.json': '{"type":"module"}',
  'site.js': site(`'site ' + environ.PATH_INFO + ' ' + environ.STAGE`),
  'api.js': `export async function* api(environ, startResponse) {
    startResponse('200 OK', []);
    yield new TextEncoder().encode('api ' + environ.PATH_INFO);
  }`,
  'typed.ts': `import { text } from './words.ts';
    interface Start { (status: string, headers: [string, string][]): unknown }
    export const app = (environ: Record<string, unknown>, startResponse: Start): Uint8Array[] => {
      startResponse('200 OK', []);
      return [new TextEncoder().encode(text)];
    };`,
  'words.ts': `export const text: string = 'typed';`,
  'timer.js': `setInterval(() => {}, 1000);\nexport const app = () => [];`,
  'text.js': `export const application = 'hello';`,
  'throws.js': `\n\nthrow new RangeError('no luck');`,
  'exits.js': `process.exit(0);`,
  'never.js': `await new Promise(() => {});\nexport const app = () => [];`,
  'hangs.js': `setInterval(() => {}, 1000);\nawait new Promise(() => {});\nexport const app = () => [];`,
  'spins.js': `for (;;);`,
  'rejects.js': `Promise.reject(new RangeError('left'));\nexport const app = () => [];`,
  // The first thread to load it is the only one that it does well on.
  'later.js': `import { threadId } from 'node:worker_threads';
    const faults = {
      exits: () => process.exit(5),
      rejects: () => void Promise.reject(new RangeError('left')),
      never: () => new Promise(() => {}),
      spins: () => { for (;;); },
    };
    const { STAGE, FAULT } = process.env;
    const fail = (stage) => (stage === STAGE && threadId > 1 ? faults[FAULT]() : undefined);
    await fail('load');
    export const startup = () => fail('startup');
    export const app = () => [];`,
  'starting.js': `export const app = () => [];\nexport const startup = () => {
    console.log('starting');
    return new Promise(() => setInterval(() => {}, 1000));
  };`,
  'slow.js': `export async function app(environ, startResponse) {
    console.log('begun');
    startResponse('200 OK', []);
    await new Promise((resolve) => setTimeout(resolve, 500));
    return [new TextEncoder().encode('whole')];
  }`,
  'exits.config.js': `process.exit(0);`,
  'never.config.js': `export default await new Promise(() => {});`,
  'syntax.js': `export const app = () => [];\nconst = 5;`,
  'quaich.config.ts': `export default { apps: './typed.ts', syncWorkers: 1 as number };`,
};

beforeAll(() => {
  for (const [name, text] of Object.entries(files)) {
    const folder = name === 'quaich.config.ts' ? join(directory, 'with-config') : directory;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  symlinkSync('loop', join(directory, 'loop'));
  for (const name of ['typed.ts', 'words.ts', 'package.json'])
    cpSync(join(directory, name), join(directory, 'with-config', name));
});

afterAll(() => rmSync(directory, { recursive: true }));

/** One sync worker, where nobody asks for more: each takes its time to start. */
const quaich = (argv: string[], place: Place = {}): Command =>
  start(argv, { cwd: directory, ...place, env: { QUAICH_SYNC_WORKERS: '1', ...place.env } });

describe('serving', () => {
  it('prints the ready line when requests can be answered, and stops in order at SIGTERM with exit code 0', async () => {
    const command = quaich(['./site.js', '--bind', '127.0.0.1:0', '--env', 'STAGE=test']);
    const [url] = await ready(command);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    expect(await get(url, '/a')).toEqual({ status: 200, text: 'site /a test' });
    command.child.kill('SIGTERM');
    expect(await ended(command)).toMatchObject({ code: 0, stdout: '' });
  });

  it('stops at SIGINT too', async () => {
    const command = quaich(['./site.js', '--bind', '127.0.0.1:0']);
    await ready(command);
    command.child.kill('SIGINT');
    expect(await command.code).toBe(0);
  });

  it('mounts several applications of both kinds', async () => {
    const command = quaich(['/=./site.js', '/api=./api.js:api', '-b', '127.0.0.1:0']);
    const [url] = await ready(command);
    expect((await get(url, '/x')).text).toMatch(/^site \/x/);
    expect((await get(url, '/api/x')).text).toMatch(/^api /);
  });

  it('runs an async application inline', async () => {
    const command = quaich(['./api.js:api', '--inline', '-b', '127.0.0.1:0']);
    const [url] = await ready(command);
    expect((await get(url)).text).toBe('api /');
  });

  it('listens on TCP and on a Unix socket at once, with the rights asked for', async () => {
    const path = join(directory, 'both.sock');
    const command = quaich(['./site.js', '-b', '127.0.0.1:0', '-b', 'unix:both.sock', '--socket-mode', '600']);
    const urls = await ready(command, 2);
    expect(urls[1]).toBe(`unix:${path}`);
    for (const url of urls) expect((await get(url)).status).toBe(200);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    command.child.kill('SIGTERM');
    expect(await command.code).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  it('takes over a Unix socket that a killed server left behind, but not one in use', async () => {
    const argv = ['./site.js', '-b', 'unix:stale.sock'];
    const first = quaich(argv);
    await ready(first);
    const second = await ended(quaich(argv));
    expect(second).toMatchObject({ code: 1 });
    expect(second.stderr).toMatch(/^quaich: cannot listen on unix:.*stale\.sock: another server listens there\n$/);
    first.child.kill('SIGKILL');
    await first.code;
    expect(existsSync(join(directory, 'stale.sock'))).toBe(true);
    const [url] = await ready(quaich(argv));
    expect((await get(url)).status).toBe(200);
  });

  it('listens on an inherited descriptor', async () => {
    const listener = await new Promise<Server>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
    });
    const handle: { fd: number } = Reflect.get(listener, '_handle');
    const command = quaich(['./site.js', '-b', 'fd://3'], { stdio: ['ignore', 'pipe', 'pipe', handle.fd] });
    const [url] = await ready(command);
    const address = listener.address();
    listener.close(); // the other process has a descriptor of its own
    expect(address).toMatchObject({ port: Number(new URL(url).port) });
    expect((await get(url)).status).toBe(200);
  });

  it('listens on an inherited Unix socket', async () => {
    const socketPath = join(directory, 'inherited.sock');
    const kept = join(directory, 'kept.sock');
    const listener = await new Promise<Server>((resolve) => {
      const server = createServer().listen(socketPath, () => resolve(server));
    });
    const handle: { fd: number } = Reflect.get(listener, '_handle');
    const command = quaich(['./site.js', '-b', 'fd://3'], { stdio: ['ignore', 'pipe', 'pipe', handle.fd] });
    expect(await ready(command)).toEqual(['fd://3']);
    renameSync(socketPath, kept); // closing removes the path
    listener.close();
    expect((await get(`unix:${kept}`)).status).toBe(200);
  });

  it.runIf(ipv6)('listens on IPv6', async () => {
    const [url] = await ready(quaich(['./site.js', '-b', '[::1]:0']));
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect((await get(url)).status).toBe(200);
  });

  it('serves TypeScript, here named in a TypeScript configuration file', async () => {
    const command = quaich(['-b', '127.0.0.1:0'], { cwd: join(directory, 'with-config') });
    const [url] = await ready(command);
    expect((await get(url)).text).toBe('typed');
  });

  it('reads settings from the environment', async () => {
    const env = { QUAICH_BIND: '127.0.0.1:0,127.0.0.1:0', QUAICH_APPS: './site.js', QUAICH_ENV: 'STAGE=env' };
    const urls = await ready(quaich([], { env }), 2);
    expect((await get(urls[1])).text).toBe('site / env');
  });
});

describe.skipIf(process.platform === 'win32')('signals', () => {
  it('SIGUSR1 opens no debugger', async () => {
    const command = quaich(['./site.js', '-b', '127.0.0.1:0']);
    const [url] = await ready(command);
    command.child.kill('SIGUSR1');
    expect((await get(url)).status).toBe(200);
    command.child.kill('SIGTERM');
    const { code, stderr } = await ended(command);
    expect(code).toBe(0);
    expect(stderr).not.toContain('Debugger');
  });

  it('L-11 a second signal ends a startup that hangs', async () => {
    const command = quaich(['./starting.js', '--sync-workers', '1', '-b', '127.0.0.1:0']);
    await vi.waitFor(() => expect(command.stdout).toBe('starting\n'), 20_000);
    command.child.kill('SIGTERM');
    await vi.waitFor(() => expect(command.stderr).toContain('a second signal ends at once'), 20_000);
    command.child.kill('SIGTERM');
    expect(await command.code).toBe(null);
    expect(command.child.signalCode).toBe('SIGKILL');
  });
});

describe('the access log', () => {
  it('is off by default', async () => {
    const command = quaich(['./site.js', '-b', '127.0.0.1:0']);
    const [url] = await ready(command);
    await get(url);
    command.child.kill('SIGTERM');
    expect((await ended(command)).stdout).toBe('');
  });

  it('goes to standard output with --access-log', async () => {
    const command = quaich(['./site.js', '-b', '127.0.0.1:0', '--access-log']);
    const [url] = await ready(command);
    await get(url, '/logged');
    command.child.kill('SIGTERM');
    expect((await ended(command)).stdout).toMatch(
      /^127\.0\.0\.1 - - \[.+\] "GET \/logged HTTP\/1\.1" 200 \d+ "-" "-" [\d.]+\n$/,
    );
  });

  it.skipIf(process.platform === 'win32')('goes to a file that SIGUSR2 opens anew', async () => {
    const file = join(directory, 'access.log');
    const command = quaich([
      './site.js',
      '-b',
      '127.0.0.1:0',
      '--access-log-file',
      'access.log',
      '--access-log-format',
      'json',
    ]);
    const [url] = await ready(command);
    await get(url, '/first');
    await vi.waitFor(() => expect(readFileSync(file, 'utf8')).toContain('/first'), 10_000);
    renameSync(file, `${file}.1`);
    command.child.kill('SIGUSR2');
    await vi.waitFor(() => expect(existsSync(file)).toBe(true), 10_000);
    await get(url, '/second');
    command.child.kill('SIGTERM');
    expect(await command.code).toBe(0);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ target: '/second', status: 200 });
  });

  it('costs no request when its reader has gone', async () => {
    const command = quaich(['./site.js', '-b', '127.0.0.1:0', '--access-log']);
    const [url] = await ready(command);
    command.child.stdout?.destroy();
    for (let i = 0; i < 5; i++) expect((await get(url)).status).toBe(200);
    command.child.kill('SIGTERM');
    expect(await command.code).toBe(0);
  });

  it('holds up neither requests nor the end of the process when its reader does not read', async () => {
    const command = quaich(['./site.js', '-b', '127.0.0.1:0', '--access-log']);
    const [url] = await ready(command);
    command.child.stdout?.pause();
    const path = `/${'x'.repeat(7000)}`;
    for (let i = 0; i < 200; i++) expect((await get(url, path)).status).toBe(200);
    const exited = new Promise((resolve) => command.child.once('exit', resolve));
    command.child.kill('SIGTERM');
    expect(await exited).toBe(0);
    command.child.stdout?.destroy();
  });
});

describe('failures are told in one line', () => {
  it('a port in use: exit code 1', async () => {
    const listener = await new Promise<Server>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
    });
    const address = listener.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const result = await ended(quaich(['./site.js', '-b', `127.0.0.1:${port}`]));
    listener.close();
    expect(result).toEqual({
      code: 1,
      stdout: '',
      stderr: `quaich: cannot listen on 127.0.0.1:${port}: the port is in use (EADDRINUSE): stop what listens there, or choose another port\n`,
    });
  });

  it.each([
    [['./site.js', '--bind', '192.0.2.1:0'], /this machine does not have that address \(EADDRNOTAVAIL\)\n$/],
    [['./site.js', '--bind', 'unix:no/such/folder.sock'], /there is no directory .*no\/such\n$/],
    [['./site.js', '--bind', 'fd://99'], /^quaich: cannot listen on fd:\/\/99: no such descriptor was inherited\n$/],
    [['./site.js', '--bind', 'unix:loop/site.sock'], /^quaich: cannot listen on unix:.*site\.sock: ELOOP: /],
    [['./site.js', '--bind', 'unix:site.js/site.sock'], /^quaich: cannot listen on unix:.*site\.sock: ENOTDIR: /],
    [['./site.js', '--bind', 'unix:site.js'], /site\.js: the file exists and is not a socket\n$/],
  ])('exit code 1: quaich %j', async (argv, expected) => {
    const { code, stdout, stderr } = await ended(quaich(argv));
    expect(stderr).toMatch(expected);
    expect(stderr.split('\n')).toHaveLength(2);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  it('a current directory that was removed: exit code 2', async () => {
    const gone = mkdtempSync(join(directory, 'gone-'));
    const shell = ['-c', 'rmdir "$PWD"; exec "$@"', 'sh', process.execPath, join(dist, 'src/cli/main.js'), './site.js'];
    const { status, stderr } = spawnSync('sh', shell, { cwd: gone, encoding: 'utf8' });
    expect(stderr).toBe('quaich: the current directory does not exist any more\n');
    expect(status).toBe(2);
  });

  it.each([
    [['--bnid', 'x', './site.js'], /^quaich: unknown option --bnid; did you mean --bind\?\n$/],
    [['./site.js', '--sync-workers', 'many'], /^quaich: --sync-workers: expected a whole number .*got "many"\n$/],
    [[], /^quaich: no application: /],
    [['./none.js'], /^quaich: cannot find module "\.\/none\.js": .* does not exist\n$/],
    [['no-such-package'], /^quaich: cannot find module "no-such-package": no such package from /],
    [['./text.js'], /^quaich: "application" in \.\/text\.js is "hello", expected a function\n$/],
    [['./site.js:nope'], /^quaich: \.\/site\.js has no export "nope": it exports application\n$/],
    [['./throws.js'], /^quaich: cannot load \.\/throws\.js: RangeError: no luck \(at .*throws\.js:3:7\)\n$/],
    [
      ['./syntax.js'],
      /^quaich: cannot load \.\/syntax\.js: SyntaxError: Unexpected token '=' \(at .*syntax\.js:2\)\n$/,
    ],
    [['./site.js', '--config', 'none.mjs'], /^quaich: cannot read the configuration: .*none\.mjs does not exist\n$/],
    [
      ['./site.js', '--bind', '8000'],
      /^quaich: --bind: address "8000": expected HOST:PORT, for example "127\.0\.0\.1:8000"\n$/,
    ],
  ])('exit code 2: quaich %j', async (argv, expected) => {
    const { code, stdout, stderr } = await ended(quaich(argv));
    expect(stderr).toMatch(expected);
    expect(stderr.split('\n')).toHaveLength(2);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});

const cannotLoad = [
  ['./exits.js', /^quaich: cannot load \.\/exits\.js: it ended its thread .* with exit code 0\n$/],
  ['./never.js', /^quaich: cannot load \.\/never\.js: its top-level await never settles\n$/],
  [
    './rejects.js',
    /^quaich: cannot load \.\/rejects\.js: nobody handles RangeError: left \(at .*rejects\.js:1:16\)\n$/,
  ],
] as const;

describe.each([['--check'], ['--bind', '127.0.0.1:0']])('L-18 quaich %s', (...argv) => {
  const loading = (module: string, timeout: string) =>
    ended(quaich(['./site.js', `/x=${module}`, '--timeout-startup', timeout, ...argv]));

  it.each(cannotLoad)('ends with exit code 2 and one line: %s', async (module, line) => {
    expect(await loading(module, '30s')).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(line) });
  });

  it('ends with exit code 1 and one line where loading takes too long', async () => {
    const modules = ['./hangs.js', './spins.js'];
    const results = await Promise.all(modules.map((module) => loading(module, '4s')));
    const lines = modules.map((module) => `quaich: loading ${module} took longer than 4000 ms\n`);
    expect(results).toEqual(lines.map((stderr) => ({ code: 1, stdout: '', stderr })));
  });
});

describe('a module that fails on another thread than the first', () => {
  const loading = (stage: string, fault: string, timeout: string) =>
    ended(
      quaich(['./later.js', '--sync-workers', '2', '--timeout-startup', timeout, '-b', '127.0.0.1:0'], {
        env: { STAGE: stage, FAULT: fault },
      }),
    );
  const hook = 'the startup hook of \\./later\\.js at /';
  const exits = 'it ended its thread as process\\.exit does, with exit code 5\n';
  const rejects = 'nobody handles RangeError: left';

  it.each([
    ['load', 'exits', 2, `cannot load \\./later\\.js: ${exits}`],
    ['load', 'rejects', 2, `cannot load \\./later\\.js: ${rejects} \\(at .*later\\.js:4:42\\)\n`],
    ['startup', 'exits', 1, `${hook}: ${exits}`],
    ['startup', 'rejects', 1, `${hook}: ${rejects}\n +at .*later\\.js:4:42[^]*`],
  ])('L-18 is named: at its %s it %s', async (stage, fault, code, line) => {
    const stderr = expect.stringMatching(new RegExp(`^quaich: ${line}$`));
    expect(await loading(stage, fault, '30s')).toEqual({ code, stdout: '', stderr });
  });

  it.each([
    ['load', 'never', 'loading ./later.js'],
    ['load', 'spins', 'loading ./later.js'],
    ['startup', 'never', 'the startup hook of ./later.js at /'],
    ['startup', 'spins', 'the startup hook of ./later.js at /'],
  ])('L-18 L-04 is named where its %s takes too long: %s', async (stage, fault, what) => {
    const stderr = `quaich: ${what} took longer than 4000 ms\n`;
    expect(await loading(stage, fault, '4s')).toEqual({ code: 1, stdout: '', stderr });
  });
});

describe('L-18 a configuration file', () => {
  it.each(['exits.config.js', 'never.config.js'])('that ends the process is told: %s', async (file) => {
    const { code, stdout, stderr } = await ended(quaich(['--check', './site.js', '--config', file]));
    expect(stderr).toMatch(/^quaich: cannot load .*\.config\.js: it ended the process, or /m);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});

describe('commands that do not serve', () => {
  it('--check loads every application, TypeScript too, and ends although one left a timer running', async () => {
    expect(await ended(quaich(['--check', './timer.js', '/a=./api.js:api', '/t=./typed.ts']))).toEqual({
      code: 0,
      stdout: 'ok: / = ./timer.js (sync)\nok: /a = ./api.js:api (async)\nok: /t = ./typed.ts (sync)\n',
      stderr: '',
    });
  });

  it.skipIf(nativeTypeScript)(
    '--check says what TypeScript needs where Node cannot run it and tsx is missing',
    async () => {
      const copy = join(directory, 'copy');
      cpSync(dist, join(copy, 'dist'), { recursive: true });
      cpSync(join(dirname(dist), 'package.json'), join(copy, 'package.json'));
      // The one package that it needs to look for tsx.
      const finder = 'node_modules/exsolve';
      cpSync(join(dirname(dist), finder), join(copy, finder), { recursive: true });
      const program = join(copy, 'dist/src/cli/main.js');
      const { code, stderr } = await ended(quaich(['--check', './typed.ts'], { program }));
      expect(stderr).toMatch(
        /^quaich: cannot load \.\/typed\.ts: Node .* does not run TypeScript by itself: install "tsx".*\n$/,
      );
      expect(code).toBe(2);
    },
  );

  it('--print-config prints a configuration file', async () => {
    const { code, stdout, stderr } = await ended(quaich(['--print-config', './site.js', '--limit-body', '10m']));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    writeFileSync(join(directory, 'printed.mjs'), stdout);
    expect((await ended(quaich(['--check', '--config', 'printed.mjs']))).stdout).toMatch(
      /^ok: \/ = .*site\.js \(sync\)\n$/,
    );
  });

  it('--help and --version answer on standard output', async () => {
    const { version }: { version: string } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    );
    expect(await ended(quaich(['--version']))).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    const help = await ended(quaich(['--help']));
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(/^Usage: quaich /);
  });
});
