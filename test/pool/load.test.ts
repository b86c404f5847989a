import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/interface/errors.ts';
import { resolveModule } from '../../src/pool/find-module.ts';
import { loadApplication, parseApplication } from '../../src/pool/load.ts';

const directory = mkdtempSync(join(tmpdir(), 'quaich-load-'));

const files: Record<string, string> = {
  'package.json': '{"type":"module"}',
  'sync.js': 'export function application() { return []; }\nexport const app = async () => [];',
  'app.js': 'export async function* app() {}\nexport default () => [];',
  'default.js': 'export default async () => [];',
  'marked.js': `export const app = Object.assign(() => [], { [Symbol.for('quaich.kind')]: 'async' });`,
  'nested.js': 'export const sites = { blog: () => [], text: "x" };',
  'object.js': 'export const app = { fetch() {} };',
  'express.js':
    'export const app = Object.assign((request, response, next) => {}, { handle() {}, use() {}, listen() {} });',
  'koa.js': 'export default { callback() {}, use() {}, listen() {}, emit() {} };',
  'fastify.js': 'export const app = { routing() {}, ready() {}, listen() {}, close() {} };',
  'polka.js': 'export const app = { handler() {}, use() {}, listen() {} };',
  'server.cjs': 'module.exports = require("node:http").createServer();',
  'h3.js': 'export const app = Object.assign(() => {}, { fetch() {} });',
  'router.js':
    'export const app = Object.assign((environ, startResponse) => [], { handle() {}, use() {}, fetch() {} });',
  'fetch.js': 'export const fetch = async () => new Response();',
  'fetch.cjs': 'exports.fetch = async () => new Response();',
  'listener.js': 'export default (req, res) => res.end();',
  'unknown.js': 'export const app = { handle() {} };',
  'empty.cjs': '',
  'middleware.js': `
    export const app = Object.defineProperty((app) => app, Symbol.for('quaich.middleware'), { value: true });`,
  'promise.js': 'export const app = Promise.resolve(() => []);',
  'class.js': 'export class App {}\nexport { App as app };',
  'empty.js': '',
  'cjs.cjs': 'function app() { return []; }\nmodule.exports = Object.assign({}, { application: app });',
  'function.cjs': 'module.exports = () => [];',
  'compiled.cjs': 'Object.defineProperty(exports, "__esModule", { value: true }); exports.default = () => [];',
  'hooks.js': `export const app = () => []; export function startup(state) { state.module = true; } export const shutdown = () => {};`,
  'own-hooks.js': `export const app = Object.assign(() => [], { startup(state) { state.own = true; } }); export const startup = () => {};`,
  'bad-hook.js': 'export const app = () => []; export const startup = 5;',
  'throws.js': '\nexport const app = null.x;',
  'throws-text.js': 'throw "plain words";',
  'imports-missing.js': `import 'no-such-package';`,
  'folder/index.js': 'export const app = () => [];',
  'node_modules/modern/package.json': JSON.stringify({
    name: 'modern',
    type: 'module',
    exports: { '.': { import: { node: './main.js' } }, './sub/*': { require: './no.cjs', default: './lib/*.js' } },
  }),
  'node_modules/modern/main.js': 'export const app = async () => [];',
  'node_modules/modern/lib/one.js': 'export const app = () => [];',
  'node_modules/@me/plain/package.json': '{"name":"@me/plain","main":"lib.cjs"}',
  'node_modules/@me/plain/lib.cjs': 'exports.application = () => [];',
  'node_modules/sync.js/package.json': '{"name":"sync.js","main":"index.cjs"}',
  'node_modules/sync.js/index.cjs': 'exports.app = async () => [];',
};

beforeAll(() => {
  symlinkSync('loop.js', join(directory, 'loop.js'));
  mkdirSync(join(directory, 'folder.js'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
});

afterAll(() => rmSync(directory, { recursive: true }));

const load = (text: string) => loadApplication(parseApplication(text), directory);

describe('parseApplication', () => {
  it.each([
    ['./site.js', { module: './site.js' }],
    ['./site.js:app', { module: './site.js', export: 'app' }],
    ['./site.js:sites.blog', { module: './site.js', export: 'sites.blog' }],
    ['/=./site.ts:app', { prefix: '/', module: './site.ts', export: 'app' }],
    ['/api=./api.js:api', { prefix: '/api', module: './api.js', export: 'api' }],
    ['/api=@me/blog/wsgi:app', { prefix: '/api', module: '@me/blog/wsgi', export: 'app' }],
    ['blog', { module: 'blog' }],
    ['blog:default', { module: 'blog', export: 'default' }],
    ['/srv/site.js', { module: '/srv/site.js' }],
    ['/=/srv/a=b/site.js', { prefix: '/', module: '/srv/a=b/site.js' }],
    ['./a=b.js', { module: './a=b.js' }],
    ['C:\\sites\\blog.js', { module: 'C:\\sites\\blog.js' }],
    ['C:/sites/blog.js:app', { module: 'C:/sites/blog.js', export: 'app' }],
    ['/api=C:\\blog.js:app', { prefix: '/api', module: 'C:\\blog.js', export: 'app' }],
    ['file:///srv/site.js', { module: 'file:///srv/site.js' }],
    ['file:///C:/site.js:app', { module: 'file:///C:/site.js', export: 'app' }],
    ['/a=file:///srv/site.js:app', { prefix: '/a', module: 'file:///srv/site.js', export: 'app' }],
  ])('reads %s', (text, expected) => {
    expect(parseApplication(text)).toEqual(expected);
  });

  it.each([
    ['', 'the module is missing'],
    ['/api=', 'the module is missing'],
    [':app', 'the module is missing'],
    ['./site.js:', 'the name of the export is missing after ":"'],
    ['api=./api.js', 'a prefix begins with "/": write "/api=./api.js"'],
    ['=./api.js', 'a prefix begins with "/": write "/=./api.js"'],
  ])('refuses %j', (text, reason) => {
    expect(() => parseApplication(text)).toThrow(reason);
  });
});

describe('loadApplication', () => {
  it.each([
    ['./sync.js', 'sync'],
    ['sync.js', 'sync'],
    ['./sync.js:app', 'async'],
    ['./app.js', 'async'],
    ['./app.js:default', 'sync'],
    ['./default.js', 'async'],
    ['./marked.js', 'async'],
    ['./nested.js:sites.blog', 'sync'],
    ['./cjs.cjs', 'sync'],
    ['./function.cjs', 'sync'],
    ['./compiled.cjs', 'sync'],
    ['modern', 'async'],
    ['modern/sub/one', 'sync'],
    ['@me/plain', 'sync'],
  ])('B-01 finds the application of %s and that it is %s', async (text, kind) => {
    const loaded = await load(text);
    expect(loaded.kind).toBe(kind);
    expect(loaded.app).toBeTypeOf('function');
  });

  it('B-01 lets the configuration decide the kind', async () => {
    expect((await loadApplication({ module: './sync.js', kind: 'async' }, directory)).kind).toBe('async');
  });

  it('takes a file URL and an absolute path', async () => {
    expect((await load(pathToFileURL(join(directory, 'app.js')).href)).kind).toBe('async');
    expect((await load(join(directory, 'app.js'))).kind).toBe('async');
  });

  it('L-01 finds hooks on the application first, then in its module', async () => {
    const state: Record<string, unknown> = {};
    const own = await load('./own-hooks.js');
    await own.startup?.(state);
    const ofModule = await load('./hooks.js');
    await ofModule.startup?.(state);
    expect(state).toEqual({ own: true, module: true });
    expect(own.shutdown).toBeUndefined();
    expect(ofModule.shutdown).toBeTypeOf('function');
  });

  it('L-14 gives one hook for two mounts of one module', async () => {
    expect((await load('./hooks.js')).startup).toBe((await load('/a=./hooks.js:app')).startup);
  });

  it.each([
    ['./none.js', /^cannot find module "\.\/none\.js": .*none\.js does not exist$/],
    ['./app', /^cannot find module "\.\/app": .* does not exist; did you mean app\.js\?$/],
    ['./app.ts', /did you mean app\.js\?$/],
    ['app', /^cannot find module "app": no such package from .*; did you mean \.\/app\.js\?$/],
    ['./folder', /folder is a directory/],
    ['fs', /no such package/],
    ['modern/hidden', /^cannot find module "modern\/hidden": no such package/],
    ['file://elsewhere/site.js', /not a file URL of this machine/],
    ['./loop.js', /^cannot find module "\.\/loop\.js": .*loop\.js cannot be read \(ELOOP\)$/],
    ['./folder.js', /^cannot find module "\.\/folder\.js": .*folder\.js is a directory/],
    ['./app.js/site.js', /^cannot find module .*site\.js does not exist$/],
    ['./app.js:nope', /^\.\/app\.js has no export "nope": it exports app, default$/],
    ['./nested.js', /^\.\/nested\.js has no export "application", "app" or default: it exports sites$/],
    ['./nested.js:sites.shop', /^\.\/nested\.js has no export "sites\.shop": it exports sites$/],
    ['./empty.js', /it exports nothing$/],
    ['./empty.cjs', /it exports nothing$/],
    ['./nested.js:sites.text', /^"sites\.text" in \.\/nested\.js is "x", expected a function$/],
    [
      './unknown.js',
      /^"app" in .* is an object, expected a function; if .* start it with --adapt node or --adapt fetch$/,
    ],
    ['./promise.js', /^"app" in \.\/promise\.js is a Promise, expected a function$/],
    // M-30
    ['./middleware.js', /^"app" in \.\/middleware\.js is a middleware without an application: give it one, as in/],
    ['./class.js', /^"app" in \.\/class\.js is a class: export a function/],
    ['./bad-hook.js', /^"startup" in \.\/bad-hook\.js is 5, expected a function$/],
    ['./throws.js', /^cannot load \.\/throws\.js: TypeError: Cannot read properties of null .*throws\.js:2:\d+\)$/],
    ['./throws-text.js', /^cannot load \.\/throws-text\.js: it threw "plain words"$/],
    ['./imports-missing.js', /^cannot load \.\/imports-missing\.js: .*no-such-package/],
  ])('says in one line what is wrong with %s', async (text, expected) => {
    const error = await load(text).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(String(error instanceof Error && error.message)).toMatch(expected);
    expect(String(error instanceof Error && error.message)).not.toContain('\n');
  });

  it.each([
    ['./object.js', 'fetch object'],
    ['./express.js', 'connect application'],
    ['./fastify.js', 'fastify application'],
    ['./polka.js', 'polka application'],
    ['./server.cjs', 'http server'],
    ['./h3.js', 'h3 handler'],
    ['./fetch.js', 'fetch object'],
    ['./fetch.js:fetch', 'fetch object'],
    ['./fetch.cjs', 'fetch object'],
  ])('B-70 adapts the export of %s: %s', async (text, foreign) => {
    expect(await load(text)).toMatchObject({ kind: 'async', known: { kind: 'async', foreign, listens: [] } });
  });

  it('B-70 takes a function for what its owner says, and for an application where nobody says anything', async () => {
    const spec = { module: './listener.js' };
    const as = async (more: object) => (await loadApplication({ ...spec, ...more }, directory)).known;
    expect(await as({ adapt: 'node' })).toMatchObject({ kind: 'async', foreign: 'listener for node:http' });
    expect(await as({ adapt: 'fetch' })).toMatchObject({ kind: 'async', foreign: 'handler for fetch' });
    expect(await as({})).toMatchObject({ kind: 'sync', foreign: null });
  });

  it('B-70 takes whose kind is declared for an application of the convention', async () => {
    const { known } = await loadApplication({ module: './h3.js', kind: 'sync' }, directory);
    expect(known).toEqual({ kind: 'sync', foreign: null, export: 'app', listens: [] });
  });

  it('L-28 refuses on another thread what is not what the first one found', async () => {
    const known = { kind: 'async', foreign: 'koa application', export: 'app', listens: [] } as const;
    await expect(loadApplication({ module: './h3.js' }, directory, { known })).rejects.toThrow(
      /^\.\/h3\.js is a function on this thread, and was recognised on another as "koa application"/,
    );
  });

  it.each([
    ['application', 'sync', 'async'],
    ['app', 'async', 'sync'],
  ] as const)(
    'L-28 refuses on another thread the export %s, which is %s, where the first had one that is %s',
    (name, kind, other) => {
      const known = { kind: other, foreign: null, export: name, listens: [] };
      return expect(loadApplication({ module: './sync.js', export: name }, directory, { known })).rejects.toThrow(
        new RegExp(
          `^\\./sync\\.js exports an? ${kind} application on this thread, and an? ${other} one on another: a module`,
        ),
      );
    },
  );

  it('takes a function of two parameters for an application, whatever else it has', async () => {
    expect((await load('./router.js')).kind).toBe('sync');
  });

  it('prefers a file to a package of the same name', () => {
    expect(resolveModule('sync.js', directory)).toBe(join(directory, 'sync.js'));
  });
});
