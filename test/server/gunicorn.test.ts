/** gunicorn beside Quaich, as examples/python/gunicorn.js has it: started, watched, passed on to, and ended. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { Client, header, parseResponses, talk, type WireResponse } from './client.ts';
import { type Command, ended, ready, start } from './command.ts';
import { isInstalled } from './deployment.ts';

const isThere = isInstalled('gunicorn', '--version');
const example = fileURLToPath(new URL('../../examples/python/gunicorn.js', import.meta.url));
const apps = fileURLToPath(new URL('./apps', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'quaich-beside-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const ENV = {
  GUNICORN_APP: 'gunicorn_site:app',
  GUNICORN_CMD_ARGS: `--chdir ${apps}`,
  PYTHONDONTWRITEBYTECODE: '1',
};
const LONG = { timeout: 30_000, interval: 20 };

interface Beside {
  command: Command;
  url: string;
  /** Where the sockets lie. */
  sockets: string;
}

let count = 0;
/** Quaich with a gunicorn of one worker beside it. */
async function open(env: Record<string, string> = {}, mount = '/py'): Promise<Beside> {
  const sockets = join(folder, String(count++));
  mkdirSync(sockets);
  const command = start([`${mount}=${example}`, '--bind', '127.0.0.1:0', '--async-workers', '1'], {
    env: { ...ENV, GUNICORN_CMD_ARGS: `${ENV.GUNICORN_CMD_ARGS} --error-logfile /dev/null`, TMPDIR: sockets, ...env },
  });
  const [url] = await ready(command);
  return { command, url, sockets };
}

async function request(url: string, text: string): Promise<WireResponse> {
  const method = text.slice(0, text.indexOf(' '));
  return parseResponses(await talk(url, text.replace('\r\n', '\r\nHost: site.test\r\nConnection: close\r\n')), [
    method,
  ])[0];
}
const get = (url: string, path: string, fields = '') => request(url, `GET ${path} HTTP/1.1\r\n${fields}\r\n`);

/** The process of gunicorn, which its workers have been started by. */
const masterOf = async (url: string): Promise<number> => Number((await get(url, '/py/pid')).body);

function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout !== '' && !stdout.startsWith('Z');
}
const isGone = (pid: number) => vi.waitFor(() => expect(isAlive(pid)).toBe(false), LONG);

describe.skipIf(!isThere)('gunicorn beside Quaich', { timeout: 60_000 }, () => {
  it('gets requests as the client has sent them, and its answers go back as they are', async () => {
    const { command, url, sockets } = await open();
    const echoed = await request(url, 'POST /py/echo HTTP/1.1\r\nContent-Length: 9\r\n\r\nsome\xffdata');
    expect(echoed.statusLine).toBe('HTTP/1.1 299 Very Well');
    expect(echoed.headers).toEqual(
      expect.arrayContaining([
        ...[
          ['Set-Cookie', 'a=1'],
          ['Set-Cookie', 'b=2'],
          ['X-L', 'caf\xe9'],
        ],
        ['Server', expect.stringMatching(/^gunicorn/)],
      ]),
    );
    expect([echoed.body, echoed.complete]).toEqual(['some\xffdata', true]);
    const chunks = '4\r\nin c\r\n5\r\nhunks\r\n0\r\n\r\n';
    for (const method of ['POST', 'GET'])
      expect(
        (await request(url, `${method} /py/echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`)).body,
      ).toBe('in chunks');
    const large = 'x'.repeat(5_000_000);
    const copied = await request(url, `POST /py/echo HTTP/1.1\r\nContent-Length: ${large.length}\r\n\r\n${large}`);
    expect(copied.body === large).toBe(true);
    expect((await get(url, '/py/thread')).body).toBe('from a thread');
    const head = await request(url, 'HEAD /py/thread HTTP/1.1\r\n\r\n');
    expect([head.status, header(head, 'Content-Length'), head.body]).toEqual([200, '13', '']);
    expect((await get(url, '/py/nothing')).status).toBe(404);
    const broken = await get(url, '/py/break');
    expect([broken.body, broken.complete]).toEqual(['half', false]);

    const master = await masterOf(url);
    command.child.kill('SIGTERM');
    expect((await ended(command)).code).toBe(0);
    expect(isAlive(master)).toBe(false);
    expect(readdirSync(sockets)).toEqual([]);
  });

  it('knows the mount, the host and the client, and believes no client about itself', async () => {
    const { url } = await open();
    const forged = [
      'X-Forwarded-For: 192.0.2.1',
      'X-Forwarded-Proto: https',
      'Forwarded: for=192.0.2.1',
      'Script-Name: /x',
    ];
    const fields = `${forged.join('\r\n')}\r\nX-Hop: 1\r\n`;
    const seen = JSON.parse((await get(url, '/py/environ?a=%20b', fields)).body);
    expect(seen).toMatchObject({
      ...{ SCRIPT_NAME: '/py', PATH_INFO: '/environ', QUERY_STRING: 'a=%20b', HTTP_HOST: 'site.test', HTTP_X_HOP: '1' },
      ...{ HTTP_X_FORWARDED_FOR: '127.0.0.1', HTTP_X_FORWARDED_PROTO: 'http', 'wsgi.url_scheme': 'http' },
    });
    expect(seen).not.toHaveProperty('HTTP_FORWARDED');
  });

  it('takes percent-encoded mounts', async () => {
    const { url } = await open({}, '/caf\u00e9');
    const seen = JSON.parse((await get(url, '/caf%C3%A9/environ')).body);
    expect(seen).toMatchObject({ SCRIPT_NAME: '/caf%C3%A9', PATH_INFO: '/environ' });
  });

  it('is started again when it has been killed, and others get 503 meanwhile', async () => {
    const { command, url } = await open();
    const master = await masterOf(url);
    process.kill(master, 'SIGKILL');
    await vi.waitFor(
      () => expect(command.stderr).toMatch(/gunicorn ended with SIGKILL: it is started again in 100 ms/),
      LONG,
    );
    const refused: WireResponse[] = [];
    await vi.waitFor(async () => {
      const answer = await get(url, '/py/pid');
      if (answer.status === 503) refused.push(answer);
      expect(answer.status).toBe(200);
      expect(Number(answer.body)).not.toBe(master);
    }, LONG);
    for (const answer of refused) expect(header(answer, 'Retry-After')).toBe('1');
  });

  it('ends with Quaich, also when that is killed', async () => {
    const { command, url, sockets } = await open();
    const master = await masterOf(url);
    command.child.kill('SIGKILL');
    await isGone(master);
    expect(readdirSync(sockets)).toEqual([]);
  });

  it('is loaded anew by a reload, beside the one of before', async () => {
    const { command, url } = await open();
    const master = await masterOf(url);
    command.child.kill('SIGHUP');
    await vi.waitFor(() => expect(command.stderr).toContain('reloaded\n'), LONG);
    expect(await masterOf(url)).not.toBe(master);
    await isGone(master);
  });

  it('learns that a client has gone', async () => {
    const { url } = await open();
    const file = join(folder, 'closed');
    const client = new Client(url).send(`GET /py/closed?${file} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await client.until((received) => received.length > 100_000);
    client.socket.resetAndDestroy();
    await vi.waitFor(() => expect(existsSync(file)).toBe(true), LONG);
  });

  it.each([
    [
      'an application that does not load',
      { GUNICORN_APP: 'gunicorn_nothing:app' },
      'ended with exit code 3, before it was ready',
    ],
    ['no application', { GUNICORN_APP: '' }, 'GUNICORN_APP must name the Python application'],
    ['no gunicorn', { PATH: '/nowhere' }, 'does not start: spawn gunicorn ENOENT'],
  ])('says why it does not start: %s', async (_what, env, reason) => {
    const command = start([example, '--bind', '127.0.0.1:0', '--async-workers', '1'], {
      env: { ...ENV, TMPDIR: folder, ...env },
    });
    const { code, stderr } = await ended(command);
    expect(stderr).toContain(reason);
    expect(code).toBe(1);
  });
});
