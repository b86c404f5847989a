import { describe, expect, it } from 'vitest';
import type { Application, AsyncApplication } from '../../src/index.ts';
import { ConfigurationError, kindOf } from '../../src/index.ts';
import { type AnyApplication, middleware, mount } from '../../src/middleware/index.ts';
import { hello, KINDS, make, type Plain, request } from './drive.ts';

const show =
  (name: string): Plain =>
  (environ, startResponse) =>
    hello(`${name} ${environ.SCRIPT_NAME}|${environ.PATH_INFO}`)(environ, startResponse);

describe.each(KINDS)('mount in the %s convention', (kind) => {
  const table = (entries: Record<string, AnyApplication>): AnyApplication =>
    kind === 'sync'
      ? mount(entries as Record<string, Application>)
      : mount(entries as Record<string, AsyncApplication>);
  const app = table({
    '/': make(kind, show('root')),
    '/app/': make(kind, show('app')),
    '/app/deep': make(kind, show('deep')),
    '/é b': make(kind, show('text')),
  });

  it.each([
    ['/', 'root |/'],
    ['/apple', 'root |/apple'],
    ['/App', 'root |/App'],
    ['/app', 'app /app|'],
    ['/app/', 'app /app|/'],
    ['/app//x', 'app /app|//x'],
    ['/app/deeper', 'app /app|/deeper'],
    ['/app/deep/er', 'deep /app/deep|/er'],
    ['/Ã© b/c', 'text /Ã© b|/c'],
    ['*', 'root |*'],
  ])('%j goes to %j: whole segments, the longest first (G-12, G-14, M-13)', async (path, text) => {
    expect((await request(kind, app, { path })).body.toString('utf8')).toBe(text);
  });

  it('adds to a mount point that is there already, and changes no environ but its own (M-12)', async () => {
    let seen = '';
    const watch = middleware({
      name: 'watch',
      request: (environ) => ({
        onClose() {
          seen = `${environ.SCRIPT_NAME}|${environ.PATH_INFO}`;
        },
      }),
    });
    const reply = await request(kind, watch(app), { script: '/outer', path: '/app/x' });
    expect(reply.text).toBe('app /outer/app|/x');
    expect(seen).toBe('/outer|/app/x');
  });

  it('answers 404 where nothing is mounted', async () => {
    const reply = await request(kind, table({ '/a': make(kind, hello()) }), { path: '/b' });
    expect(reply).toMatchObject({ status: '404 Not Found', text: 'Not Found\n' });
  });

  it('keeps the kind, and nests', async () => {
    const outer = table({ '/v1': app });
    expect(kindOf(outer)).toBe(kind);
    expect((await request(kind, outer, { path: '/v1/app/x' })).text).toBe('app /v1/app|/x');
  });

  it('runs the hooks of each application once, also of one that is mounted twice or behind middleware (L-14)', async () => {
    const log: string[] = [];
    const hooked = (name: string) =>
      Object.assign(make(kind, hello()), {
        startup: () => void log.push(`${name} up`),
        shutdown: () => void log.push(`${name} down`),
      });
    const one = hooked('one');
    const plain = middleware({ name: 'plain', request: () => undefined });
    const mounted = table({ '/1': one, '/2': hooked('two'), '/3': one, '/4': plain(one) });
    await mounted.startup?.({});
    await mounted.shutdown?.({});
    expect(log).toEqual(['one up', 'two up', 'one down', 'two down']);
  });

  it('runs the other shutdowns when one fails, and a failed startup stops (L-05, L-10)', async () => {
    const log: string[] = [];
    const failing = Object.assign(make(kind, hello()), {
      startup() {
        throw new Error('up failed');
      },
      shutdown() {
        throw new Error('down failed');
      },
    });
    const good = Object.assign(make(kind, hello()), {
      startup: () => void log.push('up'),
      shutdown: () => void log.push('down'),
    });
    const mounted = table({ '/1': good, '/2': failing, '/3': good });
    await expect(mounted.startup?.({})).rejects.toThrow('up failed');
    await expect(mounted.shutdown?.({})).rejects.toThrow('down failed');
    expect(log).toEqual(['up', 'down']);
  });
});

describe('mount refuses', () => {
  const app = make('sync', hello()) as Application;

  it('a mixture of kinds, and names the bridge (M-18)', () => {
    const mixed = { '/': app, '/a': make('async', hello()) as never };
    expect(() => mount(mixed)).toThrow(/mount needs sync applications.*asyncToSync/);
  });

  it.each([
    ['nothing', {}],
    ['a prefix without a slash', { app }],
    ['two at one place', { '/a': app, '/a/': app }],
    ['what is no application', { '/a': 'app' as never }],
  ])('%s', (_title, table) => {
    expect(() => mount(table)).toThrow(ConfigurationError);
  });
});
