import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { examples } from '../../examples/catalogue.js';
import { origin } from '../../examples/lib/origin.js';
import {
  type Application,
  type AsyncApplication,
  kindOf,
  type Lifespan,
  markAsync,
  markSync,
} from '../../src/index.ts';
import type { TestResponse } from '../../src/testing/index.ts';
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
  // Those in Python are served by test/server/python-guestbook.test.ts.
  ...examples.filter(({ module }) => !module.endsWith('.py')),
  { prefix: '', module: './index.js', kind: 'sync', links: ['/'] },
  { prefix: '/hello', module: './typescript/hello.ts', kind: 'sync', links: ['/?name=Ada'] },
  { prefix: '/hello', module: './typescript/hello.ts', name: 'echo', kind: 'async', links: ['/'] },
  { prefix: '/express', module: './express.js', kind: 'async', links: ['/'] },
];

/** Content-Length may be left out for HEAD (RFC 9110, 8.6). */
const names = (response: TestResponse): string[] =>
  [...response.headers.keys()].filter((name) => name !== 'Content-Length');

/** The same application, which finds another environ than the server's. */
function changing(app: AnyApplication, change: (environ: Record<string, unknown>) => void): AnyApplication {
  return kindOf(app) === 'async'
    ? markAsync((environ, startResponse) => {
        change(environ);
        return (app as AsyncApplication)(environ, startResponse);
      })
    : markSync((environ, startResponse) => {
        change(environ);
        return (app as Application)(environ, startResponse);
      });
}

/** The same application, whose bodies are kept, and which finds that `write` throws. */
function watching(app: AnyApplication, bodies: unknown[], calls: unknown[]): AnyApplication {
  const write = (chunk: unknown): never => {
    calls.push(chunk);
    throw new Error('write is not for new code');
  };
  return kindOf(app) === 'async'
    ? markAsync(async (environ, startResponse) => {
        const body = await (app as AsyncApplication)(environ, (...head) => {
          startResponse(...head);
          return write;
        });
        bodies.push(body);
        return body;
      })
    : markSync((environ, startResponse) => {
        const body = (app as Application)(environ, (...head) => {
          startResponse(...head);
          return write;
        });
        bodies.push(body);
        return body;
      });
}

/** Runs an example within its lifespan, in the validator. */
async function using(
  example: Example,
  use: (request: (request: AnyRequest) => Promise<TestResponse>) => Promise<void>,
  around: (app: AnyApplication) => AnyApplication = (app) => app,
): Promise<void> {
  const { prefix, kind, module: file, name = 'app' } = example;
  const module = await import(new URL(`../../examples/${file}`, import.meta.url).href);
  // The proxy asks a server in memory, and has nothing to start.
  const proxied = prefix === '/proxy';
  const app: AnyApplication = proxied ? proxyFor(origin) : module[name];
  const lifespan: Lifespan = proxied ? {} : module;
  expect(kindOf(app)).toBe(kind);
  const client = clientOf(kind, validator(around(app), OUTSIDE), { prefix, lifespan });
  await client.startup();
  try {
    await use(async (request) => {
      const path = `${prefix}${request.path ?? '/'}`;
      const response = await expectNoComplaint(client, { ...request, path }, `${file}:${name}`);
      expect([path, response.status < 500, response.failed]).toEqual([path, true, false]);
      return response;
    });
  } finally {
    await client.shutdown();
  }
}

const EVERY = all.map((example) => [`${example.module}:${example.name ?? 'app'}`, example] as const);

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

  it.each(EVERY)(
    'A-01 A-02 A-03 A-04 A-07 A-08 A-09 A-10 A-11 A-14 A-23 has no complaint about %s',
    async (_title, example) => {
      await using(example, async (request) => {
        const statuses: number[] = [];
        const requests = [...everywhere(), ...(own[example.prefix] ?? []), ...example.links.map(linked)];
        for (const one of requests) statuses.push((await request(one)).status);
        expect(statuses).toContain(200);
      });
    },
  );

  it.each(EVERY)('A-26 %s answers HEAD as GET', async (_title, example) => {
    await using(example, async (request) => {
      for (const link of example.links) {
        const one = linked(link);
        if (one.disconnectAfter !== undefined) continue;
        const got = await request(one);
        const head = await request({ ...one, method: 'HEAD' });
        expect([link, head.status, names(head)]).toEqual([link, got.status, names(got)]);
      }
    });
  });

  it.each(EVERY)('A-15 %s does not call write', async (_title, example) => {
    const calls: unknown[] = [];
    await using(
      example,
      async (request) => {
        for (const link of example.links) {
          const one = linked(link);
          await request(one);
          await request({ ...one, method: 'POST', body: 'a=1', headers: FORM_TYPE });
        }
      },
      (app) => watching(app, [], calls),
    );
    expect(calls).toEqual([]);
  });

  // What is passed on from another server comes in its blocks, a file in those of the file wrapper.
  const pages = EVERY.filter(([, { prefix, name }]) => prefix !== '/proxy' && name !== 'echo');

  it.each(pages)(
    'A-16 a small page of %s is one chunk, in an array unless it is a generator',
    async (_title, example) => {
      for (const link of example.links) {
        const one = linked(link);
        if (one.disconnectAfter !== undefined || (example.prefix === '/download' && link === '/')) continue;
        const bodies: unknown[] = [];
        await using(
          example,
          async (request) => {
            const page = await request(one);
            expect([link, page.chunks.length]).toEqual([link, 1]);
            expect(page.headers.get('Content-Length')).toBe(String(page.body.byteLength));
          },
          (app) => watching(app, bodies, []),
        );
        expect(bodies).toHaveLength(1);
        // The gateway would join several.
        if (example.prefix !== '/events') expect(bodies[0]).toEqual([expect.any(Uint8Array)]);
      }
    },
  );

  it.each(EVERY)('A-18 %s does without what is optional in environ', async (_title, example) => {
    const optional = ['QUERY_STRING', 'CONTENT_TYPE', 'CONTENT_LENGTH', 'HTTP_HOST', 'REMOTE_ADDR'];
    const extensions = ['wsgi.file_wrapper', 'quaich.signal', 'quaich.client_disconnected'];
    await using(
      example,
      async (request) => {
        for (const link of example.links) {
          const one = linked(link.replace(/\?.*/, ''));
          await request(one);
        }
      },
      (app) =>
        changing(app, (environ) => {
          for (const key of [...optional, ...extensions]) delete environ[key];
        }),
    );
  });

  it.each(EVERY)('A-20 %s takes run_once for no promise, and answers again', async (_title, example) => {
    await using(
      example,
      async (request) => {
        for (const link of example.links) {
          const first = await request(linked(link));
          expect((await request(linked(link))).status).toBe(first.status);
        }
      },
      (app) =>
        changing(app, (environ) => {
          environ['wsgi.run_once'] = true;
        }),
    );
  });
});
