import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { examples } from '../../examples/catalogue.js';
import { origin } from '../../examples/lib/origin.js';
import { kindOf, type Lifespan } from '../../src/index.ts';
import { validator } from '../../src/validate/index.ts';
import { proxyFor } from '../examples/proxy-in-memory.ts';
import { type AnyApplication, type AnyRequest, clientOf, complaints, expectNoComplaint, OUTSIDE } from './watch.ts';

vi.mock('../../src/validate/validation-error.ts', async (original) => {
  const { noting } = await import('./noted.ts');
  return noting(await original());
});

const directory = mkdtempSync(join(tmpdir(), 'quaich-validated-'));
beforeAll(() => {
  process.env.EXAMPLES_DATA = directory;
});
afterAll(() => {
  delete process.env.EXAMPLES_DATA;
  rmSync(directory, { recursive: true });
});

const JSON_TYPE = { 'Content-Type': 'application/json' };
const FORM_TYPE = { 'Content-Type': 'application/x-www-form-urlencoded' };
const ENTRY = '{"name":"Ada","text":"Slàinte!"}';

/** What every example is asked, below its prefix; `links` of the catalogue come on top. */
const everywhere = (): AnyRequest[] => [
  { method: 'HEAD' },
  { method: 'OPTIONS' },
  { method: 'DELETE' },
  { path: '/no/such/path' },
  { path: '/%2e%2e/etc/passwd' },
  { path: '/?rows=-1&slow=x&every=1' },
  { disconnectAfter: 0 },
  { method: 'POST', body: ['in ', 'pieces'], headers: { 'Content-Type': 'text/plain' } },
  { method: 'PUT', body: 'a body', disconnectAfter: 0 },
  { method: 'POST', body: ['cut'], headers: { 'Content-Length': '100' } },
];

/** What belongs to one example. */
const own: Record<string, AnyRequest[]> = {
  '/ssr': [{ path: '/?rows=20&sort=price' }, { path: '/?sort=nothing' }],
  '/guestbook': [
    { method: 'POST', path: '/api', body: ENTRY, headers: JSON_TYPE },
    { method: 'POST', path: '/api', body: [ENTRY.slice(0, 9), ENTRY.slice(9)], headers: JSON_TYPE },
    { method: 'POST', path: '/api', body: '{', headers: JSON_TYPE },
    { method: 'POST', path: '/', body: 'name=Ada&text=Hello', headers: FORM_TYPE },
    { method: 'POST', path: '/', body: 'name=', headers: { ...FORM_TYPE, 'Sec-Fetch-Site': 'cross-site' } },
    { method: 'POST', path: '/', body: 'x'.repeat(20_000), headers: FORM_TYPE },
    { method: 'HEAD', path: '/api' },
    { path: '/api?slow=0' },
  ],
  '/upload': [
    { method: 'PUT', body: new Uint8Array(200_000) },
    { method: 'PUT', body: [new Uint8Array(70_000), new Uint8Array(1)] },
    { method: 'PUT', headers: { 'Content-Length': '5000000000' } },
  ],
  '/events': [
    { path: '/stream?every=20', disconnectAfter: 3, headers: { 'Last-Event-ID': '41' } },
    { path: '/stream?every=0' },
    { method: 'HEAD', path: '/stream?every=20' },
  ],
  '/proxy': [
    { method: 'POST', path: '/echo', body: ['there ', 'and ', 'back'] },
    { method: 'HEAD', path: '/echo' },
  ],
  '/download': [
    { path: '/measurements.csv' },
    { path: '/measurements.csv', method: 'HEAD' },
    { path: '/measurements.csv', headers: { 'If-None-Match': '*' } },
    { path: '/measurements.csv', disconnectAfter: 1 },
    { path: '/..%2fguestbook.db' },
  ],
  '/demo': [{ headers: { 'X-Anything': 'at all', Cookie: 'a=b' } }],
};

/** Links that would go on for seconds, or for ever, end when the client goes. */
function linked(link: string): AnyRequest {
  if (link === '/?slow=5') return { path: link, disconnectAfter: 0 };
  if (link === '/stream' || link === '/slow') return { path: link, disconnectAfter: 1 };
  return { path: link };
}

type Example = Pick<(typeof examples)[number], 'prefix' | 'module' | 'kind' | 'links'> & { name?: string };

const all: Example[] = [
  ...examples,
  { prefix: '', module: './index.js', kind: 'sync', links: ['/'] },
  { prefix: '/hello', module: './typescript/hello.ts', kind: 'sync', links: ['/?name=Ada'] },
  { prefix: '/hello', module: './typescript/hello.ts', name: 'echo', kind: 'async', links: ['/'] },
  { prefix: '/express', module: './express.js', kind: 'async', links: ['/'] },
];

describe('the validator around every example', () => {
  it('hears a complaint that the application keeps for itself', async () => {
    const careless = validator((_environ, startResponse) => {
      try {
        startResponse('200' as string, []);
      } catch (error) {
        startResponse('200 OK', [['Content-Type', 'text/plain']], error as Error);
      }
      return [];
    }, OUTSIDE);
    const response = await clientOf('sync', careless).request({});
    expect([response.status, response.errors, complaints().length]).toEqual([200, '', 1]);
  });

  it.each(all.map((example) => [`${example.module}:${example.name ?? 'app'}`, example] as const))(
    'has no complaint about %s',
    async (title, example) => {
      const module = await import(new URL(`../../examples/${example.module}`, import.meta.url).href);
      // The proxy asks a server in memory, and has nothing to start.
      const proxied = example.prefix === '/proxy';
      const app: AnyApplication = proxied ? proxyFor(origin) : module[example.name ?? 'app'];
      const lifespan: Lifespan = proxied ? {} : module;
      expect(kindOf(app)).toBe(example.kind);
      const client = clientOf(example.kind, validator(app, OUTSIDE), { prefix: example.prefix, lifespan });
      await client.startup();
      try {
        const statuses: number[] = [];
        const requests = [...everywhere(), ...(own[example.prefix] ?? []), ...example.links.map(linked)];
        for (const request of requests) {
          const path = `${example.prefix}${request.path ?? '/'}`;
          statuses.push((await expectNoComplaint(client, { ...request, path }, title)).status);
        }
        expect(statuses).toContain(200);
        expect(statuses.filter((status) => status >= 500)).toEqual([]);
      } finally {
        await client.shutdown();
      }
    },
  );
});
