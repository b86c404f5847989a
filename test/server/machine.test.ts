/** L-55 to L-57: the server as a process of its machine: its user, its files, its directory. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { Authority } from './certificates.ts';
import { type Command, dist, ended, get, type Place, ready, start } from './command.ts';

const module = fileURLToPath(new URL('./apps/identity.mjs', import.meta.url));
const main = join(dist, 'src/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'quaich-machine-'));
chmodSync(folder, 0o755);
afterAll(() => rmSync(folder, { recursive: true }));

vi.setConfig({ testTimeout: 60_000 });

let folders = 0;
/** A folder of its own for a test, which others may look into. */
function place(files: Record<string, string> = {}): string {
  const path = join(folder, String(folders++));
  mkdirSync(path);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

const few = ['--sync-workers', '1', '--async-workers', '1'];

function quaich(app: string, argv: string[] = [], where: Place = {}): Command {
  const bind = argv.includes('-b') ? [] : ['-b', '127.0.0.1:0'];
  return start([app, ...few, ...bind, ...argv], { cwd: folder, ...where });
}

async function stopped(command: Command): Promise<string> {
  command.child.kill('SIGTERM');
  const { code, stderr } = await ended(command);
  expect(code, stderr).toBe(0);
  return stderr;
}

async function refused(command: Command): Promise<string> {
  const { code, stdout, stderr } = await ended(command);
  expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^quaich: .*\n$/);
  return stderr;
}

interface Told {
  pid: number;
  loadedBy: number;
  threads: string[];
  gid: number;
  groups: number[];
  home: string;
  user: string;
  directory: string;
  back: string;
}

const tell = async (url: string): Promise<Told> => JSON.parse((await get(url)).text);

const ids = ({ uid, gid, mode }: { uid: number; gid: number; mode: number }) => ({ uid, gid, mode: mode & 0o777 });

const SITE = `export function app(environ, startResponse) {
  startResponse('200 OK', []);
  return [Buffer.from('site')];
}`;

describe.skipIf(process.platform !== 'linux' || process.getuid?.() !== 0)('a server that root starts', () => {
  const number = (...argv: string[]) => Number(execFileSync('id', [...argv, 'nobody'], { encoding: 'utf8' }));
  const [uid, gid] = process.getuid?.() === 0 ? [number('-u'), number('-g')] : [0, 0];

  /** The same, which that user may write to. */
  function ownPlace(): string {
    const path = place();
    chownSync(path, uid, gid);
    return path;
  }

  it.each([
    ['sync', [], 'ERR_WORKER_UNSUPPORTED_OPERATION'],
    ['async', [], 'ERR_WORKER_UNSUPPORTED_OPERATION'],
    ['async', ['--inline'], 'EPERM'],
    ['async', ['--inline', '--processes', '2'], 'EPERM'],
  ])('L-55 loads and calls applications as another user, on all threads, for good: %s %j', async (app, argv, back) => {
    const command = quaich(`${module}:${app}`, [...argv, '--user', 'nobody']);
    const [url] = await ready(command);
    const told = await tell(url);
    expect(told).toMatchObject({ loadedBy: uid, gid, back, user: 'nobody' });
    expect(told.threads).toEqual([`${uid}\t${uid}\t${uid}\t${uid}`]);
    const groups = execFileSync('id', ['-G', 'nobody'], { encoding: 'utf8' }).trim().split(' ').map(Number);
    expect(told.groups.sort()).toEqual(groups.sort());
    expect(told.home).not.toBe(process.env.HOME);
    // The one that was started keeps its rights, for new addresses and new processes.
    expect(told.pid).not.toBe(command.child.pid);
    expect(statSync(`/proc/${command.child.pid}`).uid).toBe(0);
    const stderr = await stopped(command);
    expect(stderr).toMatch(/^\/ .*\nlistening on .*\n$/);
  });

  it('L-55 takes numbers, and users that the system does not know', async () => {
    const command = quaich(`${module}:sync`, ['--user', '54321', '--group', '54322']);
    const [url] = await ready(command);
    expect(await tell(url)).toMatchObject({ loadedBy: 54_321, gid: 54_322, groups: [54_322] });
    await stopped(command);
  });

  it('L-55 changes nothing for the user that it is', async () => {
    const command = quaich(`${module}:sync`, ['--user', 'root']);
    const [url] = await ready(command);
    expect((await tell(url)).pid).toBe(command.child.pid);
    await stopped(command);
  });

  it('L-55 listens where root alone may, gives its Unix sockets away, and again for a new process', async () => {
    const socket = join(place(), 'site.sock');
    const argv = ['--user', 'nobody', '-b', '127.55.0.1:81', '-b', `unix:${socket}`, '--socket-mode', '660'];
    const command = quaich(`${module}:sync`, argv);
    expect(await ready(command, 2)).toEqual(['http://127.55.0.1:81', `unix:${socket}`]);
    const given = { uid, gid, mode: 0o660 };
    expect(ids(statSync(socket))).toEqual(given);
    const { pid } = await tell(`unix:${socket}`);
    await expect(get('http://127.55.0.1:81', '/kill')).rejects.toThrow();
    await vi.waitFor(async () => expect((await tell('http://127.55.0.1:81')).pid).not.toBe(pid), 30_000);
    await vi.waitFor(() => expect(ids(statSync(socket))).toEqual(given), 10_000);
    expect((await tell(`unix:${socket}`)).loadedBy).toBe(uid);
    await stopped(command);
    expect(existsSync(socket)).toBe(false);
  });

  it('L-55 opens logs as that user, at the start and when they were rotated', async () => {
    const logs = ownPlace();
    const [access, errors] = [join(logs, 'access.log'), join(logs, 'error.log')];
    const files = ['--access-log-file', access, '--error-log-file', errors];
    // A fixed port: while its only process is replaced, nobody listens.
    const command = quaich(`${module}:sync`, ['--user', 'nobody', '-b', '127.55.0.1:82', ...files]);
    const [url] = await ready(command);
    await get(url, '/one');
    for (const file of [access, errors]) {
      expect(statSync(file).uid).toBe(uid);
      renameSync(file, `${file}.1`);
    }
    command.child.kill('SIGUSR2');
    for (const file of [access, errors])
      await vi.waitFor(() => expect(statSync(file, { throwIfNoEntry: false })?.uid).toBe(uid), 10_000);
    await get(url, '/two');
    await expect(get(url, '/kill')).rejects.toThrow();
    await vi.waitFor(() => expect(readFileSync(errors, 'utf8')).toMatch(/process 0 \(\d+\) ended: SIGKILL/), 10_000);
    await vi.waitFor(() => get(url), 30_000);
    await stopped(command);
    expect(readFileSync(`${access}.1`, 'utf8')).toContain('/one');
    expect(readFileSync(access, 'utf8')).toContain('/two');
  });

  it('L-55 does not open what that user may not', async () => {
    const authority = new Authority();
    const { cert, key } = authority.issue('main', { subject: '/CN=main', names: 'DNS:localhost' });
    chmodSync(authority.folder, 0o755);
    chmodSync(key, 0o600);
    const log = join(place(), 'error.log');
    const user = ['--user', 'nobody'];
    try {
      const tls = ['-b', 'https://127.0.0.1:0', '--tls-cert', cert, '--tls-key', key];
      expect(await refused(quaich(`${module}:sync`, [...user, ...tls]))).toContain(`cannot read ${key}: EACCES`);
      expect(await refused(quaich(`${module}:sync`, [...user, '--error-log-file', log]))).toContain('EACCES');
      expect(await refused(quaich(`${module}:sync`, [...user, '--access-log-file', log]))).toContain('EACCES');
      expect(existsSync(log)).toBe(false);
    } finally {
      authority.remove();
    }
  });

  it.each([
    [['--user', 'no-such-user'], 'user: there is no user "no-such-user"'],
    [['--group', 'no-such-group'], 'group: there is no group "no-such-group"'],
    [['--user', '54321'], 'user: 54321 is not in the user database: set group as well'],
  ])('L-55 refuses %j', async (argv, message) => {
    expect(await refused(quaich(`${module}:sync`, argv))).toBe(`quaich: ${message}\n`);
  });

  it('L-55 is needed for that', async () => {
    const { status, stderr } = spawnSync(process.execPath, [main, `${module}:sync`, '--user', 'root'], {
      ...{ cwd: '/', uid, gid },
      encoding: 'utf8',
    });
    expect(stderr).toBe('quaich: user: this process has no right to become user "root": start it as root\n');
    expect(status).toBe(2);
  });

  it('L-56 keeps the file of the process that was started, where only root may', async () => {
    const file = join(place(), 'site.pid');
    const command = quaich(`${module}:sync`, ['--user', 'nobody', '--pid-file', file]);
    await ready(command);
    expect(readFileSync(file, 'utf8')).toBe(`${command.child.pid}\n`);
    await stopped(command);
    expect(existsSync(file)).toBe(false);
  });
});

describe.skipIf(process.platform === 'win32')('the file with the id of the process', () => {
  const waiting = `${SITE}
    import { existsSync } from 'node:fs';
    app.startup = () => {
      console.log('starting');
      const word = new Int32Array(new SharedArrayBuffer(4));
      while (!existsSync('go')) Atomics.wait(word, 0, 0, 20);
    };`;

  it.each(['1', '2'])('L-56 is there while requests are answered, with %s processes', async (processes) => {
    const cwd = place({ 'site.mjs': waiting });
    const file = join(cwd, 'site.pid');
    const command = quaich('./site.mjs', ['--pid-file', 'site.pid', '--processes', processes], { cwd });
    await vi.waitFor(() => expect(command.stdout).toContain('starting\n'), 20_000);
    expect(existsSync(file)).toBe(false);
    writeFileSync(join(cwd, 'go'), '');
    await ready(command);
    expect(readFileSync(file, 'utf8')).toBe(`${command.child.pid}\n`);
    expect(ids(statSync(file)).mode).toBe(0o644);
    await stopped(command);
    expect(existsSync(file)).toBe(false);
  });

  it('L-56 is refused where that of a living process stands there, which goes on', async () => {
    const cwd = place({ 'site.mjs': SITE });
    const file = join(cwd, 'site.pid');
    const first = quaich('./site.mjs', ['--pid-file', file], { cwd });
    const [url] = await ready(first);
    const second = quaich('./site.mjs', ['--pid-file', file], { cwd });
    const message = `quaich: pidFile: ${file} is that of process ${first.child.pid}, which is alive\n`;
    expect(await refused(second)).toBe(message);
    expect(readFileSync(file, 'utf8')).toBe(`${first.child.pid}\n`);
    expect((await get(url)).text).toBe('site');
    await stopped(first);
  });

  it('L-56 is replaced where it was left behind', async () => {
    const cwd = place({ 'site.mjs': SITE });
    const file = join(cwd, 'site.pid');
    const killed = quaich('./site.mjs', ['--pid-file', file], { cwd });
    await ready(killed);
    killed.child.kill('SIGKILL');
    await ended(killed);
    expect(readFileSync(file, 'utf8')).toBe(`${killed.child.pid}\n`);
    for (const left of [`${killed.child.pid}\n`, '']) {
      writeFileSync(file, left);
      const command = quaich('./site.mjs', ['--pid-file', file], { cwd });
      await ready(command);
      expect(readFileSync(file, 'utf8')).toBe(`${command.child.pid}\n`);
      await stopped(command);
      expect(existsSync(file)).toBe(false);
    }
  });

  it('L-56 leaves anything else as it is', async () => {
    const cwd = place({ 'site.mjs': SITE });
    const argv = (file: string) => quaich('./site.mjs', ['--pid-file', file], { cwd });
    expect(await refused(argv('site.mjs'))).toMatch(/site\.mjs exists, and does not hold the id of a process\n$/);
    expect(await refused(argv('.'))).toMatch(/exists, and does not hold the id of a process\n$/);
    expect(await refused(argv('/dev/null'))).toMatch(/exists, and does not hold the id of a process\n$/);
    expect(await refused(argv('none/site.pid'))).toMatch(/site\.pid cannot be written: ENOENT/);
    expect(readFileSync(join(cwd, 'site.mjs'), 'utf8')).toBe(SITE);
  });

  it('L-56 is not made by a start that fails', async () => {
    const cwd = place({ 'site.mjs': 'throw new Error("expected")' });
    await refused(quaich('./site.mjs', ['--pid-file', 'site.pid'], { cwd }));
    expect(existsSync(join(cwd, 'site.pid'))).toBe(false);
  });
});

describe.skipIf(process.platform === 'win32')('the umask', () => {
  it('L-57 holds for logs, Unix sockets and the file of the process', async () => {
    const cwd = place({ 'site.mjs': SITE });
    const files = ['--access-log-file', 'access.log', '--error-log-file', 'error.log', '--pid-file', 'site.pid'];
    const command = quaich('./site.mjs', ['--umask', '027', '-b', 'unix:site.sock', ...files], { cwd });
    await ready(command);
    const mode = (name: string): string => ids(statSync(join(cwd, name))).mode.toString(8);
    expect(['access.log', 'error.log', 'site.pid', 'site.sock'].map(mode)).toEqual(['640', '640', '640', '750']);
    await stopped(command);
  });

  it('L-57 holds for several processes', async () => {
    const cwd = place({ 'site.mjs': SITE });
    const command = quaich('./site.mjs', ['--umask', '077', '-b', 'unix:site.sock', '--processes', '2'], { cwd });
    await ready(command);
    expect(ids(statSync(join(cwd, 'site.sock'))).mode).toBe(0o700);
    await stopped(command);
  });
});

describe('the directory', () => {
  const files = {
    'site.mjs': SITE.replace("'site'", "process.cwd() + ' ' + environ.STAGE"),
    'quaich.config.json': '{"apps":["./site.mjs"],"env":{"STAGE":"one"}}',
  };

  it.each([
    ['the flag', true],
    ['the variable', false],
  ])('L-57 is changed by %s ahead of everything, and holds for a reload', async (_, isFlag) => {
    const path = place(files);
    const argv = isFlag ? ['--chdir', path] : [];
    const env: Record<string, string> = isFlag ? {} : { QUAICH_CHDIR: path };
    const command = start([...argv, ...few, '-b', '127.0.0.1:0', '--access-log-file', 'a.log'], { cwd: folder, env });
    const [url] = await ready(command);
    expect(command.stderr).toMatch(/^\/ +\.?\/?.*site\.mjs /);
    expect((await get(url)).text).toBe(`${path} one`);
    expect(existsSync(join(path, 'a.log'))).toBe(true);
    if (process.platform === 'win32') return;
    writeFileSync(join(path, 'quaich.config.json'), files['quaich.config.json'].replace('one', 'two'));
    command.child.kill('SIGHUP');
    await vi.waitFor(() => expect(command.stderr).toContain('reloaded\n'), 20_000);
    expect((await get(url)).text).toBe(`${path} two`);
    await stopped(command);
  });

  it('L-57 may be relative, and has to be there', async () => {
    const checked = spawnSync(process.execPath, [main, '--chdir', basename(place(files)), '--check'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(checked.stdout, checked.stderr).toMatch(/^ok: \/ = .*site\.mjs/);
    expect(await refused(start(['--chdir', 'none'], { cwd: folder }))).toBe(
      `quaich: --chdir: cannot go to ${join(folder, 'none')}: ENOENT\n`,
    );
  });
});
