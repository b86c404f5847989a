/** TLS (G-38, G-200 to G-206), with real clients: node:tls, curl and openssl. */
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { connectionInfo } from '../../src/environ/peer.ts';
import type { Connection } from '../../src/protocols/connection.ts';
import { Acceptor, goesOver, unsentBytes } from '../../src/server/accept.ts';
import { type SocketContext, SocketHost } from '../../src/server/socket-host.ts';
import { WAYS } from './all-ways.ts';
import { Authority, type Issued } from './certificates.ts';
import { Client, parseResponses, talk } from './client.ts';
import { ended, ready, start } from './command.ts';
import { inProgress, settled } from './scrape.ts';

const run = promisify(execFile);
const module = fileURLToPath(new URL('./apps/tls.mjs', import.meta.url));
const ends = fileURLToPath(new URL('./apps/ends.mjs', import.meta.url));

const authority = new Authority();
const stranger = new Authority('Stranger');
const main = authority.issue('main', { subject: '/CN=main', names: 'DNS:localhost,DNS:a.example,IP:127.0.0.1' });
const other = authority.issue('other', { subject: '/CN=other', names: 'DNS:b.example,DNS:*.c.example' });
const client = authority.issue('client', {
  subject: '/C=DE/O=Müller, Söhne/OU=one/OU=two/CN=client\\+1+UID=7/emailAddress=c@a.example',
  names: 'DNS:client.example,email:c@a.example,URI:urn:x,email:d@a.example',
});
const intruder = stranger.issue('client', { subject: '/CN=client' });

const running: Server[] = [];
const sockets: net.Socket[] = [];
let log = '';

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(running.splice(0).map((server) => server.close()));
  log = '';
});

afterAll(() => {
  authority.remove();
  stranger.remove();
});

async function secure(options: Partial<ServeOptions> = {}, { cert, key }: Issued = main): Promise<Server> {
  const server = await serve({
    apps: [{ module, export: 'asyncApp', inline: true }],
    bind: 'https://127.0.0.1:0',
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

/** What listens, in this process or another. */
type Place = Pick<Server, 'url'>;

const portOf = ({ url }: Place) => Number(new URL(url).port);
const get = (path: string, fields = '') => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${fields}\r\n`;

/** A socket of TLS once its handshake is over; rejects where that fails. */
async function connect(server: Place, options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
  const ca = readFileSync(authority.ca);
  const socket = tls.connect({ port: portOf(server), host: '127.0.0.1', ca, servername: 'a.example', ...options });
  sockets.push(socket);
  await once(socket, 'secureConnect');
  socket.on('error', () => {});
  return socket;
}

/** A session that the server gives a client to come back with. */
async function sessionOf(server: Server, options: tls.ConnectionOptions): Promise<Buffer> {
  const ca = readFileSync(authority.ca);
  const socket = tls.connect({ port: portOf(server), host: '127.0.0.1', ca, ...options });
  sockets.push(socket);
  const session = once(socket, 'session');
  socket.write(get('/environ'));
  return (await session)[0];
}

/** What the server makes of a client, by the application's environ; null where it closes without an answer. */
async function environOf(server: Place, options: tls.ConnectionOptions = {}): Promise<Record<string, string> | null> {
  let text = '';
  try {
    const socket = (await connect(server, options)).setEncoding('latin1');
    socket.write(get('/environ', 'Connection: close\r\n'));
    for await (const part of socket) text += part;
  } catch {
    // Refused.
  }
  return text === '' ? null : JSON.parse(Buffer.from(parseResponses(text)[0].body, 'latin1').toString());
}

const withCertificate = ({ cert, key }: Issued) => ({ cert: readFileSync(cert), key: readFileSync(key) });

/** The common name of the certificate that a client gets. */
async function nameOf(server: Place, servername = 'a.example'): Promise<string> {
  const socket = await connect(server, { servername, checkServerIdentity: () => undefined });
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(CN);
}

describe.each(WAYS)('$way', (one) => {
  const serveIt = (options: Partial<ServeOptions> = {}) =>
    secure({ apps: [{ module, export: one.export, inline: 'inline' in one }], ...options });

  test('G-38 G-41 G-202 the environ tells of the connection', async () => {
    const server = await serveIt();
    expect(await environOf(server)).toEqual({
      HTTPS: 'on',
      'wsgi.url_scheme': 'https',
      SSL_PROTOCOL: 'TLSv1.3',
      SSL_CIPHER: expect.stringMatching(/^TLS_/),
      SSL_SESSION_RESUMED: 'Initial',
      SSL_TLS_SNI: 'a.example',
      SSL_CLIENT_VERIFY: 'NONE',
    });
  });

  test('G-202 and of the certificate of its client, in the forms of mod_ssl', async () => {
    const server = await serveIt({ tlsClientCert: 'optional', tlsCa: authority.ca });
    const certificate = new X509Certificate(readFileSync(client.cert));
    const argv = ['x509', '-in', client.cert, '-noout', '-subject', '-nameopt', 'RFC2253'];
    const subject = await run('openssl', argv);
    expect(subject.stdout).toContain('UID=7+CN=client\\+1,OU=two,OU=one,O=M\\C3\\BCller\\, S');
    expect(await environOf(server, withCertificate(client))).toMatchObject({
      SSL_CLIENT_VERIFY: 'SUCCESS',
      SSL_CLIENT_M_SERIAL: certificate.serialNumber,
      SSL_CLIENT_V_START: certificate.validFrom,
      SSL_CLIENT_V_END: certificate.validTo,
      SSL_CLIENT_S_DN: subject.stdout.slice('subject='.length, -1),
      SSL_CLIENT_S_DN_C: 'DE',
      SSL_CLIENT_S_DN_O: Buffer.from('Müller, Söhne').toString('latin1'),
      SSL_CLIENT_S_DN_OU: 'one',
      SSL_CLIENT_S_DN_OU_1: 'two',
      SSL_CLIENT_S_DN_CN: 'client+1',
      SSL_CLIENT_S_DN_UID: '7',
      SSL_CLIENT_S_DN_Email: 'c@a.example',
      SSL_CLIENT_I_DN: 'CN=Test',
      SSL_CLIENT_I_DN_CN: 'Test',
      SSL_CLIENT_SAN_DNS_0: 'client.example',
      SSL_CLIENT_SAN_Email_0: 'c@a.example',
      SSL_CLIENT_SAN_Email_1: 'd@a.example',
      SSL_CLIENT_CERT: certificate.toString(),
    });
  });

  test('G-206 large bodies go through in both directions', async () => {
    const server = await serveIt();
    const body = 'abcdefgh'.repeat(400_000);
    const post = `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const [echoed, zeros] = parseResponses(await talk(server.url, post + get('/zeros?20')));
    expect(echoed.complete && echoed.body === body).toBe(true);
    expect(zeros.complete && zeros.body === 'x'.repeat(20 * 1024 ** 2)).toBe(true);
  });

  test('G-206 a response that breaks off is an error, also where its end would be that of the connection', async () => {
    const server = await serveIt();
    const old = new Client(server.url).send('GET /breaks HTTP/1.0\r\n\r\n');
    expect(await old.all()).toContain('part');
    expect(old.error).toMatchObject({ code: 'ECONNRESET' });
    const [chunked] = parseResponses(await new Client(server.url).send(get('/breaks')).all());
    expect(chunked).toMatchObject({ body: 'part', complete: false });
  });

  test('G-206 B-37 G-48 a client that goes is noticed, whether it says so or not', async () => {
    if (one.export.startsWith('bridged')) return; // of bridges the tests of bridges tell
    const apps = [{ module: ends, export: one.async ? 'asyncApp' : 'app', inline: 'inline' in one }];
    const server = await serveIt({ apps });
    const ways: [string, (socket: net.Socket, secured: tls.TLSSocket) => void, behind?: string][] = [
      ['closes', (socket) => socket.destroy()],
      ['resets', (socket) => socket.resetAndDestroy()],
      ['ends-and-resets', (socket, secured) => secured.end(() => setTimeout(() => socket.resetAndDestroy(), 100))],
      // What nobody reads.
      ['resets-unread', (socket) => socket.resetAndDestroy(), get('/').repeat(20_000)],
    ];
    for (const [how, leave, behind = ''] of ways) {
      const file = join(authority.folder, `${one.way.replace(' ', '-')}-${how}`);
      const socket = net.connect(portOf(server), '127.0.0.1');
      const secured = tls.connect({ socket, rejectUnauthorized: false });
      secured.on('error', () => {});
      secured.write(get(`/begun?${file}`) + behind);
      await once(secured, 'data');
      leave(socket, secured);
      await vi.waitFor(() => expect(readFileSync(file, 'utf8')).toBe('QUAICH_CLIENT_DISCONNECTED'), {
        timeout: 10_000,
      });
    }
  });
});

describe('handshakes', () => {
  test('G-200 TLS 1.2 and later, HTTP/1.1 by ALPN, nothing else', async () => {
    const server = await secure();
    const protocols = async (options: tls.ConnectionOptions) => {
      const socket = await connect(server, options);
      return `${socket.getProtocol()} ${socket.alpnProtocol}`;
    };
    expect(await protocols({ maxVersion: 'TLSv1.2' })).toBe('TLSv1.2 false');
    expect(await protocols({ ALPNProtocols: ['h2', 'http/1.1'] })).toBe('TLSv1.3 http/1.1');
    await expect(protocols({ ALPNProtocols: ['h2'] })).rejects.toThrow();
    const ciphers = 'DEFAULT@SECLEVEL=0';
    await expect(protocols({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers })).rejects.toThrow();
  });

  test('G-200 the certificate with the name that is asked for, else the first', async () => {
    const server = await secure({ tlsCert: [main.cert, other.cert], tlsKey: [main.key, other.key] });
    expect(await nameOf(server)).toBe('main');
    expect(await nameOf(server, 'b.example')).toBe('other');
    expect(await nameOf(server, 'x.c.example')).toBe('other');
    expect(await nameOf(server, 'x.y.c.example')).toBe('main');
    expect(await nameOf(server, '')).toBe('main');
    expect((await environOf(server, { servername: 'b.example' }))?.SSL_TLS_SNI).toBe('b.example');
  });

  test('G-200 real clients: curl, openssl', async () => {
    const server = await secure();
    const url = `https://a.example:${portOf(server)}/environ`;
    const resolve = ['--resolve', `a.example:${portOf(server)}:127.0.0.1`, '--cacert', authority.ca];
    const curl = await run('curl', ['-sS', '--max-time', '10', ...resolve, url]);
    expect(JSON.parse(curl.stdout)).toMatchObject({ HTTPS: 'on', SSL_TLS_SNI: 'a.example' });
    await expect(run('curl', ['-sS', '--tls-max', '1.1', ...resolve, url])).rejects.toThrow();
    // `R` asks for another handshake, which would change what environs have said.
    const argv = ['s_client', '-tls1_2', '-connect', `127.0.0.1:${portOf(server)}`];
    const s_client = run('openssl', argv, { timeout: 10_000 });
    s_client.child.stdin?.write('R\n');
    const failure = await s_client.catch((error: { stdout: string; stderr: string }) => error);
    expect(failure.stdout + failure.stderr).toMatch(/no renegotiation/i);
  });

  test('G-202 a name of any bytes does no harm', async () => {
    const server = await secure({ apps: [{ module, export: 'syncApp' }], logLevel: 'debug' });
    const quiet = { checkServerIdentity: () => undefined };
    for (const byte of ['"', '\\', '\x01', '\n', 'é']) {
      const environ = await environOf(server, { ...quiet, servername: byte.repeat(255 / Buffer.byteLength(byte)) });
      if (environ === null) expect(log).toContain('handshake failed');
      else expect(environ.SSL_CLIENT_VERIFY).toBe('NONE');
    }
    expect((await environOf(server))?.SSL_TLS_SNI).toBe('a.example');
    expect(log).not.toContain('connection was dropped');
  });

  test('G-204 one that is slow is cut, also where bytes drip in', async () => {
    const server = await secure({ timeoutHead: 400, logLevel: 'debug' });
    const silent = new Client(server.url.replace('https', 'http'));
    const dripping = new Client(server.url.replace('https', 'http'));
    const hello = '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03';
    let sent = 0;
    const drip = setInterval(() => dripping.send(hello[sent++ % hello.length]), 50);
    const begun = performance.now();
    expect(await Promise.all([silent.all(), dripping.all()])).toEqual(['', '']);
    clearInterval(drip);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(400);
    await vi.waitFor(() => expect(log.match(/handshake failed.*longer than 400 ms/g)).toHaveLength(2), 10_000);
  });

  test('G-204 one that fails is told to those only who look for it', async () => {
    for (const [logLevel, lines] of [
      ['info', 0],
      ['debug', 2],
    ] as const) {
      const server = await secure({ logLevel });
      await talk(server.url.replace('https', 'http'), 'nonsense\r\n\r\n');
      await connect(server, { ca: [] }).catch(() => {});
      await connect(server, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }).catch(
        () => {},
      );
      net.connect(portOf(server), '127.0.0.1').destroy();
      await talk(server.url, get('/environ'));
      if (lines > 0) await vi.waitFor(() => expect(log.split('\n').length).toBeGreaterThan(lines), 10_000);
      for (const line of log.split('\n').slice(0, -1))
        expect(line).toMatch(/^quaich: a TLS handshake failed \(.+\): ./);
      if (lines === 0) expect(log).toBe('');
    }
  });

  test('G-205 plain HTTP gets an answer', async () => {
    const server = await secure();
    const plain = server.url.replace('https', 'http');
    const [answer] = parseResponses(await talk(plain, get('/environ')));
    expect(answer).toMatchObject({ status: 400, complete: true, body: expect.stringContaining('https') });
    const curl = await run('curl', ['-sS', '--max-time', '10', '-d', 'x'.repeat(100), plain]);
    expect(curl.stdout).toContain('https');
    expect((await environOf(server))?.HTTPS).toBe('on');
  });

  test('G-204 counts for the limit of connections, and goes with the server', async () => {
    const server = await secure({ maxConnections: 1, timeoutGraceful: 20_000 });
    const first = new Client(server.url.replace('https', 'http'));
    await once(first.socket, 'connect');
    await expect(connect(server)).rejects.toThrow();
    const begun = performance.now();
    await server.close();
    expect(await first.all()).toBe('');
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});

describe('certificates of clients', () => {
  const asked = (tlsClientCert: 'optional' | 'required') =>
    secure({ tlsClientCert, tlsCa: authority.ca, logLevel: 'debug' });

  test('G-201 none, where it is optional; never a bad one', async () => {
    const server = await asked('optional');
    expect(await environOf(server)).toMatchObject({ SSL_CLIENT_VERIFY: 'NONE' });
    expect(await environOf(server, withCertificate(client))).toMatchObject({ SSL_CLIENT_VERIFY: 'SUCCESS' });
    expect(await environOf(server, withCertificate(intruder))).toBe(null);
    expect(log).toMatch(/its certificate: \w+/);
  });

  test('G-201 one by --tls-ca, where it is required', async () => {
    const server = await asked('required');
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      expect(await environOf(server, { maxVersion })).toBe(null);
      expect(await environOf(server, { maxVersion, ...withCertificate(intruder) })).toBe(null);
      expect(await environOf(server, { maxVersion, ...withCertificate(client) })).toMatchObject({
        SSL_CLIENT_VERIFY: 'SUCCESS',
      });
    }
  });

  test('G-201 a session that is resumed has the certificate of its first handshake, or none', async () => {
    const server = await secure({
      tlsCert: [main.cert, other.cert],
      tlsKey: [main.key, other.key],
      tlsClientCert: 'optional',
      tlsCa: authority.ca,
    });
    for (const servername of ['a.example', 'b.example']) {
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        for (const [own, verified] of [
          [withCertificate(client), 'SUCCESS'],
          [{}, 'NONE'],
        ] as const) {
          const options = { servername, maxVersion, ...own };
          const session = await sessionOf(server, options);
          expect(await environOf(server, { ...options, session })).toMatchObject({
            SSL_SESSION_RESUMED: 'Resumed',
            SSL_CLIENT_VERIFY: verified,
          });
        }
      }
    }
  });
});

describe('renewal', () => {
  /** Files that one certificate after the other is put into. */
  function place(name: string): Issued & { put(issued: Issued): void } {
    const files = { cert: join(authority.folder, `${name}.pem`), key: join(authority.folder, `${name}.key`) };
    const put = (issued: Issued) => {
      copyFileSync(issued.key, files.key);
      copyFileSync(issued.cert, files.cert);
    };
    put(main);
    return { ...files, put };
  }

  test('G-203 new connections get new certificates soon, those before go on', async () => {
    const files = place('renewed');
    const server = await secure({}, files);
    const socket = (await connect(server)).setEncoding('latin1');
    files.put(other);
    await vi.waitFor(async () => expect(await nameOf(server, 'b.example')).toBe('other'), { timeout: 8000 });
    expect(log).toContain('were read again');
    socket.write(get('/environ', 'Connection: close\r\n'));
    let text = '';
    for await (const part of socket) text += part;
    expect(parseResponses(text)[0].status).toBe(200);
  });

  test('G-203 links that lead elsewhere count as changes', async () => {
    const folder = join(authority.folder, 'links');
    for (const [version, issued] of Object.entries({ one: main, two: other })) {
      mkdirSync(join(folder, version), { recursive: true });
      copyFileSync(issued.cert, join(folder, version, 'tls.crt'));
      copyFileSync(issued.key, join(folder, version, 'tls.key'));
    }
    symlinkSync('one', join(folder, 'now'));
    const server = await secure({}, { cert: join(folder, 'now', 'tls.crt'), key: join(folder, 'now', 'tls.key') });
    symlinkSync('two', join(folder, 'next'));
    renameSync(join(folder, 'next'), join(folder, 'now'));
    await vi.waitFor(async () => expect(await nameOf(server, 'b.example')).toBe('other'), { timeout: 8000 });
  });

  test('G-203 files that cannot be used change nothing, and are told once', async () => {
    const files = place('spoilt');
    const server = await secure({}, files);
    writeFileSync(files.cert, readFileSync(other.cert));
    await vi.waitFor(() => expect(log).toMatch(/cannot be used, those before stay: .*is not the key of/), {
      timeout: 8000,
    });
    expect(await nameOf(server)).toBe('main');
    expect(() => server.renewCertificates()).toThrow('is not the key of');
    expect(await nameOf(server)).toBe('main');
    files.put(other);
    await vi.waitFor(async () => expect(await nameOf(server, 'b.example')).toBe('other'), { timeout: 8000 });
    expect(log.match(/cannot be used/g)).toHaveLength(1);
  });

  test('G-203 under load no connection is lost', async () => {
    const files = place('busy');
    const server = await secure({}, files);
    let busy = true;
    let answers = 0;
    const load = async () => {
      for (; busy; answers++) expect(await environOf(server, { checkServerIdentity: () => undefined })).not.toBe(null);
    };
    const loads = Promise.all([load(), load(), load(), load()]);
    loads.catch(() => {});
    for (let turn = 0; turn < 20; turn++) {
      files.put(turn % 2 === 0 ? other : main);
      server.renewCertificates();
      const before = answers;
      await vi.waitFor(() => expect(answers).toBeGreaterThan(before + 1), { timeout: 10_000, interval: 5 });
    }
    busy = false;
    await loads;
  });

  test.skipIf(process.platform === 'win32')(
    'G-203 L-27 SIGHUP takes them up under load: no connection is lost, and those before go on',
    async () => {
      const files = place('signalled');
      const tlsFlags = ['-b', 'https://127.0.0.1:0', '--tls-cert', files.cert, '--tls-key', files.key];
      const command = start([`${module}:asyncApp`, '--async-workers', '1', '--timeout-keep-alive', '1m', ...tlsFlags]);
      const [url] = await ready(command);
      const before = (await connect({ url })).setEncoding('latin1');
      let busy = true;
      const load = async () => {
        let answers = 0;
        for (; busy; answers++)
          expect(await environOf({ url }, { checkServerIdentity: () => undefined })).not.toBe(null);
        return answers;
      };
      const loads = [load(), load(), load(), load()];
      for (let turn = 1; turn <= 6; turn++) {
        files.put(turn % 2 === 0 ? main : other);
        command.child.kill('SIGHUP');
        await vi.waitFor(() => expect(command.stderr.match(/^reloaded$/gm)).toHaveLength(turn), 20_000);
        expect(await nameOf({ url }, 'b.example')).toBe(turn % 2 === 0 ? 'main' : 'other');
      }
      busy = false;
      expect(Math.min(...(await Promise.all(loads)))).toBeGreaterThan(3);
      before.write(get('/environ', 'Connection: close\r\n'));
      let text = '';
      for await (const part of before) text += part;
      expect(parseResponses(text)[0]).toMatchObject({ status: 200, complete: true });
      command.child.kill('SIGTERM');
      expect((await ended(command)).code).toBe(0);
    },
    60_000,
  );
});

describe('the life of a connection', () => {
  test('G-206 G-184 a client may end its side behind its request', async () => {
    const server = await secure();
    const one = new Client(server.url).send(get('/zeros?1'));
    one.socket.end();
    expect(parseResponses(await one.all())[0]).toMatchObject({ status: 200, complete: true });
  });

  test('G-206 one that takes nothing is dropped, one that is slow is not', async () => {
    const server = await secure({ timeoutSend: 2000, status: '127.0.0.1:0' });
    const stuck = await connect(server);
    stuck.pause().write(get('/zeros?64'));
    const slow = await connect(server);
    slow.write(get('/zeros?16', 'Connection: close\r\n'));
    let received = 0;
    slow.on('data', (part) => {
      received += part.length;
      slow.pause();
      setTimeout(() => slow.resume(), 2);
    });
    await once(slow, 'end');
    expect(received).toBeGreaterThan(16 * 1024 ** 2);
    await settled(server, (metrics) => expect(metrics.value('quaich_connections')).toBe(0));
    let taken = 0;
    stuck.on('data', (part) => {
      taken += part.length;
    });
    await new Promise((resolve) => stuck.once('close', resolve).resume());
    expect(taken).toBeLessThan(32 * 1024 ** 2);
  });

  test.each([
    ['its client', (_: SocketHost, remote: net.Socket) => remote.destroy()],
    ['the server', (host: SocketHost) => host.destroy(true)],
  ])('G-206 lent bytes are given back when %s ends the connection before they are taken', async (_, leave) => {
    const listener = tls.createServer({ ...withCertificate(main) });
    const raw = once(listener, 'connection');
    const secured = once(listener, 'secureConnection');
    await once(listener.listen(0, '127.0.0.1'), 'listening');
    const { port } = listener.address() as net.AddressInfo;
    const remote = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    remote.on('error', () => {}).pause();
    const [[tcp], [socket]] = await Promise.all([raw, secured]);
    goesOver(socket, tcp);
    const connection = { receive() {}, ended() {}, drained() {}, flushed() {}, closed: vi.fn() };
    const acceptor = await Acceptor.create(Buffer.alloc(65_536), true);
    const context = { acceptor, closed() {} } as unknown as SocketContext; // what a socket without requests needs
    const info = connectionInfo(socket, false, 'https');
    const host = new SocketHost(socket, info, context, () => connection as unknown as Connection);
    const free = vi.fn();
    expect(host.lend('before', new Uint8Array(new SharedArrayBuffer(32 * 1024 ** 2)), 'after', free)).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(free).not.toHaveBeenCalled();
    expect(unsentBytes(socket)).toBeGreaterThan(0);
    leave(host, remote);
    await vi.waitFor(
      () => expect([free.mock.calls.length, connection.closed.mock.calls.length]).toEqual([1, 1]),
      10_000,
    );
    remote.destroy();
    await new Promise((resolve) => listener.close(resolve));
  });

  test('G-206 L-08 L-12 a stop ends idle ones, and lets a response end', async () => {
    const apps = [{ module: ends, export: 'asyncApp' }];
    const server = await secure({ apps, timeoutGraceful: 5000, status: '127.0.0.1:0' });
    const idle = new Client(server.url).send(get('/late?0'));
    await idle.until((text) => text.endsWith('late') || text.includes('0\r\n\r\n'));
    const late = new Client(server.url).send(get('/late?1000'));
    await inProgress(server);
    const closed = server.close();
    await idle.all();
    expect(parseResponses(await late.all())[0]).toMatchObject({ status: 200, body: 'late', complete: true });
    await closed;
  });
});

describe('the command', () => {
  const site = join(authority.folder, 'site.mjs');
  const broken = join(authority.folder, 'broken.pem');
  writeFileSync(site, "export const app = (environ, start) => (start('200 OK', []), [Buffer.from(environ.HTTPS)]);");
  writeFileSync(broken, 'no certificate');
  const flags = ['--tls-cert', main.cert, '--tls-key', main.key];
  const https = ['--bind', 'https://127.0.0.1:0'];

  test('G-200 serves https beside http', async () => {
    const command = start([site, ...https, '--bind', '127.0.0.1:0', ...flags]);
    const [encrypted, plain] = await ready(command, 2);
    expect([encrypted, plain]).toEqual([expect.stringMatching(/^https:/), expect.stringMatching(/^http:/)]);
    const curl = await run('curl', ['-sS', '--cacert', authority.ca, encrypted]);
    expect(curl.stdout).toBe('on');
    command.child.kill('SIGTERM');
    expect((await ended(command)).code).toBe(0);
  });

  test.each([
    ['a TCP socket', { port: 0, host: '127.0.0.1' }, /^listening on https:/m],
    ['a Unix socket, without TLS', { path: join(authority.folder, 'a.sock') }, /https\+fd:\/\/3: TLS is for TCP/],
  ])('inherits %s', async (_, where, told) => {
    const listener = net.createServer().listen(where);
    await once(listener, 'listening');
    const handle: { fd: number } = Reflect.get(listener, '_handle');
    const argv = [site, '--bind', 'https+fd://3', ...flags];
    const command = start(argv, { stdio: ['ignore', 'pipe', 'pipe', handle.fd] });
    await vi.waitFor(() => expect(command.stderr).toMatch(told), { timeout: 10_000 });
    listener.close();
  });

  test('finds the files of a configuration file from there', async () => {
    const file = join(authority.folder, 'quaich.config.mjs');
    writeFileSync(
      file,
      "export default { apps: './site.mjs', bind: 'https://127.0.0.1:0', tlsCert: 'main.pem', tlsKey: ['main.key'] };",
    );
    const { code, stdout } = await ended(start(['--check', '--config', file], { cwd: '/' }));
    expect([code, stdout]).toEqual([0, expect.stringContaining('ok: / = ')]);
  });

  test.each([
    [[], 'an https address needs a certificate: set tlsCert and tlsKey'],
    [['--tls-cert', main.cert], 'tlsCert (1) and tlsKey (0): each certificate needs its key, in the same order'],
    [['--tls-cert', '/none.pem', '--tls-key', main.key], 'tlsCert: cannot read /none.pem: ENOENT'],
    [['--tls-cert', broken, '--tls-key', main.key], `tlsCert: ${broken} holds no certificate (PEM) that can be used: `],
    [['--tls-cert', main.cert, '--tls-key', broken], `tlsKey: ${broken} holds no private key (PEM) that can be used: `],
    [['--tls-cert', main.cert, '--tls-key', other.key], `tlsKey: ${other.key} is not the key of ${main.cert}`],
    [[...flags, '--tls-client-cert', 'required'], 'tlsClientCert is required: set tlsCa, which says who may sign them'],
    [
      [...flags, '--tls-client-cert', 'optional', '--tls-ca', main.key],
      `tlsCa: ${main.key} holds no certificate (PEM) that can be used: `,
    ],
  ])('refuses bad settings in one line: %j', async (argv, reason) => {
    for (const command of [[], ['--check']]) {
      const { code, stderr } = await ended(start([site, ...https, ...argv, ...command]));
      expect(code).toBe(2);
      expect(stderr).toMatch(/^quaich: .*\n$/);
      expect(stderr).toContain(reason);
    }
  });
});
