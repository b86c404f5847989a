// The examples of the page about logs are what templates say, and the page has all atoms.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { APACHE, GUNICORN } from '../../src/server/log/atoms.ts';
import { accessFormat } from '../../src/server/log/format.ts';
import type { AccessRecord } from '../../src/server/log/record.ts';
import { lineOf } from '../cli/line-of.ts';

const page = readFileSync(new URL('../../docs/logs.md', import.meta.url), 'utf8');
const rows = [...page.matchAll(/^\| `(%[^`]+)` \| .+ \| `([^`]+)` \|$/gm)].map(([, atom, example]) => ({
  atom,
  example,
}));

/** The request that the page tells of. */
const record: AccessRecord = {
  remoteAddress: '192.0.2.7',
  method: 'GET',
  target: '/shop/item%201?id=7',
  protocol: 'HTTP/1.1',
  status: 200,
  bytes: 5120,
  durationMs: 1234.567,
  time: Date.UTC(2026, 0, 2, 3, 4, 6, 234) + 0.75,
  fields: [],
  responseHead: 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Request-Id: 6f1c2d\r\n\r\n',
  mount: '/shop',
  worker: 'sync-0',
  queueMs: 0.25,
  connection: {
    ...{ remoteAddress: '198.51.100.1', remotePort: '50000', serverName: '203.0.113.1', serverPort: '8443' },
    ...{ scheme: 'https', unixSocket: false },
    tls: { SSL_PROTOCOL: 'TLSv1.3', SSL_CIPHER: 'TLS_AES_256_GCM_SHA384' },
  },
};
const FIELDS: Record<string, string> = {
  ...{ host: 'www.example.com', referer: 'https://example.com/', 'user-agent': 'curl/8' },
  authorization: `Basic ${Buffer.from('frank:secret').toString('base64')}`,
};

// The page has the times of one zone.
const zone = process.env.TZ;
beforeAll(() => {
  process.env.TZ = 'UTC';
});
afterAll(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

describe('L-43 the page about logs', () => {
  it.each(rows)('$atom says $example', ({ atom, example }) => {
    const format = accessFormat(atom);
    const fields = format.facts.fields.map(({ name }) => FIELDS[name] ?? '');
    expect(lineOf(format, { ...record, fields })).toBe(`${example}\n`);
  });

  it('has every atom', () => {
    const shown = (pattern: RegExp) => new Set(Array.from(page.matchAll(pattern), ([, letter]) => letter));
    expect([...shown(/`%(?:\{[^`]+\})?([A-Za-z])`/g)].toSorted()).toEqual(Object.keys(APACHE).toSorted());
    expect([...shown(/`%\((?:\{[^`]+\})?([A-Za-z])\)s`/g)].toSorted()).toEqual(Object.keys(GUNICORN).toSorted());
  });
});
