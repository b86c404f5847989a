/** The PROXY protocol (G-213 to G-215), over real sockets: headers made by hand, and those of HAProxy. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { addresses, binary, IPV6, LOCAL, line, PROXY, tlv } from '../protocols/proxy-headers.ts';
import { WAYS } from './all-ways.ts';
import { Authority } from './certificates.ts';
import { Client, parseResponses } from './client.ts';

const module = fileURLToPath(new URL('./apps/clients.mjs', import.meta.url));
const echo = fileURLToPath(new URL('./apps/tls.mjs', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'quaich-proxy-'));
const authority = new Authority();
const { cert, key } = authority.issue('main', { subject: '/CN=main', names: 'DNS:localhost' });
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
  authority.remove();
});

const running: Server[] = [];
const clients: Client[] = [];
let log = '';
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  await Promise.all(running.splice(0).map((server) => server.close()));
  log = '';
});

async function open(options: Partial<ServeOptions> = {}): Promise<Server> {
  const server = await serve({
    apps: [{ module, export: 'asyncApp', inline: true }],
    bind: 'proxy+127.0.0.1:0',
    trustedProxies: ['loopback', 'unix'],
    tlsCert: cert,
    tlsKey: key,
    syncWorkers: 1,
    asyncWorkers: 1,
    timeoutGraceful: 1000,
    errorLog: { write: (text) => (log += text) },
    ...options,
  });
  running.push(server);
  return server;
}

/** A connection to the TCP or Unix socket of a server, below TLS. */
function connect(url: string): Client {
  const client = new Client(url.replace(/^proxy\+(?:https:)?/, (start) => (start === 'proxy+' ? '' : 'http:')));
  clients.push(client);
  return client;
}

type Told = Record<string, string | true>;

const GET = 'GET /a HTTP/1.1\r\nHost: own.example\r\n';
const LAST = `${GET}Connection: close\r\n\r\n`;

const toldBy = (text: string): Told => JSON.parse(parseResponses(text)[0].body) as Told;

async function ask(server: Server, header: string, fields = ''): Promise<Told> {
  const client = connect(server.url).send(`${header}${GET}Connection: close\r\n${fields}\r\n`);
  return toldBy(await client.all());
}

/** What the server answers to a connection that begins so, until it ends it. */
async function answerTo(server: Server, begin: string): Promise<string> {
  return connect(server.url).send(begin).stayed();
}

const CLIENT = { REMOTE_ADDR: '203.0.113.5', REMOTE_PORT: '4711', SERVER_NAME: '192.0.2.1', SERVER_PORT: '443' };
const four = binary(PROXY, 0x11, addresses('203.0.113.5', '192.0.2.1') + tlv(0x04, 'nothing'));

describe.each(WAYS)('$way', (way) => {
  const apps = [{ module, export: way.export, inline: 'inline' in way }];

  it('G-214 gets the addresses that the header tells, by both versions', async () => {
    const server = await open({ apps });
    expect(server.url).toMatch(/^proxy\+http:\/\/127\.0\.0\.1:\d+$/);
    expect(await ask(server, line())).toMatchObject({ ...CLIENT, 'wsgi.url_scheme': 'http' });
    expect(await ask(server, four)).toMatchObject(CLIENT);
    const six = { ...CLIENT, REMOTE_ADDR: '2001:db8::5', SERVER_NAME: '2001:db8::1' };
    expect(await ask(server, binary(PROXY, 0x21, addresses(...IPV6)))).toMatchObject(six);
  });
});

describe.each([true, false])('direct reads: %s', (directReads) => {
  it('G-213 a header may come in any pieces, and with the first requests', async () => {
    const server = await open({ directReads });
    for (const header of [line(), four]) {
      const all = `${header}${GET}\r\n${LAST}`;
      const cuts = [...header].map((_, at) => at + 1);
      for (const at of cuts) {
        const client = connect(server.url);
        await once(client.socket, 'connect');
        client.send(all.slice(0, at));
        await new Promise((resolve) => setImmediate(resolve));
        client.send(all.slice(at));
        const responses = parseResponses(await client.all());
        expect(responses.map(({ body }) => (JSON.parse(body) as Told).REMOTE_ADDR)).toEqual(
          Array(2).fill('203.0.113.5'),
        );
      }
    }
  });

  it('G-213 a body behind it comes whole, and its connection stays', async () => {
    const body = 'x'.repeat(300_000);
    const server = await open({ directReads, apps: [{ module: echo, export: 'asyncApp', inline: true }] });
    const post = `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const client = connect(server.url).send(four + post + post.replace('Host', 'Connection: close\r\nHost'));
    const responses = parseResponses(await client.all());
    expect(responses.map((response) => response.body === body)).toEqual([true, true]);
  });
});

describe('a header', () => {
  it('G-214 may come over a Unix socket', async () => {
    const server = await open({ bind: `proxy+unix:${join(directory, 'site')}` });
    expect(server.url).toBe(`proxy+unix:${join(directory, 'site')}`);
    const environ = await ask(server, four);
    expect(environ).toMatchObject(CLIENT);
    expect('quaich.unix_socket' in environ).toBe(false);
    expect(await ask(server, binary(LOCAL, 0))).toMatchObject({ 'quaich.unix_socket': true });
  });

  it.each([line(), four])('G-214 goes before TLS: %j', async (header) => {
    const server = await open({ bind: 'proxy+https://127.0.0.1:0' });
    expect(server.url).toMatch(/^proxy\+https:/);
    for (const first of [header.length, 13]) {
      const plain = net.connect(Number(new URL(server.url).port), '127.0.0.1');
      await once(plain, 'connect');
      plain.write(header.slice(0, first), 'latin1');
      await new Promise((resolve) => setImmediate(resolve));
      plain.write(header.slice(first), 'latin1');
      const secure = tls.connect({ socket: plain, rejectUnauthorized: false }).setEncoding('latin1');
      secure.write(LAST);
      let text = '';
      for await (const part of secure) text += part;
      expect(toldBy(text)).toMatchObject({ ...CLIENT, HTTPS: 'on', SSL_PROTOCOL: 'TLSv1.3' });
    }
  });

  it('G-214 may say that the proxy speaks for itself, or does not know its client', async () => {
    const server = await open();
    const fields = 'X-Forwarded-For: 6.6.6.6\r\n';
    // A proxy that is trusted: its own fields count.
    expect(await ask(server, binary(LOCAL, 0x11, addresses('1.1.1.1', '2.2.2.2')))).toMatchObject({
      REMOTE_ADDR: '127.0.0.1',
      SERVER_PORT: new URL(server.url).port,
    });
    for (const header of ['PROXY UNKNOWN\r\n', binary(PROXY, 0x00), binary(PROXY, 0x31, 'x'.repeat(216))]) {
      const environ = await ask(server, header, fields);
      expect(environ).toMatchObject({ HTTP_HOST: 'own.example', SERVER_PORT: new URL(server.url).port });
      for (const name of ['REMOTE_ADDR', 'REMOTE_PORT', 'HTTP_X_FORWARDED_FOR', 'quaich.unix_socket']) {
        expect(name in environ, name).toBe(false);
      }
    }
  });

  it('G-210 G-214 makes its client the peer, whose own fields count where it is trusted, too', async () => {
    const server = await open();
    const fields = 'X-Forwarded-For: 198.51.100.9\r\n';
    const stranger = await ask(server, line(), fields);
    expect(stranger).toMatchObject({ REMOTE_ADDR: '203.0.113.5' });
    expect('HTTP_X_FORWARDED_FOR' in stranger).toBe(false);
    expect(await ask(server, line('127.0.0.8'), fields)).toMatchObject({
      REMOTE_ADDR: '198.51.100.9',
      'quaich.peer_address': '127.0.0.8',
    });
  });

  it('G-212 G-214 tells the access log, and the limit for each address', async () => {
    let text = '';
    const server = await open({
      maxConnectionsPerAddress: 1,
      accessLogFormat: 'common',
      accessLogStream: { write: (lines) => (text += lines) },
    });
    const first = connect(server.url).send(`${line('203.0.113.1')}${GET}\r\n`);
    await first.until((received) => received.includes('REMOTE_ADDR'));
    expect(
      await connect(server.url)
        .send(line('203.0.113.1') + LAST)
        .all(),
    ).toMatch(/^HTTP\/1\.1 503 /);
    expect(
      await connect(server.url)
        .send(line('203.0.113.2') + LAST)
        .all(),
    ).toMatch(/^HTTP\/1\.1 200 /);
    expect(await connect(server.url).send(`PROXY UNKNOWN\r\n${LAST}`).all()).toMatch(/^HTTP\/1\.1 200 /);
    await running.splice(0)[0].close();
    expect(text.split('\n').map((one) => one.split(' ', 1)[0])).toEqual([
      '203.0.113.1',
      '203.0.113.1',
      '203.0.113.2',
      '-',
      '',
    ]);
  });
});

describe('a connection', () => {
  it('G-213 that begins otherwise is closed without a word, told once in a while', async () => {
    const server = await open();
    for (const begin of [
      LAST,
      '\x16\x03\x01',
      'PROXY TCP4 1.1.1.1 2.2.2.2 1 70000\r\n',
      binary(0x31, 0x11),
      line().replace('\r', ''),
    ]) {
      expect(await answerTo(server, begin)).toBe('');
    }
    expect(await ask(server, line())).toMatchObject(CLIENT);
    const expected =
      'quaich: refused a connection from 127.0.0.1, where the PROXY protocol is spoken: it has no header\n';
    expect(log).toBe(expected);
    await running.splice(0)[0].close();
    expect(log).toBe(
      `${expected}quaich: refused 4 connections, the last one from 127.0.0.1, where the PROXY protocol is spoken: its line is malformed\n`,
    );
  });

  it('G-213 of a peer that is not trusted is closed, whatever it says', async () => {
    const server = await open({ trustedProxies: '10.0.0.0/8' });
    expect(await answerTo(server, line() + LAST)).toBe('');
    expect(log).toContain('refused a connection from 127.0.0.1, where the PROXY protocol is spoken: it is not trusted');
    const path = join(directory, 'strange');
    const other = await open({ bind: `proxy+unix:${path}`, trustedProxies: 'loopback' });
    expect(await answerTo(other, line() + LAST)).toBe('');
    expect(log).toContain('from a Unix socket, where the PROXY protocol is spoken: it is not trusted');
  });

  it.each(['proxy+127.0.0.1:0', 'proxy+https://127.0.0.1:0'])(
    'G-215 has a time limit, which no byte extends: %s',
    async (bind) => {
      const server = await open({ bind, timeoutHead: 500 });
      const silent = connect(server.url);
      const slow = connect(server.url);
      const header = binary(PROXY, 0x00, 'x'.repeat(10_000));
      let at = 0;
      const timer = setInterval(() => slow.send(header[at++]), 20);
      try {
        expect(await silent.stayed()).toBe('');
        expect(await slow.stayed()).toBe('');
      } finally {
        clearInterval(timer);
      }
      expect(at).toBeLessThan(header.length);
      expect(log).toContain('its header did not come within 500 ms');
      expect(log.match(/refused/g)).toHaveLength(1);
    },
  );

  it('G-215 counts for the limit of connections before its header has come', async () => {
    const server = await open({ maxConnections: 2 });
    const waiting = [connect(server.url), connect(server.url)];
    await Promise.all(waiting.map(({ socket }) => once(socket, 'connect')));
    expect(await answerTo(server, line() + LAST)).toBe('');
    waiting[0].socket.destroy();
    await vi.waitFor(async () => expect(await ask(server, line())).toMatchObject(CLIENT), 10_000);
  });

  it('G-215 that ends before its header is nothing to tell; one that ends within is', async () => {
    const server = await open();
    for (const begin of ['', 'PROXY ']) {
      const client = connect(server.url);
      if (begin !== '') client.send(begin);
      client.socket.end();
      expect(await client.all()).toBe('');
    }
    const [one, ...others] = log.trim().split('\n');
    expect(one).toContain('it has ended within its header');
    expect(others).toEqual([]);
  });

  it('L-08 holds up no stop while its header is on its way', async () => {
    const server = await open({ timeoutGraceful: 20_000 });
    const waiting = [connect(server.url), connect(server.url).send('PROXY TCP4')];
    await Promise.all(waiting.map(({ socket }) => once(socket, 'connect')));
    expect(await ask(server, line())).toMatchObject(CLIENT); // the others were accepted before
    const stopped = running.splice(0)[0].close();
    expect(await Promise.all(waiting.map((client) => client.stayed()))).toEqual(['', '']);
    await stopped;
  });
});

const hasHaproxy = spawnSync('haproxy', ['-v']).error === undefined;
if (!hasHaproxy) console.warn('haproxy is not installed: its tests are skipped');

/** Ports that are free just now. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Each listens on a port, and for `unix` on a Unix socket. */
const FRONTS = ['send-proxy', 'send-proxy-v2', 'send-proxy-v2-ssl-cn', 'encrypted', 'below', 'unix', 'fields'] as const;

describe.skipIf(!hasHaproxy)('HAProxy', () => {
  const file = (name: string): string => join(directory, name);
  let proxy: ChildProcess;
  let server: Server;
  let ports: number[];
  let told = '';

  beforeAll(async () => {
    server = await serve({
      apps: [{ module, export: 'syncApp' }],
      bind: ['proxy+127.0.0.1:0', 'proxy+https://127.0.0.1:0', `proxy+unix:${file('behind')}`, '127.0.0.1:0'],
      trustedProxies: ['127.0.0.1', 'unix'],
      tlsCert: cert,
      tlsKey: key,
      syncWorkers: 1,
      asyncWorkers: 1,
      errorLog: { write: (text) => (told += text) },
    });
    const [plain, encrypted, , http] = server.urls.map((url) => url.split('/')[2]);
    const backends: Record<(typeof FRONTS)[number], string> = {
      'send-proxy': `${plain} send-proxy check inter 100ms`,
      'send-proxy-v2': `${plain} send-proxy-v2 check inter 100ms`,
      'send-proxy-v2-ssl-cn': `${plain} send-proxy-v2-ssl-cn`,
      encrypted: `${encrypted} send-proxy-v2 ssl verify none`,
      below: `unix@${file('behind')} send-proxy-v2`,
      unix: `${plain} send-proxy`,
      fields: http,
    };
    ports = await freePorts(FRONTS.length);
    const fronts = FRONTS.map((front, index) => {
      const place = front === 'unix' ? `unix@${file('front')}` : `127.0.0.1:${ports[index]}`;
      const mode = front === 'fields' ? 'http\n  option forwardfor' : 'tcp';
      return `listen ${front}\n  bind ${place}\n  mode ${mode}\n  server one ${backends[front]}\n`;
    });
    const limits = ['connect', 'client', 'server'].map((name) => `  timeout ${name} 10s\n`).join('');
    writeFileSync(file('haproxy.cfg'), `defaults\n${limits}${fronts.join('')}`);
    proxy = spawn('haproxy', ['-db', '-f', file('haproxy.cfg')], { stdio: ['ignore', 'inherit', 'inherit'] });
    await vi.waitFor(
      async () => {
        const probe = net.connect(ports[FRONTS.length - 1], '127.0.0.1');
        await once(probe, 'connect').finally(() => probe.destroy());
      },
      { timeout: 10_000 },
    );
  });

  afterAll(async () => {
    const exited = once(proxy, 'exit');
    proxy.kill('SIGKILL');
    await exited;
    await server.close();
    // Neither its connections nor its checks were refused.
    expect(told).toBe('');
  });

  /** What the server knows of a client at 127.0.0.2, and the port of that. */
  async function through(front: (typeof FRONTS)[number]): Promise<{ environ: Told; port: string }> {
    const place =
      front === 'unix'
        ? { path: file('front') }
        : { port: ports[FRONTS.indexOf(front)], host: '127.0.0.1', localAddress: '127.0.0.2' };
    const socket = net.connect(place).setEncoding('latin1');
    await once(socket, 'connect');
    const port = String(socket.localPort);
    socket.write(`${GET}Connection: close\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n`);
    let text = '';
    for await (const part of socket) text += part;
    return { environ: JSON.parse(/\{.*\}/.exec(text)?.[0] ?? text) as Told, port };
  }

  it.each(FRONTS.slice(0, 5))('G-214 G-211 tells of its clients: %s', async (front) => {
    const { environ, port } = await through(front);
    expect(environ).toMatchObject({
      REMOTE_ADDR: '127.0.0.2',
      REMOTE_PORT: port,
      SERVER_NAME: '127.0.0.1',
      SERVER_PORT: String(ports[FRONTS.indexOf(front)]),
      'wsgi.url_scheme': front === 'encrypted' ? 'https' : 'http',
    });
    expect('HTTP_X_FORWARDED_FOR' in environ).toBe(false);
  });

  it('G-214 G-211 does not know a client on a Unix socket', async () => {
    const { environ } = await through('unix');
    expect('REMOTE_ADDR' in environ).toBe(false);
    expect('HTTP_X_FORWARDED_FOR' in environ).toBe(false);
  });

  it('G-210 G-211 tells of its clients by a field, behind what they say themselves', async () => {
    const { environ } = await through('fields');
    expect(environ).toMatchObject({ REMOTE_ADDR: '127.0.0.2', HTTP_X_FORWARDED_FOR: '127.0.0.2' });
  });
});
