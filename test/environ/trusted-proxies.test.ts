/** The rule of the server and of the middleware, and that no text of strangers comes through it. */
import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SyncInput } from '../../src/engine/sync-input.ts';
import { EnvironBuilder } from '../../src/environ/builder.ts';
import { HeadReader } from '../../src/environ/head-record.ts';
import { loadProxies } from '../../src/environ/load-proxies.ts';
import { TrustedProxies, type TrustProxyOptions } from '../../src/environ/trusted-proxies.ts';
import type { ConnectionInfo } from '../../src/environ/variables.ts';
import type { Application, Environ } from '../../src/index.ts';
import { ConfigurationError } from '../../src/interface/errors.ts';
import { trustProxy } from '../../src/middleware/index.ts';
import { FIELD_NAMES } from '../../src/protocols/http/wasm/tables.ts';
import { KnownProxies } from '../../src/server/proxies/known-proxies.ts';
import { MemoryErrors } from '../engine/environs.ts';
import { headRecord, METHODS } from '../engine/head-record.ts';

const CONNECTION: ConnectionInfo = {
  remoteAddress: '10.0.0.1',
  remotePort: '50000',
  serverName: '127.0.0.1',
  serverPort: '8000',
  scheme: 'http',
  unixSocket: false,
};
const everything = { trusted: ['10.0.0.0/8', 'unix'], host: true, port: true, prefix: true };

function builderWith(proxies: TrustedProxies | null): EnvironBuilder<false> {
  return new EnvironBuilder<false>({
    fieldNames: FIELD_NAMES,
    methods: METHODS,
    async: false,
    multithread: false,
    multiprocess: true,
    errors: new MemoryErrors(),
    proxies,
  });
}

/** The head of a request with these field lines. */
function recordOf(lines: readonly string[]): ReturnType<typeof headRecord> {
  return headRecord(['GET /a HTTP/1.1', 'Host: own.example', ...lines].join('\n'), '', FIELD_NAMES);
}

const input = new SyncInput(null);

/** The environ as the server makes it. */
function served(options: TrustProxyOptions | null, lines: readonly string[], connection = CONNECTION): Environ {
  const { text, textStart, words, record } = recordOf(lines);
  const proxies = options === null ? null : new TrustedProxies('trustedProxies', options);
  return builderWith(proxies).build(text, textStart, words, record, connection, '', input);
}

/** The environ as an application behind the middleware gets it. */
function wrapped(options: TrustProxyOptions, lines: readonly string[], connection = CONNECTION): Environ | null {
  let seen: Environ | null = null;
  const app: Application = (environ, startResponse) => {
    seen = environ;
    startResponse('200 OK', []);
    return [];
  };
  trustProxy(options)(app)(served(null, lines, connection), () => () => {});
  return seen;
}

/** The address of the access log; as the gateway has it where nobody tells another. */
function logged(options: TrustProxyOptions, lines: readonly string[], connection = CONNECTION): string {
  const { text, textStart, words, record } = recordOf(lines);
  const head = new HeadReader(words, Buffer.from(text, 'latin1')).at(record, textStart);
  const proxies = new KnownProxies(new TrustedProxies('trustedProxies', options), 1, () => {});
  return proxies.clientAddress(head, connection) ?? connection.remoteAddress;
}

const address = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('10.0.0.2', '10.9.9.9', '::ffff:10.0.0.3') },
  fc.ipV4(),
  fc.ipV6(),
  fc.constantFrom(
    'unknown',
    '_hidden',
    '',
    '[2001:db8::1]:80',
    '203.0.113.5:4711',
    '1.1',
    '\u00e9',
    '"',
    '\x1b[31m',
    '%0a',
  ),
);
const element = fc.oneof(
  address,
  address.map((node) => `for="${node}";proto=https;host="h.example"`),
  fc.string({ unit: fc.constantFrom('f', 'o', 'r', '=', '"', ';', '\\', ' ', '1', '.', ':'), maxLength: 12 }),
);
const list = fc.array(element, { maxLength: 6 }).map((elements) => elements.join(', '));
const name = fc.constantFrom(
  'X-Forwarded-For',
  'x-forwarded-for',
  'X-Forwarded-Proto',
  'X-Forwarded-Host',
  'X-Forwarded-Port',
  'X-Forwarded-Prefix',
  'Forwarded',
);
const lines = fc.array(
  fc.tuple(name, list).map(([field, value]) => `${field}: ${value.trim()}`),
  { maxLength: 5 },
);
const connection = fc.constantFrom<Partial<ConnectionInfo>>(
  {},
  { remoteAddress: '198.51.100.7' },
  { remoteAddress: '', serverName: '', unixSocket: true },
  { remoteAddress: '', serverName: '', unixSocket: false },
);
const options = fc.constantFrom<TrustProxyOptions>(
  everything,
  { ...everything, fields: 'forwarded' },
  { trusted: ['10.0.0.0/8'] },
  { trusted: ['198.51.100.7', 'loopback'], fields: 'forwarded' },
);

describe('trusted proxies', () => {
  it('G-210 the server does what the middleware does, whatever comes', () => {
    fc.assert(
      fc.property(options, lines, connection, (chosen, fields, part) => {
        const info = { ...CONNECTION, ...part };
        expect(served(chosen, fields, info)).toEqual(wrapped(chosen, fields, info));
      }),
      { numRuns: 1000 },
    );
  });

  it('G-212 the access log has the address that the application gets, whatever comes', () => {
    fc.assert(
      fc.property(options, lines, connection, (chosen, fields, part) => {
        const info = { ...CONNECTION, ...part };
        expect(logged(chosen, fields, info)).toBe(served(chosen, fields, info).REMOTE_ADDR ?? '');
      }),
      { numRuns: 1000 },
    );
  });

  it('G-211 REMOTE_ADDR is an address, and that of the peer where nobody trusted tells another', () => {
    fc.assert(
      fc.property(options, lines, connection, (chosen, fields, part) => {
        const info = { ...CONNECTION, ...part };
        const environ = served(chosen, fields, info);
        const { REMOTE_ADDR = '' } = environ;
        expect(REMOTE_ADDR === '' || isIP(REMOTE_ADDR) > 0).toBe(true);
        const proxies = new TrustedProxies('x', chosen);
        if (proxies.isTrusted(info.remoteAddress, info.unixSocket)) return;
        expect(REMOTE_ADDR).toBe(info.remoteAddress);
        expect(Object.keys(environ).filter((key) => key.includes('FORWARDED'))).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  it('G-211 what stands left of the client is not shown, in no field', () => {
    const environ = served(everything, [
      'X-Forwarded-For: 6.6.6.6, 203.0.113.5',
      'X-Forwarded-For: 10.0.0.2',
      'X-Forwarded-Proto: ftp, https, http',
      'X-Forwarded-Host: evil.example, a.example, inner',
      'X-Forwarded-Port: 666, 8443',
      'X-Forwarded-Prefix: /evil, /app',
    ]);
    expect(environ).toMatchObject({
      REMOTE_ADDR: '203.0.113.5',
      HTTP_X_FORWARDED_FOR: '203.0.113.5, 10.0.0.2',
      HTTP_X_FORWARDED_PROTO: 'https, http',
      HTTP_X_FORWARDED_HOST: 'a.example, inner',
      HTTP_X_FORWARDED_PORT: '8443',
      HTTP_X_FORWARDED_PREFIX: '/app',
      HTTP_HOST: 'a.example',
      SERVER_PORT: '8443',
      SCRIPT_NAME: '/app',
      'wsgi.url_scheme': 'https',
      'quaich.peer_address': '10.0.0.1',
    });
    const standard = { ...everything, fields: 'forwarded' } as const;
    const told = 'Forwarded: for=6.6.6.6;host=evil.example, , for="203.0.113.5:1";proto=https, for=10.0.0.2';
    expect(served(standard, [told]).HTTP_FORWARDED).toBe('for="203.0.113.5:1";proto=https, for=10.0.0.2');
    for (const unreadable of ['Forwarded: for=6.6.6.6;;', 'Forwarded:', 'Forwarded: "']) {
      expect(Object.keys(served(standard, [unreadable])).filter((key) => key.includes('FORWARDED'))).toEqual([]);
    }
    const uneven = served(everything, ['X-Forwarded-For: 203.0.113.5, 10.0.0.2', 'X-Forwarded-Proto: ftp, a, https']);
    expect(uneven.HTTP_X_FORWARDED_PROTO).toBe('https');
  });

  it('are loaded where there are any, and refused by name', async () => {
    expect(await loadProxies(null)).toBe(null);
    await expect(loadProxies({ trusted: ['10.0.0.0/33'] })).rejects.toThrow(ConfigurationError);
    await expect(loadProxies({ trusted: ['nowhere'] })).rejects.toThrow('trustedProxies: "nowhere" is no address');
    expect((await loadProxies({ trusted: ['unix'] }))?.isTrusted('', true)).toBe(true);
  });
});
