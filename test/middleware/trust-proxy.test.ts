import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/index.ts';
import { type TrustProxyOptions, trustProxy } from '../../src/middleware/index.ts';
import { call, hello, KINDS } from './drive.ts';

interface Seen {
  addr?: unknown;
  port?: unknown;
  scheme?: unknown;
  https?: unknown;
  host?: unknown;
  name?: unknown;
  serverPort?: unknown;
  peer?: unknown;
  script?: unknown;
  left?: string[];
}

describe.each(KINDS)('trustProxy in the %s convention', (kind) => {
  async function see(
    options: TrustProxyOptions,
    headers: Record<string, string>,
    environ: Record<string, unknown> = {},
  ): Promise<Seen> {
    let seen: Seen = {};
    const app = (inner: Parameters<Parameters<typeof call>[2]>[0]) => {
      seen = {
        addr: inner.REMOTE_ADDR,
        port: inner.REMOTE_PORT,
        scheme: inner['wsgi.url_scheme'],
        https: inner.HTTPS,
        host: inner.HTTP_HOST,
        name: inner.SERVER_NAME,
        serverPort: inner.SERVER_PORT,
        peer: inner['quaich.peer_address'],
        script: inner.SCRIPT_NAME,
        left: Object.keys(inner).filter((key) => key.includes('FORWARDED')),
      };
    };
    await call(
      kind,
      trustProxy(options),
      (inner, startResponse) => {
        app(inner);
        return hello()(inner, startResponse);
      },
      { headers, environ: { REMOTE_ADDR: '10.0.0.1', ...environ } },
    );
    return seen;
  }

  const trusted = ['10.0.0.0/8', '192.0.2.7', 'fd00::/8'];
  const all = { trusted, host: true, port: true };

  const addresses: [title: string, field: string, addr: string, port?: string][] = [
    ['one hop', '203.0.113.5', '203.0.113.5'],
    ['the first from the right that is not trusted', '1.1.1.1, 203.0.113.5, 10.0.0.2, 192.0.2.7', '203.0.113.5'],
    ['all of them trusted: the one furthest left', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['a port', '203.0.113.5:4711', '203.0.113.5', '4711'],
    ['IPv6', '2001:db8::1', '2001:db8::1'],
    ['IPv6 with a port', '[2001:db8::1]:80', '2001:db8::1', '80'],
    ['a trusted IPv6 hop', '203.0.113.5, fd00::1', '203.0.113.5'],
    ['IPv4 in IPv6', '203.0.113.5, ::ffff:10.0.0.9', '203.0.113.5'],
    ['nonsense at the right: the peer itself', '203.0.113.5, unknown', '10.0.0.1', '50000'],
    ['nonsense further left: the last that is known', 'evil, 10.0.0.2', '10.0.0.2'],
    ['an empty element', '203.0.113.5,, 10.0.0.2', '10.0.0.2'],
    ['an address in octal', '203.0.113.5, 010.0.0.2', '10.0.0.1', '50000'],
    ['a short address', '203.0.113.5, 10.2', '10.0.0.1', '50000'],
    ['an address with something behind it', '203.0.113.5, 10.0.0.2 x', '10.0.0.1', '50000'],
  ];

  it.each(addresses)('X-Forwarded-For: %s', async (_title, field, addr, port) => {
    const seen = await see({ trusted }, { 'X-Forwarded-For': field });
    expect(seen).toMatchObject({ addr, peer: '10.0.0.1' });
    expect(seen.port).toBe(port);
  });

  it('takes scheme, host and port of the hop that tells about the client', async () => {
    const one = await see(all, {
      'X-Forwarded-For': '203.0.113.5',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'example.com',
    });
    expect(one).toMatchObject({
      scheme: 'https',
      https: 'on',
      host: 'example.com',
      name: 'example.com',
      serverPort: '443',
    });
    const lists = await see(all, {
      'X-Forwarded-For': '1.1.1.1, 203.0.113.5, 10.0.0.2',
      'X-Forwarded-Proto': 'http, https, http',
      'X-Forwarded-Host': 'evil.example, a.example:8443, inner',
    });
    expect(lists).toMatchObject({ scheme: 'https', host: 'a.example:8443', name: 'a.example', serverPort: '8443' });
    const uneven = await see(
      { trusted },
      { 'X-Forwarded-For': '203.0.113.5, 10.0.0.2', 'X-Forwarded-Proto': 'x, y, https' },
    );
    expect(uneven.scheme).toBe('https');
    const port = await see(all, { 'X-Forwarded-For': '203.0.113.5', 'X-Forwarded-Port': '8080' });
    expect(port.serverPort).toBe('8080');
    const alone = await see({ trusted }, { 'X-Forwarded-Proto': 'https' });
    expect(alone).toMatchObject({ scheme: 'https', addr: '10.0.0.1', host: 'localhost:8000', serverPort: '8000' });
  });

  it('leaves as it is what a proxy says badly', async () => {
    const seen = await see(all, {
      'X-Forwarded-For': '203.0.113.5',
      'X-Forwarded-Proto': 'javascript',
      'X-Forwarded-Host': 'a b',
      'X-Forwarded-Port': '80x',
    });
    expect(seen).toMatchObject({ scheme: 'http', host: 'localhost:8000', serverPort: '8000' });
    expect(seen.https).toBeUndefined();
  });

  it('believes nothing of a peer that is not trusted, and removes what it says (G-39)', async () => {
    const headers = {
      'X-Forwarded-For': '203.0.113.5',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'evil.example',
      'X-Forwarded-Port': '1',
      'X-Forwarded-Prefix': '/evil',
      Forwarded: 'for=203.0.113.5;proto=https',
    };
    for (const fields of ['x-forwarded', 'forwarded'] as const) {
      for (const peer of ['198.51.100.1', '11.0.0.1', '::1', 'nonsense', '']) {
        const seen = await see({ ...all, fields, prefix: true }, headers, { REMOTE_ADDR: peer });
        expect(seen).toMatchObject({ addr: peer, scheme: 'http', host: 'localhost:8000', script: '', left: [] });
      }
    }
  });

  it('looks at one family of fields only, and removes the other', async () => {
    const headers = { 'X-Forwarded-For': '1.1.1.1', Forwarded: 'for=2.2.2.2;proto=https;host=b.example' };
    const x = await see({ trusted }, headers);
    expect(x).toMatchObject({ addr: '1.1.1.1', scheme: 'http', left: ['HTTP_X_FORWARDED_FOR'] });
    const standard = await see({ ...all, fields: 'forwarded' }, headers);
    expect(standard).toMatchObject({ addr: '2.2.2.2', scheme: 'https', host: 'b.example', left: ['HTTP_FORWARDED'] });
  });

  const forwarded: [field: string, expected: Seen][] = [
    ['for=203.0.113.5', { addr: '203.0.113.5' }],
    ['For="[2001:db8::1]:4711";Proto=HTTPS', { addr: '2001:db8::1', port: '4711', scheme: 'https' }],
    [
      'for=1.1.1.1;host=evil.example, for=203.0.113.5;host=a.example, for=10.0.0.2;host=in',
      { addr: '203.0.113.5', host: 'a.example' },
    ],
    ['for=_hidden;proto=https', { addr: '10.0.0.1', scheme: 'https' }],
    ['for=unknown, for=10.0.0.2', { addr: '10.0.0.2' }],
    ['proto=https', { addr: '10.0.0.1', scheme: 'https' }],
    ['for=1.1.1.1;;', { addr: '10.0.0.1', scheme: 'http' }],
    ['for="1.1.1.1', { addr: '10.0.0.1' }],
    ['', { addr: '10.0.0.1' }],
    [', ,for=203.0.113.5, ,', { addr: '203.0.113.5' }],
    [',', { addr: '10.0.0.1' }],
    ['for=1.1.1.1;host="a, for=2.2.2.2", for=203.0.113.5;host="b.example"', { addr: '203.0.113.5', host: 'b.example' }],
    ['for="203.0.113.5";by="_a,b", for=10.0.0.2', { addr: '203.0.113.5' }],
    ['for=203.0.113.5;for=10.0.0.2', { addr: '10.0.0.1' }],
    ['for=203.0.113.5;host="a\\",b;c";proto=https', { addr: '203.0.113.5', scheme: 'https' }],
    ['for="203.0.113.5:65536"', { addr: '203.0.113.5', port: undefined }],
  ];

  // What a client sends ahead of a proxy's word would else make it pass for the proxy.
  it.each([
    'garbage',
    'for',
    'for=',
    '"',
    'for="x',
    'for="x\\',
    'for=1.1.1.1;host="',
    ';',
    '=',
    '\u00ff',
    'for=10.0.0.2, x y',
  ])('G-39 Forwarded: %j from the client does not hide its address', async (field) => {
    for (const own of ['for=203.0.113.5', 'for="203.0.113.5:4711";proto=https', 'for="203.0.113.5", for=10.0.0.2']) {
      const seen = await see({ trusted, fields: 'forwarded' }, { Forwarded: `${field}, ${own}` });
      expect(seen.addr).toBe('203.0.113.5');
    }
  });

  it('believes nothing of a field whose end cannot be read', async () => {
    const field = `for=203.0.113.5${','.repeat(40)}${'",'.repeat(8000)}`;
    expect(await see({ trusted, fields: 'forwarded' }, { Forwarded: field })).toMatchObject({ addr: '10.0.0.1' });
  });

  it('takes no port above 65535', async () => {
    const seen = await see(all, {
      'X-Forwarded-For': '203.0.113.5:70000',
      'X-Forwarded-Host': 'a.example:99999',
      'X-Forwarded-Port': '65536',
    });
    expect(seen).toMatchObject({ addr: '203.0.113.5', port: undefined, host: 'localhost:8000', serverPort: '8000' });
  });

  it.each(forwarded)('Forwarded: %s', async (field, expected) => {
    expect(await see({ ...all, fields: 'forwarded' }, { Forwarded: field })).toMatchObject(expected);
  });

  // The usual two lines of a proxy's configuration set For and Proto, and pass on the others as the client wrote them.
  it('G-39 takes host, port and prefix only where it is told to, and removes them', async () => {
    const headers = {
      'X-Forwarded-For': '203.0.113.5',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'evil.example',
      'X-Forwarded-Port': '444',
      'X-Forwarded-Prefix': '/evil',
    };
    const own = { addr: '203.0.113.5', scheme: 'https', host: 'localhost:8000', name: 'localhost', serverPort: '8000' };
    const left = ['HTTP_X_FORWARDED_FOR', 'HTTP_X_FORWARDED_PROTO'];
    expect(await see({ trusted }, headers)).toMatchObject({ ...own, script: '', left });
    expect(await see({ trusted, host: true }, headers)).toMatchObject({ name: 'evil.example', serverPort: '443' });
    expect(await see({ trusted, port: true }, headers)).toMatchObject({ ...own, serverPort: '444' });
    const element = { Forwarded: 'for=203.0.113.5;proto=https;host="evil.example:444"' };
    expect(await see({ trusted, fields: 'forwarded' }, element)).toMatchObject(own);
  });

  it('looks at the last elements of a list alone', async () => {
    const field = `${'10.0.0.9, '.repeat(100)}203.0.113.5, ${'10.0.0.2, '.repeat(62)}10.0.0.3`;
    expect((await see({ trusted }, { 'X-Forwarded-For': field })).addr).toBe('203.0.113.5');
    const beyond = `203.0.113.5, ${'10.0.0.2, '.repeat(64)}10.0.0.3`;
    expect((await see({ trusted }, { 'X-Forwarded-For': beyond })).addr).toBe('10.0.0.2');
  });

  it('knows ranges by name, and peers on a Unix socket', async () => {
    const headers = { 'X-Forwarded-For': '203.0.113.5' };
    const from = (peer: string, names: string[]) => see({ trusted: names }, headers, { REMOTE_ADDR: peer });
    expect((await from('127.0.0.1', ['loopback'])).addr).toBe('203.0.113.5');
    expect((await from('::1', ['loopback'])).addr).toBe('203.0.113.5');
    expect((await from('192.168.1.1', ['uniquelocal'])).addr).toBe('203.0.113.5');
    expect((await from('fe80::1%eth0', ['linklocal'])).addr).toBe('203.0.113.5');
    const onUnixSocket = { REMOTE_ADDR: undefined, 'quaich.unix_socket': true };
    expect((await see({ trusted: ['unix'] }, headers, onUnixSocket)).addr).toBe('203.0.113.5');
    expect((await see({ trusted: ['loopback'] }, headers, onUnixSocket)).addr).toBe(undefined);
  });

  it('G-182 takes no peer for one on a Unix socket because its address is missing', async () => {
    const headers = { 'X-Forwarded-For': '203.0.113.5', 'X-Forwarded-Proto': 'https' };
    for (const REMOTE_ADDR of ['', undefined]) {
      const seen = await see({ trusted: ['unix', 'loopback'] }, headers, { REMOTE_ADDR });
      expect(seen).toMatchObject({ addr: REMOTE_ADDR, scheme: 'http', left: [] });
    }
  });

  it('puts a prefix in front of SCRIPT_NAME only where it is told to', async () => {
    const headers = { 'X-Forwarded-For': '203.0.113.5', 'X-Forwarded-Prefix': '/app/' };
    expect((await see({ trusted }, headers)).script).toBe('');
    expect((await see({ trusted, prefix: true }, headers, { SCRIPT_NAME: '/x' })).script).toBe('/app/x');
    for (const bad of ['app', '/', '//evil', '/a\u00e9', '/a b']) {
      expect((await see({ trusted, prefix: true }, { ...headers, 'X-Forwarded-Prefix': bad })).script).toBe('');
    }
  });
});

it.each([[[]], [['10.0.0.0/33']], [['example.com']], [['10.0.0']], [['']]])('trustProxy refuses %j', (trusted) => {
  expect(() => trustProxy({ trusted })).toThrow(ConfigurationError);
});
