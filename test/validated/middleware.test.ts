import { AsyncLocalStorage } from 'node:async_hooks';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { type Application, type AsyncApplication, markAsync, markSync } from '../../src/index.ts';
import * as shipped from '../../src/middleware/index.ts';
import {
  allowHosts,
  allowMethods,
  compose,
  compress,
  conditionalGet,
  cors,
  errorPage,
  limitBody,
  type Middleware,
  middleware,
  mount,
  requestId,
  responseTime,
  session,
  sessionOf,
  staticApplication,
  staticFiles,
  trustProxy,
} from '../../src/middleware/index.ts';
import { tracing } from '../../src/middleware/tracing.ts';
import { validator } from '../../src/validate/index.ts';
import { spans, tracer } from '../middleware/spans.ts';
import { applications } from './applications.ts';
import {
  type AnyApplication,
  type AnyRequest,
  clientOf,
  complaints,
  expectNoComplaint,
  INSIDE,
  KINDS,
  OUTSIDE,
} from './watch.ts';

vi.mock('../../src/validate/validation-error.ts', async (original) => {
  const { noting } = await import('./noted.ts');
  return noting(await original());
});

const root = fileURLToPath(new URL('.', import.meta.url));
const FILE = '/watch.ts';

/** A middleware of the reader's own, with every hook. */
const everyHook = middleware({
  name: 'everyHook',
  request: () => ({
    onHead: (head) => head.set('X-Seen', 'yes'),
    mapBody(head) {
      head.delete('Content-Length', 'ETag');
      return { chunk: (chunk) => new Uint8Array(chunk), end: () => new Uint8Array(0), close() {} };
    },
    around: (step) => step(),
    onClose() {},
  }),
});

const visits = middleware({
  name: 'visits',
  request(environ) {
    sessionOf(environ).set('visits', Number(sessionOf(environ).get('visits') ?? 0) + 1);
    return undefined;
  },
});

/** The same application at two paths. */
const mounted = ((app: Application) => mount({ '/': app, '/again': app })) as Middleware;

const table: Record<string, Middleware> = {
  allowHosts: allowHosts(['localhost', '*.example.com']),
  allowMethods: allowMethods(['GET', 'POST']),
  compress: compress({ threshold: 0 }),
  'compress, brotli only': compress({ encodings: ['br'] }),
  'conditionalGet, strong': conditionalGet(),
  'conditionalGet, weak': conditionalGet({ etag: 'weak' }),
  'cors, every origin': cors(),
  'cors, named origins': cors({
    origin: ['https://example.com'],
    credentials: true,
    exposedHeaders: ['ETag'],
    maxAge: 60,
  }),
  'errorPage, development': errorPage({ development: true }),
  errorPage: errorPage(),
  'limitBody, low': limitBody({ maximum: 8 }),
  limitBody: limitBody({ maximum: 1000 }),
  middleware: everyHook,
  mount: mounted,
  requestId: requestId({ context: new AsyncLocalStorage<string>(), trustIncoming: true }),
  responseTime: responseTime({ onComplete() {} }),
  session: compose([session({ keys: ['0123456789abcdef0123456789abcdef'], secure: 'auto' }), visits]),
  staticFiles: staticFiles({ root, cacheControl: 'no-cache' }),
  tracing: tracing({ tracer }),
  trustProxy: trustProxy({ trusted: ['loopback'], prefix: true }),
};
table.compose = compose([
  table.tracing,
  table.trustProxy,
  table.requestId,
  table.responseTime,
  table['cors, named origins'],
  table.errorPage,
  table.compress,
  table['conditionalGet, strong'],
  table.limitBody,
  table.session,
  table.staticFiles,
  table.middleware,
]);

function* brokenOff(): Generator<string> {
  yield '{"a":';
  throw new Error('the client broke off');
}

const BODY = '{"name":"Ada",\n"text":"Hello"}\n';

const TYPED = { 'Content-Type': 'application/json' };

/** What every application is asked; made anew for each use, because bodies in pieces are used up. */
const short = (): AnyRequest[] => [
  { headers: { 'Accept-Encoding': 'gzip', 'X-Request-Id': 'abc' } },
  { headers: { 'If-None-Match': '*', Origin: 'https://example.com' } },
  { method: 'HEAD' },
  { method: 'POST', body: BODY, headers: TYPED },
  { disconnectAfter: 1 },
];

/** And those of `THOROUGHLY`. */
const long = (): AnyRequest[] => [
  {},
  { headers: { 'Accept-Encoding': 'br;q=1, zstd;q=0.5' } },
  { headers: { 'Accept-Encoding': 'zstd' }, path: '/again/x?q=1', httpVersion: '1.0' },
  { headers: { 'If-Match': '"another"', Cookie: 'session=forged; a=b' } },
  { path: FILE },
  { path: FILE, headers: { Range: 'bytes=10-19' } },
  { path: FILE, method: 'HEAD' },
  { path: FILE, disconnectAfter: 0 },
  { method: 'HEAD', headers: { 'Accept-Encoding': 'gzip', 'If-None-Match': '"one"' } },
  { method: 'OPTIONS', headers: { Origin: 'https://example.com', 'Access-Control-Request-Method': 'PUT' } },
  { method: 'DELETE' },
  { method: 'POST', body: [BODY.slice(0, 5), BODY.slice(5)], headers: TYPED },
  { method: 'POST', body: brokenOff(), headers: TYPED },
  { method: 'POST', body: ['{'], headers: { ...TYPED, 'Content-Length': '50' } },
  { headers: { 'X-Forwarded-For': '192.0.2.1', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Prefix': '/base' } },
  { disconnectAfter: 0 },
  { disconnectAfter: 1, headers: { 'Accept-Encoding': 'gzip' } },
];

const THOROUGHLY = [
  'one chunk in an array',
  'a generator, which begins late',
  'a file by wsgi.file_wrapper',
  'echo by blocks',
];

const requests = (name: string): AnyRequest[] => [...short(), ...(THOROUGHLY.includes(name) ? long() : [])];

/** Outer validator, middleware, inner validator, application. */
function between(wrap: (app: AnyApplication) => AnyApplication, app: AnyApplication): AnyApplication {
  return validator(wrap(validator(app, INSIDE)), OUTSIDE);
}

describe('the validator on both sides of a middleware that ships (V-131 to V-133)', () => {
  it('leaves none out', () => {
    const parts = [
      'copyEnviron',
      'DROP',
      'Head',
      'sendFile',
      'Session',
      'SessionTooLarge',
      'sessionOf',
      'staticApplication',
    ];
    const tried = new Set(Object.keys(table).map((name) => name.split(',')[0]));
    expect([...tried, ...parts].sort()).toEqual([...Object.keys(shipped), 'tracing'].sort());
  });

  for (const kind of KINDS) {
    it(`complains about middleware that breaks a rule, ${kind}`, async () => {
      const collecting = (app: AnyApplication): AnyApplication =>
        kind === 'sync'
          ? markSync((environ, startResponse) => {
              const body = (app as Application)(environ, startResponse);
              try {
                return [...body];
              } finally {
                body.close?.();
              }
            })
          : markAsync(async (environ, startResponse) => {
              const all: Uint8Array[] = [];
              const body = await (app as AsyncApplication)(environ, startResponse);
              try {
                for await (const chunk of body) all.push(chunk);
                return all;
              } finally {
                await body.close?.();
              }
            });
      const [, generator] = applications(kind).find(([name]) => name === 'a generator, which begins late') ?? [];
      if (generator === undefined) throw new Error('there is no such application');
      await clientOf(kind, between(collecting, generator)).request({});
      expect(complaints().join()).toContain('V-131');
    });

    it(`has no complaint about the applications themselves, ${kind}`, async () => {
      for (const [name, app] of applications(kind)) {
        const client = clientOf(kind, validator(app, OUTSIDE));
        for (const request of requests(name)) await expectNoComplaint(client, request, name);
      }
    });

    for (const [title, wrap] of Object.entries(table)) {
      it(`M-01 M-03 M-17 has no complaint about ${title}, ${kind}`, async () => {
        const statuses = new Set<number>();
        for (const [name, app] of applications(kind)) {
          const client = clientOf(kind, between(wrap, app));
          for (const request of requests(name)) {
            statuses.add((await expectNoComplaint(client, request, `${title} around ${name}`)).status);
          }
        }
        expect(statuses).toContain(200);
        expect(spans().length > 0, 'spans').toBe(/^(?:tracing|compose)$/.test(title));
      });
    }

    it(`has no complaint about staticApplication, ${kind}`, async () => {
      const app = kind === 'sync' ? staticApplication('sync', { root }) : staticApplication('async', { root });
      const client = clientOf(kind, validator(app, OUTSIDE));
      for (const request of [...short(), ...long()]) await expectNoComplaint(client, request, 'staticApplication');
      const file = await expectNoComplaint(client, { path: FILE, headers: { Range: 'bytes=0-3' } }, 'a range');
      expect([file.status, file.body.length]).toEqual([206, 4]);
    });
  }
});
