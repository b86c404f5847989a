/** HTTP/2 (G-220 to G-226), with real clients: node:http2, curl, and one that writes any frame. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, constants, type OutgoingHttpHeaders } from 'node:http2';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { WAYS } from './all-ways.ts';
import { SIZE } from './apps/downloads.mjs';
import { Authority } from './certificates.ts';
import { parseResponses } from './client.ts';
import { ended, start } from './command.ts';
import * as h2 from './http2-client.ts';

const run = promisify(execFile);
const module = fileURLToPath(new URL('./apps/http2.mjs', import.meta.url));
const ends = fileURLToPath(new URL('./apps/ends.mjs', import.meta.url));
const downloads = fileURLToPath(new URL('./apps/downloads.mjs', import.meta.url));
const hints = fileURLToPath(new URL('./apps/hints.mjs', import.meta.url));

const authority = new Authority();
const { cert, key } = authority.issue('main', { subject: '/CN=main', names: 'DNS:a.example,IP:127.0.0.1' });

const running: Server[] = [];
const sessions: ClientHttp2Session[] = [];
const raw: h2.RawClient[] = [];
let log = '';

afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  for (const { socket } of raw.splice(0)) socket.destroy();
  await Promise.all(running.splice(0).map((server) => server.close()));
  log = '';
});

afterAll(() => authority.remove());

async function secure(options: Partial<ServeOptions> = {}): Promise<Server> {
  const server = await serve({
    apps: [{ module, export: 'asyncApp', inline: true }],
    bind: 'https://127.0.0.1:0',
    http2: true,
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

function open(server: Server): ClientHttp2Session {
  const session = h2.http2(server, authority.ca);
  sessions.push(session);
  return session;
}

function connect(server: Server, ALPNProtocols?: string[]): tls.TLSSocket {
  const trust = { ca: readFileSync(authority.ca), servername: 'a.example' };
  return tls.connect({ port: Number(new URL(server.url).port), host: '127.0.0.1', ALPNProtocols, ...trust });
}

async function openRaw(server: Server): Promise<h2.RawClient> {
  const client = await h2.RawClient.connect(server, authority.ca);
  raw.push(client);
  return client;
}

const get = (session: ClientHttp2Session, path: string, fields: OutgoingHttpHeaders = {}) =>
  h2.ask(session, { ':path': path, ...fields });
const post = (session: ClientHttp2Session, path: string, body: string, fields: OutgoingHttpHeaders = {}) =>
  h2.ask(session, { ':method': 'POST', ':path': path, ...fields }, body);
const statusOf = async (answer: Promise<h2.Http2Answer>) => (await answer).headers[':status'];
const counts = async (server: Server): Promise<{ begun: number; pieces: number; whole: number }> =>
  JSON.parse((await get(open(server), '/counts')).body);

/** A number that is the same twice, a tenth of a second apart. */
async function settled(read: () => number | Promise<number>): Promise<number> {
  let before = -1;
  await vi.waitFor(
    async () => {
      const last = before;
      before = await read();
      expect(before).toBe(last);
    },
    { timeout: 10_000, interval: 100 },
  );
  return before;
}

/** What goes on elsewhere holds nobody up. */
async function servesOthers(server: Server): Promise<void> {
  expect(await statusOf(get(open(server), '/none'))).toBe(204);
}

describe.each(WAYS)('$way', (one) => {
  const serveIt = (options: Partial<ServeOptions> = {}) =>
    secure({ apps: [{ module, export: one.export, inline: 'inline' in one }], ...options });

  test('G-220 a request is the one that it would be by HTTP/1.1', async () => {
    const server = await serveIt();
    const target = '/environ?x=%2Fy&z';
    const fields = { cookie: ['a=1', 'b=2'], 'x-list': ['1', '2'], 'x-text': '\xe9', te: 'trailers', proxy: 'evil' };
    const { headers, body } = await get(open(server), target, fields);
    expect(headers).toMatchObject({ ':status': 200, 'content-type': 'application/json' });
    const socket = connect(server);
    const lines = 'Host: a.example\r\nCookie: a=1; b=2\r\nX-List: 1\r\nX-List: 2\r\nX-Text: \xe9\r\nTE: trailers\r\n';
    socket.setEncoding('latin1').write(`GET ${target} HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`, 'latin1');
    let text = '';
    for await (const more of socket) text += more;
    const known = (json: string) => {
      const environ = JSON.parse(Buffer.from(json, 'latin1').toString());
      const { REMOTE_PORT, HTTP_CONNECTION, SERVER_PROTOCOL, ...others } = environ;
      return others;
    };
    expect(known(body)).toEqual(known(parseResponses(text)[0].body));
    expect(JSON.parse(body)).toMatchObject({
      SERVER_PROTOCOL: 'HTTP/2.0',
      HTTP_HOST: 'a.example',
      HTTP_COOKIE: 'a=1; b=2',
      HTTP_X_LIST: '1,2',
      HTTPS: 'on',
      SSL_TLS_SNI: 'a.example',
    });
  });

  test('G-221 bodies go through in both directions, with and without a length', async () => {
    const server = await serveIt();
    const session = open(server);
    const body = 'abcdefgh'.repeat(400_000);
    const [known, unknown, empty] = await Promise.all([
      post(session, '/', body, { 'content-length': String(body.length) }),
      post(session, '/', body),
      post(session, '/', ''),
    ]);
    expect([known.body === body, unknown.body === body, empty.body]).toEqual([true, true, '']);
    const { body: environ } = await post(session, '/environ', 'abc', { 'content-length': '3' });
    expect(JSON.parse(environ).CONTENT_LENGTH).toBe('3');
    expect(JSON.parse((await post(session, '/environ', 'abc')).body)).not.toHaveProperty('CONTENT_LENGTH');
  });

  test('G-222 the fields of a response, and those that have none of its body', async () => {
    const server = await serveIt();
    const session = open(server);
    const { headers, body } = await get(session, '/fields');
    expect(headers).toMatchObject({
      ':status': 201,
      'set-cookie': ['a=1; Path=/', 'b=2'],
      vary: 'A, B',
      'x-bytes': '\xe9',
      'content-length': '2',
      date: expect.stringMatching(/GMT$/),
    });
    expect([body, (await get(session, '/none')).headers[':status']]).toEqual(['ok', 204]);
    const whole = await get(session, '/fields', { ':method': 'HEAD' });
    expect([whole.headers['content-length'], whole.body]).toEqual(['2', '']);
  });

  test('G-223 a response that breaks off is an error, of its stream alone', async () => {
    const server = await serveIt();
    const session = open(server);
    await expect(get(session, '/breaks')).rejects.toThrow('NGHTTP2_INTERNAL_ERROR');
    expect(await statusOf(get(session, '/none'))).toBe(204);
  });

  test('G-223 B-37 G-48 a client that resets a stream, or goes, is noticed', async () => {
    if (one.export.startsWith('bridged')) return; // of bridges the tests of bridges tell
    const apps = [{ module: ends, export: one.async ? 'asyncApp' : 'app', inline: 'inline' in one }];
    const server = await serveIt({ apps });
    for (const how of ['resets', 'goes'] as const) {
      const file = join(authority.folder, `${one.way.replace(' ', '-')}-${how}`);
      const session = open(server);
      const stream = h2.begin(session, { ':path': `/begun?${file}` }, true);
      stream.on('error', () => {});
      await once(stream, 'data');
      if (how === 'resets') stream.close(constants.NGHTTP2_CANCEL);
      else session.destroy();
      // It is there before it is written.
      const written = () => readFileSync(file, 'utf8');
      await vi.waitFor(() => expect(written()).toContain('QUAICH_CLIENT_DISCONNECTED'), { timeout: 10_000 });
    }
  });

  test('G-221 G-63 a body whose stream is reset never looks complete', async () => {
    const server = await serveIt({ healthPath: '/healthz', accessLogStream: { write: (text) => (log += text) } });
    for (const code of [constants.NGHTTP2_CANCEL, constants.NGHTTP2_NO_ERROR]) {
      const client = await openRaw(server);
      const post = h2.head({ ':method': 'POST', ':path': '/whole' });
      await client.send(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, post), h2.frame(h2.DATA, 0, 1, Buffer.from('abc')));
      const health = h2.head({ ':path': '/healthz' });
      await client.send(h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 3, health));
      await vi.waitFor(() => expect(client.frames.some(({ stream }) => stream === 3)).toBe(true), { timeout: 10_000 });
      await client.send(h2.frame(h2.RST_STREAM, 0, 1, Buffer.from([0, 0, 0, code])));
    }
    await vi.waitFor(() => expect(log.match(/"POST \/whole HTTP\/2\.0"/g)).toHaveLength(2), { timeout: 10_000 });
    expect((await counts(server)).whole).toBe(0);
    expect((await post(open(server), '/whole', 'abc')).body).toBe('3');
    expect((await counts(server)).whole).toBe(1);
  });
});

describe('connections', () => {
  test('G-220 are of HTTP/2 where the owner wants it and the client chooses it', async () => {
    const protocols = async (server: Server, offered?: string[]) => {
      const socket = connect(server, offered);
      await once(socket, 'secureConnect');
      socket.destroy();
      return socket.alpnProtocol;
    };
    const server = await secure();
    expect(await protocols(server, ['http/1.1', 'h2'])).toBe('h2');
    expect(await protocols(server, ['http/1.1'])).toBe('http/1.1');
    expect(await protocols(server)).toBe(false);
    const without = await secure({ http2: false });
    expect(await protocols(without, ['h2', 'http/1.1'])).toBe('http/1.1');
    const { code, stderr } = await ended(start([`${module}:asyncApp`, '--http2', '--check']));
    expect([code, stderr]).toEqual([2, expect.stringContaining('http2 needs an https address')]);
  });

  test('G-220 real clients: curl', async (context) => {
    const { stdout: version } = await run('curl', ['--version']);
    if (!/\bHTTP2\b/.test(version)) context.skip();
    const server = await secure();
    const { port } = new URL(server.url);
    const trust = ['--resolve', `a.example:${port}:127.0.0.1`, '--cacert', authority.ca];
    const curl = (...argv: string[]) => run('curl', ['-sS', '--http2', '--max-time', '10', ...trust, ...argv]);
    const url = `https://a.example:${port}`;
    const environ = JSON.parse((await curl(`${url}/environ?q`)).stdout);
    expect(environ).toMatchObject({ SERVER_PROTOCOL: 'HTTP/2.0', HTTP_HOST: `a.example:${port}`, QUERY_STRING: 'q' });
    const echoed = await curl('-d', 'x'.repeat(100_000), '-w', '%{http_version} %{http_code}', url);
    expect(echoed.stdout).toBe(`${'x'.repeat(100_000)}2 200`);
    const head = await curl('-I', `${url}/fields`);
    expect(head.stdout).toMatch(/^HTTP\/2 201 \r\n/);
  });

  test('G-222 interim responses go ahead', async () => {
    const apps = [{ module: hints, export: 'asyncApp', inline: true }];
    const hinting = open(await secure({ apps, earlyHints: true }));
    expect((await get(hinting, '/')).interim).toEqual([103, 103]);
    const session = open(await secure());
    const fields = { ':method': 'POST', ':path': '/', expect: '100-continue' };
    const stream = h2.begin(session, fields, false);
    const answer = h2.answerOf(stream);
    await once(stream, 'continue');
    stream.end('abc');
    expect(await answer).toMatchObject({ interim: [100], body: 'abc' });
  });

  test('G-222 the access log and forwarded fields are as over HTTP/1.1', async () => {
    const server = await secure({
      trustedProxies: 'loopback',
      accessLogFormat: '%h "%r" %>s %b %{vary}o',
      accessLogStream: { write: (text) => (log += text) },
    });
    expect(await statusOf(get(open(server), '/fields', { 'x-forwarded-for': '192.0.2.7' }))).toBe(201);
    await vi.waitFor(() => expect(log).toBe('192.0.2.7 "GET /fields HTTP/2.0" 201 2 A,\\x20B\n'), 10_000);
  });

  test('G-224 a stop lets requests in progress end, and tells clients to go elsewhere', async () => {
    const server = await secure({ timeoutGraceful: 10_000 });
    const [busy, idle] = [open(server), open(server)];
    expect(await statusOf(get(idle, '/none'))).toBe(204);
    const late = get(busy, '/slow?300');
    // Behind the one before, on the same connection.
    expect(await statusOf(get(busy, '/none'))).toBe(204);
    const left = [once(busy, 'goaway'), once(idle, 'goaway')];
    const closed = server.close();
    await Promise.all(left);
    expect((await late).body).toBe('late');
    await closed;
  });

  test('G-224 a drain ends a connection with its next request', async () => {
    const server = await secure({ timeoutDrain: 10_000, healthPath: '/healthz' });
    const session = open(server);
    expect(await statusOf(get(session, '/healthz'))).toBe(200);
    const closed = server.close();
    const left = once(session, 'goaway');
    expect(await statusOf(get(session, '/healthz'))).toBe(503);
    await left;
    // A new one has one request, too.
    const other = open(server);
    expect(await statusOf(get(other, '/none'))).toBe(204);
    server.abort();
    await closed.catch(() => {});
  });

  test('G-224 they have the limits of all connections', async () => {
    const session = open(await secure({ maxConnectionRequests: 2 }));
    const left = [once(session, 'goaway'), once(session, 'close')];
    expect(await Promise.all([statusOf(get(session, '/none')), statusOf(get(session, '/none'))])).toEqual([204, 204]);
    await Promise.all(left);
    const full = await secure({ maxConnections: 1, timeoutKeepAlive: 1000 });
    const idle = open(full);
    const ended = once(idle, 'close');
    expect(await statusOf(get(idle, '/none'))).toBe(204);
    const refused = await get(open(full), '/none');
    expect([refused.headers[':status'], refused.body]).toEqual([503, expect.stringContaining('too many connections')]);
    await ended;
  });

  test('G-224 PING does not keep an idle one', async () => {
    const session = open(await secure({ timeoutKeepAlive: 400 }));
    const beat = setInterval(() => session.closed || session.destroyed || session.ping(() => {}), 50);
    await once(session, 'close');
    clearInterval(beat);
  });
});

describe('limits', () => {
  test('G-225 of heads and bodies are those of HTTP/1.1', async () => {
    const server = await secure({ limitBody: 1000, limitRequestLine: 500, limitRequestFields: 20 });
    const session = open(server);
    expect(await statusOf(get(session, `/${'x'.repeat(600)}`))).toBe(414);
    const many = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`x-${index}`, 'y']));
    expect(await statusOf(get(session, '/none', many))).toBe(431);
    expect(await statusOf(get(session, '/none', { 'x-long': 'y'.repeat(20_000) }))).toBe(431);
    const large = h2.begin(session, { ':method': 'POST', ':path': '/', 'content-length': '5000' }, false);
    expect(await statusOf(h2.answerOf(large))).toBe(413);
    expect(await statusOf(post(session, '/', 'x'.repeat(2000)))).toBe(413);
    expect(await statusOf(get(session, '/none'))).toBe(204);
  });

  test('G-225 of time are of each stream', async () => {
    const server = await secure({ timeoutBody: 300, timeoutSend: 300 });
    const session = open(server);
    const silent = h2.begin(session, { ':method': 'POST', ':path': '/', 'content-length': '9' }, false).resume();
    silent.write('abc');
    const deaf = h2.begin(session, { ':path': '/endless' }, true).pause();
    const [reset] = await Promise.all([once(deaf, 'error'), once(silent, 'close').catch(() => {})]);
    expect(String(reset[0])).toContain('NGHTTP2_INTERNAL_ERROR');
    expect(await statusOf(get(session, '/none'))).toBe(204);
  });

  test('G-221 who does not read holds up neither memory nor others', async () => {
    const server = await secure();
    const session = open(server);
    const { pieces } = await counts(server);
    const deaf = h2.begin(session, { ':path': '/endless' }, true).pause();
    await once(deaf, 'response');
    const made = await settled(async () => (await counts(server)).pieces);
    expect(made - pieces).toBeGreaterThan(2);
    expect((made - pieces) * 16_384).toBeLessThan(1_048_576);
    deaf.close(constants.NGHTTP2_CANCEL);
  });

  test('B-45 G-221 of streams that are taken slowly keep no sync worker from others, and lose nothing', async () => {
    const server = await secure({ apps: [{ module: downloads, export: 'app' }] });
    const session = open(server);
    const slow = [1, 2].map(() => h2.begin(session, { ':path': '/chunks?1000000' }, true));
    for (const stream of slow) await once(stream, 'response');
    expect((await get(session, '/quick')).body).toBe('quick');
    for (const stream of slow) {
      const pieces: Buffer[] = [];
      for await (const piece of stream) pieces.push(piece);
      const body = Buffer.concat(pieces);
      expect([body.length, body.subarray(-8).toString()]).toEqual([SIZE, String(SIZE / 8 - 1).padStart(8, '0')]);
    }
    expect((await get(session, '/quick')).body).toBe('quick');
  });

  test('G-221 an application that does not read stops its client', async () => {
    const apps = [{ module: ends, export: 'asyncApp', inline: true }];
    const server = await secure({ apps, timeoutGraceful: 0 });
    const file = join(authority.folder, 'unread');
    const session = open(server);
    const stream = h2.begin(session, { ':method': 'POST', ':path': `/begun?${file}` }, false);
    stream.on('error', () => {});
    let taken = 0;
    const more = (): void => {
      if (stream.destroyed) return;
      stream.write(Buffer.alloc(16_384), () => {
        taken++;
        more();
      });
    };
    more();
    await once(stream, 'data');
    expect((await settled(() => taken)) * 16_384).toBeLessThan(1_048_576);
    expect(await statusOf(get(session, '/'))).toBe(403);
  });
});

describe('what would mean something else in HTTP/1.1', () => {
  const field = h2.field;
  const reads = async (...parts: Buffer[]): Promise<h2.RawClient> => {
    const server = await secure();
    const client = await openRaw(server);
    await client.send(h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, Buffer.concat(parts)));
    await vi.waitFor(
      () => expect(client.socket.destroyed || client.frames.some(({ stream }) => stream === 1)).toBe(true),
      { timeout: 10_000 },
    );
    return client;
  };
  /** The application has answered: 204, an index of the static table of HPACK. */
  const isServed = (client: h2.RawClient) =>
    client.frames.some(({ type, payload }) => type === h2.HEADERS && payload[0] === 0x89);

  test('G-226 a request without it is served', async () => {
    expect(isServed(await reads(h2.head()))).toBe(true);
  });

  test.each([
    ['a line end in a path', [h2.head({ ':path': '/none\r\nx: y' })]],
    ['a space in a path', [h2.head({ ':path': '/none HTTP/1.1' })]],
    ['a path that is none', [h2.head({ ':path': 'https://evil/none' })]],
    ['a method that is none', [h2.head({ ':method': 'GET /none HTTP/1.1\r\nx: y' })]],
    ['a name in capitals', [h2.head(), field('X-Y', 'z')]],
    ['Transfer-Encoding', [h2.head(), field('transfer-encoding', 'chunked')]],
    ['Connection', [h2.head(), field('connection', 'close')]],
    ['a length without a body', [h2.head(), field('content-length', '9')]],
    ['two lengths', [h2.head(), field('content-length', '0'), field('content-length', '0')]],
    ['another Host', [h2.head(), field('host', 'evil')]],
    ['no authority', [field(':method', 'GET'), field(':scheme', 'https'), field(':path', '/none')]],
    ['an authority that is none', [h2.head({ ':authority': 'a b' })]],
    ['CONNECT', [field(':method', 'CONNECT'), field(':authority', 'evil:443')]],
  ])('G-226 does not come to an application: %s', async (_what, parts) => {
    expect(isServed(await reads(...parts))).toBe(false);
  });

  // nghttp2 leaves such fields out.
  test.each([
    ['a line end in a value', field('x', 'a\r\nhost: evil')],
    ['a colon in a name', field('host:x', 'evil')],
  ])('G-226 no field is made of a part of another: %s', async (_what, bad) => {
    const client = await reads(h2.head({ ':path': '/environ' }), bad);
    const last = () => client.frames.some(({ flags, stream }) => stream === 1 && (flags & h2.END_STREAM) !== 0);
    await vi.waitFor(() => expect(last() || client.codeOf(1) !== undefined).toBe(true), { timeout: 10_000 });
    const data = client.frames.filter(({ type }) => type === h2.DATA);
    expect(data.map(({ payload }) => payload.toString('latin1')).join('')).not.toContain('evil');
  });

  test('G-226 a body that is longer or shorter than its length is an error', async () => {
    const server = await secure();
    for (const body of ['abc', 'abcdefghijkl']) {
      const client = await openRaw(server);
      const head = Buffer.concat([h2.head({ ':method': 'POST', ':path': '/' }), field('content-length', '9')]);
      await client.send(
        h2.frame(h2.HEADERS, h2.END_HEADERS, 1, head),
        h2.frame(h2.DATA, h2.END_STREAM, 1, Buffer.from(body)),
      );
      // Which of them depends on the version of Node.
      const errors = [constants.NGHTTP2_PROTOCOL_ERROR, constants.NGHTTP2_INTERNAL_ERROR];
      await vi.waitFor(() => expect(errors).toContain(client.codeOf(1) ?? client.codeOf(0)), { timeout: 10_000 });
    }
  });
});

describe('floods', () => {
  const RESET = Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]);
  const request = (stream: number, path = '/slow?60000') =>
    h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream, h2.head({ ':path': path }));
  const gone = (client: h2.RawClient) =>
    vi.waitFor(() => expect(client.socket.destroyed).toBe(true), { timeout: 20_000, interval: 20 });

  test('G-225 of resets do not reach more applications than one client may have', async () => {
    const server = await secure({ timeoutGraceful: 0, timeoutKeepAlive: 2000 });
    const before = await counts(server);
    const client = await openRaw(server);
    // One after the other, so that requests come to their application ahead of their resets.
    for (let stream = 1; stream < 8000 && !client.socket.destroyed; stream += 2) {
      await client.send(request(stream));
      await turn();
      await client.send(h2.frame(h2.RST_STREAM, 0, stream, RESET));
    }
    await gone(client);
    const { begun } = await counts(server);
    expect(begun - before.begun).toBeGreaterThan(0);
    expect(begun - before.begun).toBeLessThanOrEqual(200);
    // All at once.
    const other = await openRaw(server);
    const all = Array.from({ length: 5000 }, (_, index) => [
      request(2 * index + 1),
      h2.frame(h2.RST_STREAM, 0, 2 * index + 1, RESET),
    ]);
    await other.send(...all.flat());
    await gone(other);
    await servesOthers(server);
  });

  test('G-225 of requests at a time are refused', async () => {
    const server = await secure({ timeoutGraceful: 0 });
    const before = await counts(server);
    const client = await openRaw(server);
    await client.send(...Array.from({ length: 500 }, (_, index) => request(2 * index + 1)));
    await vi.waitFor(() => expect(client.socket.destroyed || client.codeOf(999) !== undefined).toBe(true), {
      timeout: 10_000,
    });
    expect((await counts(server)).begun - before.begun).toBeLessThanOrEqual(100);
    await servesOthers(server);
  });

  test('G-225 of CONTINUATION end the connection', async () => {
    const server = await secure();
    const client = await openRaw(server);
    const more = h2.frame(h2.CONTINUATION, 0, 1, h2.field('x', 'y'));
    await client.send(h2.frame(h2.HEADERS, h2.END_STREAM, 1, h2.head()));
    for (let sent = 0; sent < 1000 && !client.socket.destroyed; sent++) await client.send(more);
    await gone(client);
    await servesOthers(server);
  });

  const EMPTY = Buffer.alloc(0);
  const FLOODS: [string, Buffer][] = [
    ['PING', h2.frame(h2.PING, 0, 0, Buffer.alloc(8))],
    ['SETTINGS', h2.frame(h2.SETTINGS, 0, 0)],
    ['PRIORITY', h2.frame(h2.PRIORITY, 0, 1, Buffer.from([0, 0, 0, 3, 7]))],
    ['WINDOW_UPDATE', h2.frame(h2.WINDOW_UPDATE, 0, 1, Buffer.from([0, 0, 0, 1]))],
    ['empty DATA', h2.frame(h2.DATA, 0, 1, EMPTY)],
    ['what nobody knows', h2.frame(0x77, 0, 0, Buffer.alloc(8))],
  ];

  test.each(FLOODS)('G-225 of %s end the connection, whether its client reads or not', async (_name, one) => {
    const server = await secure({ timeoutGraceful: 0 });
    const block = Buffer.concat(Array.from({ length: 4096 }, () => one));
    for (const reading of [true, false]) {
      const client = await openRaw(server);
      if (!reading) client.socket.pause();
      const head = h2.head({ ':method': 'POST', ':path': '/slow?60000' });
      await client.send(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, head));
      // 64 MiB; the limit is an eighth of that.
      for (let sent = 0; sent < 64 * 1_048_576 && !client.socket.destroyed; sent += block.length) {
        await Promise.race([client.send(block), client.closed]);
      }
      client.socket.resume();
      await gone(client);
      await servesOthers(server);
    }
  });

  test('G-225 of large fields are refused', async () => {
    const server = await secure();
    const client = await openRaw(server);
    // An entry of the dynamic table, and a thousand references to it.
    const value = 'x'.repeat(4000);
    const length = Buffer.from([0x7f, ...[4000 - 127].flatMap((rest) => [(rest & 0x7f) | 0x80, rest >> 7])]);
    const entry = Buffer.concat([Buffer.from([0x40, 1]), Buffer.from('x'), length, Buffer.from(value)]);
    const head = Buffer.concat([h2.head(), entry, Buffer.alloc(1000, 0xbe)]);
    await client.send(h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, head));
    await vi.waitFor(() => expect(client.codeOf(1)).toBeGreaterThan(0), { timeout: 10_000 });
    await servesOthers(server);
  });
});
