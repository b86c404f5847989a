/** Trusted proxies (G-210 to G-212): their fields, by every protocol and way of running an application. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AppOptions, type ServeOptions, type Server, serve } from 'quaich';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import * as fastcgi from '../protocols/fastcgi-client.ts';
import * as scgi from '../protocols/scgi-client.ts';
import { WAYS } from './all-ways.ts';
import { Client, parseResponses } from './client.ts';
import { ended, ready, start } from './command.ts';

const module = fileURLToPath(new URL('./apps/clients.mjs', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'quaich-proxies-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const running: Server[] = [];
afterEach(() => Promise.all(running.splice(0).map((server) => server.close())));

async function open(app: Omit<AppOptions, 'module'>, options: Partial<ServeOptions> = {}): Promise<Server> {
  const server = await serve({
    apps: [{ module, ...app }],
    bind: '127.0.0.1:0',
    trustedProxies: 'loopback',
    syncWorkers: 1,
    asyncWorkers: 1,
    errorLog: { write() {} },
    ...options,
  });
  running.push(server);
  return server;
}

type Told = Record<string, string | true>;

async function ask(url: string, fields: string): Promise<Told> {
  const client = new Client(url).send(`GET /a HTTP/1.1\r\nHost: own.example\r\nConnection: close\r\n${fields}\r\n`);
  return JSON.parse(parseResponses(await client.all())[0].body) as Told;
}

const forwardingFields = (environ: Told): string[] => Object.keys(environ).filter((key) => key.includes('FORWARDED'));

/** The second line is a client's invention, up to the second element. */
const FIELDS = [
  'Forwarded: for=6.6.6.6',
  'X-Forwarded-For: 6.6.6.6, 203.0.113.5, 127.0.0.9',
  'X-Forwarded-Proto: ftp, https, http',
  'X-Forwarded-Host: evil.example, a.example, inner',
  'X-Forwarded-Port: 666, 8443',
  'X-Forwarded-Prefix: /evil, /app',
  '',
].join('\r\n');
const BELIEVED = {
  REMOTE_ADDR: '203.0.113.5',
  'wsgi.url_scheme': 'https',
  HTTPS: 'on',
  HTTP_HOST: 'a.example',
  SERVER_NAME: 'a.example',
  SERVER_PORT: '8443',
  SCRIPT_NAME: '/app',
  PATH_INFO: '/a',
  HTTP_X_FORWARDED_FOR: '203.0.113.5, 127.0.0.9',
  HTTP_X_FORWARDED_PROTO: 'https, http',
  HTTP_X_FORWARDED_HOST: 'a.example, inner',
  HTTP_X_FORWARDED_PORT: '8443',
  HTTP_X_FORWARDED_PREFIX: '/app',
};
const ALL = ['x-forwarded', 'host', 'port', 'prefix'];

/** The same as variables of a front server, which REMOTE_ADDR has asked. */
function variables(peer: string): Record<string, string> {
  const fields = FIELDS.split('\r\n').filter((line) => line !== '');
  const pairs = fields.map((line) => [variableOf(line.slice(0, line.indexOf(':'))), line.slice(line.indexOf(' ') + 1)]);
  const own = { REQUEST_URI: '/a', PATH_INFO: '/a', REMOTE_ADDR: peer, HTTP_HOST: 'own.example' };
  return { ...own, ...Object.fromEntries(pairs) };
}

const variableOf = (name: string): string => `HTTP_${name.toUpperCase().replaceAll('-', '_')}`;

describe.each(WAYS)('$way', (way) => {
  const app = { export: way.export, inline: 'inline' in way };

  it('G-210 G-211 is told what trusted proxies say of the client, and nothing left of that', async () => {
    const server = await open(app, { trustedFields: ALL });
    const environ = await ask(server.url, FIELDS);
    expect(environ).toMatchObject({ ...BELIEVED, 'quaich.peer_address': '127.0.0.1' });
    expect(JSON.stringify(environ)).not.toMatch(/6\.6\.6\.6|evil|ftp|666/);
  });

  it('G-211 is told nothing that others say', async () => {
    const server = await open(app, { trustedProxies: ['10.0.0.0/8', 'unix'], trustedFields: ALL });
    const environ = await ask(server.url, FIELDS);
    expect(environ).toMatchObject({ REMOTE_ADDR: '127.0.0.1', 'wsgi.url_scheme': 'http', HTTP_HOST: 'own.example' });
    expect(forwardingFields(environ)).toEqual([]);
    expect(environ).toMatchObject({ SCRIPT_NAME: '', 'quaich.peer_address': '127.0.0.1' });
  });

  it('G-210 G-176 goes by the address that a front server tells, by FastCGI and by SCGI', async () => {
    const server = await open(app, { bind: ['fastcgi://127.0.0.1:0', 'scgi://127.0.0.1:0'], trustedFields: ALL });
    const asked = async (peer: string): Promise<Told[]> => {
      const fast = new Client(server.urls[0]).send(fastcgi.request(1, variables(peer), { keep: false }));
      const simple = new Client(server.urls[1]).send(scgi.request(variables(peer)));
      const { records } = fastcgi.readRecords(await fast.stayed());
      const texts = [fastcgi.contentOf(records, fastcgi.STDOUT, 1), await simple.all()];
      fast.socket.destroy();
      return texts.map((text) => JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)) as Told);
    };
    for (const environ of await asked('127.0.0.7')) {
      expect(environ).toMatchObject({ ...BELIEVED, 'quaich.peer_address': '127.0.0.7' });
    }
    for (const environ of await asked('198.51.100.7')) {
      expect(environ).toMatchObject({
        REMOTE_ADDR: '198.51.100.7',
        HTTP_HOST: 'own.example',
        'wsgi.url_scheme': 'http',
      });
      expect(forwardingFields(environ)).toEqual([]);
    }
  });

  it('G-210 takes Forwarded in place of them, from peers on a Unix socket', async () => {
    const path = join(directory, way.export + String('inline' in way));
    const server = await open(app, { bind: `unix:${path}`, trustedProxies: 'unix', trustedFields: 'forwarded,host' });
    const fields = `X-Forwarded-For: 6.6.6.6\r\nForwarded: for=203.0.113.5;host=a.example;proto=https\r\n`;
    const environ = await ask(server.url, fields);
    expect(environ).toMatchObject({ REMOTE_ADDR: '203.0.113.5', HTTP_HOST: 'a.example', SERVER_PORT: '443' });
    expect(forwardingFields(environ)).toEqual(['HTTP_FORWARDED']);
    expect(environ['quaich.peer_address']).toBe(undefined);
  });

  it('G-39 leaves all fields as they are where no proxy is trusted', async () => {
    const environ = await ask((await open(app, { trustedProxies: [] })).url, FIELDS);
    expect(environ).toMatchObject({
      REMOTE_ADDR: '127.0.0.1',
      HTTP_X_FORWARDED_FOR: '6.6.6.6, 203.0.113.5, 127.0.0.9',
      HTTP_FORWARDED: 'for=6.6.6.6',
    });
    expect('quaich.peer_address' in environ).toBe(false);
  });
});

describe('adapters', () => {
  it.each([true, false])('G-210 G-211 get the same (inline: %s)', async (inline) => {
    const trustedFields = ['x-forwarded', 'host'];
    const node = await open({ export: 'listener', adapt: 'node', inline }, { trustedFields });
    const fetched = await open({ export: 'handler', adapt: 'fetch', inline }, { trustedFields });
    expect(await ask(node.url, FIELDS)).toEqual({
      REMOTE_ADDR: '203.0.113.5',
      HTTP_X_FORWARDED_FOR: '203.0.113.5, 127.0.0.9',
      HTTP_HOST: 'a.example',
    });
    expect(await ask(fetched.url, FIELDS)).toEqual({
      HTTP_X_FORWARDED_FOR: '203.0.113.5, 127.0.0.9',
      url: 'https://a.example/a',
    });
  });
});

describe('the access log', () => {
  it('G-212 has the address that applications get, by every protocol', async () => {
    let text = '';
    const server = await open(
      { export: 'asyncApp', inline: true },
      {
        bind: ['127.0.0.1:0', 'fastcgi://127.0.0.1:0', 'scgi://127.0.0.1:0'],
        accessLogFormat: 'common',
        accessLogStream: { write: (line) => (text += line) },
      },
    );
    const lines = async (): Promise<string[]> => {
      await running.splice(0)[0].close();
      return text.split('\n').map((line) => line.split(' ', 1)[0]);
    };
    await ask(server.url, FIELDS);
    await ask(server.url, 'X-Forwarded-For: 6.6.6.6"\xe9\r\n');
    await ask(server.url, 'X-Forwarded-For: 2001:DB8:0::5\r\n');
    const fast = new Client(server.urls[1]).send(fastcgi.request(1, variables('127.0.0.7'), { keep: false }));
    await fast.stayed();
    fast.socket.destroy();
    await new Client(server.urls[2]).send(scgi.request(variables('127.0.0.7'))).all();
    await new Client(server.urls[2]).send(scgi.request(variables('198.51.100.7'))).all();
    await new Client(server.urls[2]).send(scgi.request(variables('no\naddress "x'))).all();
    expect(await lines()).toEqual([
      '203.0.113.5',
      '127.0.0.1',
      '2001:db8::5',
      '203.0.113.5',
      '203.0.113.5',
      '198.51.100.7',
      'no\\x0aaddress\\x20\\"x',
      '',
    ]);
  });
});

describe('the settings', () => {
  const FORWARDED_ALLOW_IPS = '10.0.0.1, 127.0.0.0/8';

  it.each<[Record<string, string>, string[], string]>([
    [{ FORWARDED_ALLOW_IPS }, [], '203.0.113.5'],
    [{ FORWARDED_ALLOW_IPS, QUAICH_TRUSTED_PROXIES: '10.0.0.1' }, [], '127.0.0.1'],
    [{ FORWARDED_ALLOW_IPS }, ['--trusted-proxies', '10.0.0.1,10.0.0.2'], '127.0.0.1'],
  ])('G-210 FORWARDED_ALLOW_IPS counts where there is nothing else: %j %j', async (env, argv, address) => {
    const [url] = await ready(
      start([`${module}:syncApp`, '--bind', '127.0.0.1:0', '--sync-workers', '1', ...argv], { env }),
    );
    expect(await ask(url, FIELDS)).toMatchObject({ REMOTE_ADDR: address });
  });

  it.each([
    [{ FORWARDED_ALLOW_IPS: '*' }, [], 'FORWARDED_ALLOW_IPS: expected the addresses of your proxies'],
    [{}, ['--trusted-proxies', '10.0.0.0/33'], 'trustedProxies: "10.0.0.0/33" is no address, CIDR block'],
    [{}, ['--trusted-proxies', ','], '--trusted-proxies: expected addresses such as'],
    [{}, ['--trusted-fields', 'host'], '--trusted-fields: expected x-forwarded or forwarded'],
    [{}, ['--trusted-fields', 'x-forwarded,forwarded'], '--trusted-fields: expected x-forwarded or forwarded'],
    [{}, ['--trusted-fields', 'x-forwarded,for'], '--trusted-fields: expected x-forwarded or forwarded'],
    [{}, ['--bind', 'proxy+127.0.0.1:0'], 'bind "proxy+127.0.0.1:0": set trustedProxies'],
    [{}, ['--status', 'proxy+127.0.0.1:0'], '--status: expected an address for HTTP'],
  ])('G-210 are refused at the start: %j %j', async (env, argv, message) => {
    const { code, stderr } = await ended(start([`${module}:syncApp`, ...argv], { env }));
    expect([code, stderr]).toEqual([2, expect.stringContaining(`quaich: ${message}`)]);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('L-27 need a new start to change', async () => {
    const server = await open({ export: 'syncApp' });
    const options = { apps: [{ module, export: 'syncApp' }], bind: '127.0.0.1:0', syncWorkers: 1, asyncWorkers: 1 };
    const changed = await server.reload({ ...options, trustedProxies: '10.0.0.1', errorLog: { write() {} } });
    expect(changed).toEqual(['trustedProxies']);
    expect(await ask(server.url, FIELDS)).toMatchObject({ REMOTE_ADDR: '203.0.113.5' });
    const bad = server.reload({ ...options, trustedProxies: 'nowhere' });
    await expect(bad).rejects.toThrow('"nowhere" is no address');
  });
});
