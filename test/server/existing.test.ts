// What people have runs as it is (B-70, L-28, L-29): frameworks, servers and handlers, by the built command.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get as getFrom } from 'node:http';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Command, dist, ended, get, type Place, ready, send, start } from './command.ts';

const build = join(dirname(dist), 'build');
mkdirSync(build, { recursive: true });
// Below the project, where the frameworks are found.
const directory = mkdtempSync(join(build, 'existing-'));
afterAll(() => rmSync(directory, { recursive: true }));

interface Framework {
  what: string;
  /** The packages as `import` takes them; for CommonJS as `require` does, where they have that. */
  load: string;
  require?: string;
  /** Makes `site`, which says hello at `/`. */
  make: string;
  /** Lets it listen; without it the framework has no server of its own here. */
  listen?: string;
}

const FRAMEWORKS: Record<string, Framework> = {
  express: {
    what: 'express application',
    load: `import express from 'express';`,
    require: `const express = require('express');`,
    make: `const site = express(); site.get('/', (req, res) => { res.send('hello express'); });`,
    listen: `site.listen(3000, () => console.log('up'));`,
  },
  router: {
    what: 'express router',
    load: `import { Router } from 'express';`,
    require: `const { Router } = require('express');`,
    make: `const site = Router(); site.get('/', (req, res) => { res.end('hello router'); });
      site.get('/fails', async () => { throw new Error('no luck'); });`,
  },
  koa: {
    what: 'koa application',
    load: `import Koa from 'koa';`,
    require: `const Koa = require('koa');`,
    make: `const site = new Koa(); site.use((context) => { context.body = 'hello koa'; });`,
    listen: `site.listen(3000);`,
  },
  fastify: {
    what: 'fastify application',
    load: `import Fastify from 'fastify';`,
    require: `const Fastify = require('fastify');`,
    make: `const site = Fastify();
      site.register(async (scope) => { scope.get('/', async () => 'hello fastify'); });`,
    listen: `await site.listen({ port: 3000 });`,
  },
  hono: {
    what: 'hono application',
    load: `import { Hono } from 'hono';`,
    require: `const { Hono } = require('hono');`,
    make: `const site = new Hono(); site.get('*', (context) => context.text('hello hono'));`,
  },
  h3: {
    what: 'h3 application',
    load: `import { H3, serve } from 'h3';`,
    make: `const site = new H3(); site.get('/**', () => 'hello h3');`,
    listen: `serve(site, { port: 3000 });`,
  },
  object: {
    what: 'fetch object',
    load: '',
    require: '',
    make: `const site = { fetch: async () => new Response('hello object') };`,
  },
  server: {
    what: 'http server',
    load: `import { createServer } from 'node:http';`,
    require: `const { createServer } = require('node:http');`,
    make: `const site = createServer((request, response) => { response.end('hello server'); });`,
    listen: `site.listen({ port: 3000, host: '0.0.0.0' }, () => console.log('up', site.address().port));`,
  },
};

const files: Record<string, string> = { 'package.json': '{"type":"module"}' };
/** A module, and what it is recognised as. */
interface Way {
  file: string;
  what: string;
  listens: boolean;
}

/** Of each framework the ways to write a module. */
const ways: Record<string, Way[]> = {};
for (const [name, { what, load, require, make, listen }] of Object.entries(FRAMEWORKS)) {
  ways[name] = [];
  const add = (file: string, text: string, as = what): void => {
    files[file] = text;
    ways[name].push({ file, what: as, listens: /-listens|-both/.test(file) });
  };
  add(`${name}.js`, `${load}\n${make}\nexport default site;`);
  add(`${name}.ts`, `${load}\n${make}\nexport const app = site as unknown;`);
  if (require !== undefined) add(`${name}.cjs`, `${require}\n${make}\nmodule.exports = site;`);
  if (listen === undefined) continue;
  add(`${name}-listens.js`, `${load}\n${make}\n${listen}`, 'http server');
  add(`${name}-both.mjs`, `${load}\n${make}\n${listen}\nexport default site;`);
  // CommonJS has no await.
  if (require !== undefined)
    add(`${name}-listens.cjs`, `${require}\n${make}\n${listen.replace('await ', '')}`, 'http server');
}

/** A site that the tests of the adapters have. */
interface Site {
  what: string;
  name: string;
  load?: string;
  /** Puts it below its mount, where it sees the whole path; a server of node:http does not. */
  below?: string;
  listen?: string;
  /** Further ways to write its module, and what they are recognised as. */
  more?: [what: string, text: string][];
}

const HTTP = `import { createServer } from 'node:http';`;
const SITES: Site[] = [
  {
    what: 'express application',
    name: 'expressApp',
    listen: 'site.listen(3000);',
    more: [['http server', `${HTTP} export default createServer(site);`]],
  },
  {
    what: 'koa application',
    name: 'koa',
    listen: 'site.listen(3000);',
    more: [['http server', `${HTTP} export default createServer(site.callback());`]],
  },
  { what: 'fastify application', name: 'fastify', listen: 'await site.listen({ port: 3000 });' },
  {
    what: 'hono application',
    name: 'hono',
    load: `import { Hono } from 'hono';`,
    below: 'new Hono().route(MOUNT, hono)',
    more: [
      ['fetch object', 'export const fetch = site.fetch;'],
      ['fetch object', 'export default { fetch: site.fetch };'],
    ],
  },
  {
    what: 'h3 application',
    name: 'h3',
    load: `import { H3, serve } from 'h3';`,
    below: 'new H3({ silent: true }).mount(MOUNT, h3)',
    listen: 'serve(site, { port: 3000 });',
    more: [['fetch object', 'export const fetch = (request: Request) => site.fetch(request);']],
  },
];

const sites: Way[] = [];
for (const { what, name, load = '', below = name, listen, more = [] } of SITES) {
  const texts: [what: string, text: string][] = [
    [what, 'export default site;'],
    [what, 'export const app: unknown = site;'],
    ...more,
  ];
  if (listen !== undefined) texts.push(['http server', listen]);
  for (const [index, [recognised, text]] of texts.entries()) {
    const file = `site-${name}-${index}.ts`;
    // Each has a copy of its own.
    files[file] = `import { ${name} } from '../../test/adapters/frameworks.ts?${index}';
      ${load}
      const site = ${text === listen ? name : below.replace('MOUNT', `'/${file}'`)};
      ${text}`;
    sites.push({ file, what: recognised, listens: text === listen });
  }
}

Object.assign(files, {
  'fetch.js': `export const fetch = async (request) => new Response('hello ' + new URL(request.url).pathname);`,
  'late.js': `import { createServer } from 'node:http';
    setTimeout(() => createServer((request, response) => response.end('hello late')).listen('3000'), 100);`,
  'hooked.js': `import { createServer } from 'node:http';
    export const server = createServer((request, response) => response.end('hello hooked'));
    export const startup = () => {};
    setTimeout(() => server.listen(3000), 100);`,
  'awaited.js': `import { createServer } from 'node:http';
    import { once } from 'node:events';
    const server = createServer((request, response) => response.end(JSON.stringify(server.listening))).listen(3000);
    await once(server, 'listening');`,
  'both-late.js': `import { createServer } from 'node:http';
    export default { fetch: async () => new Response('exported') };
    setTimeout(() => createServer((request, response) => response.end('wrong')).listen(3000), 20);`,
  'later.js': `import { createServer } from 'node:http';
    setTimeout(() => createServer((request, response) => response.end('hello later')).listen(3000), 400);`,
  'two.js': `import { createServer } from 'node:http';
    for (const port of [3000, 3001]) createServer((request, response) => response.end(String(port))).listen(port);`,
  'handler-listens.js': `import { createServer } from 'node:http';
    export default function handler(request, response) { response.end('hello handler'); }
    createServer(handler).listen(3000);`,
  'beside.js': `import { createServer } from 'node:http';
    const server = createServer((request, response) => response.end('beside'));
    server.listen(0, '127.0.0.1');
    export async function app(environ, startResponse) {
      startResponse('200 OK', []);
      return [Buffer.from(String(server.address().port))];
    }`,
  'listener.js': `export default (req, res) => { res.end('hello ' + req.url); };`,
  'handler.js': `export default (request) => new Response('hello ' + request.method);`,
  'cluster.cjs': `const cluster = require('node:cluster'); if (cluster.isPrimary) cluster.fork();`,
  'nothing.js': `console.log('done');`,
  'waits.js': `setTimeout(() => {}, 50);`,
  'object-only.js': `export const app = { handle() {} };`,
  'main/package.json': '{"main":"lib/start"}',
  'main/lib/start.js': `module.exports = { fetch: async () => new Response('main') };`,
  'main/server.js': 'throw new Error("not this one");',
  'exports/package.json': '{"type":"module","exports":{".":{"import":"./site.js"}},"main":"./none.js"}',
  'exports/site.js': `export const fetch = async () => new Response('exports');`,
  'usual/src/app.ts': `export default { fetch: async (): Promise<Response> => new Response('usual') };`,
});

beforeAll(() => {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
});

const quaich = (argv: string[], place: Place = {}): Command =>
  start([...argv, '-p', '0'], { cwd: directory, ...place });

async function stopped(command: Command): Promise<string> {
  command.child.kill('SIGTERM');
  const { code, stderr } = await ended(command);
  expect(code).toBe(0);
  return stderr;
}

describe('an existing application', () => {
  /** Serves all of them at once: a process for each takes a second of its own. */
  async function served(all: readonly Way[], ask: (url: string) => Promise<void>): Promise<void> {
    const command = quaich([...all.map(({ file }) => `/${file}=./${file}`), '--async-workers', '2']);
    const [url] = await ready(command);
    await ask(url);
    const said = (await stopped(command)).split('\n').map((line) => line.replaceAll(/ {2,}/g, '  '));
    const notes = all.filter(({ listens }) => listens);
    expect(said).toEqual([
      ...notes.map(({ file }) => `quaich: ./${file} calls listen(3000), which is left out: it is served here`),
      ...all.map(({ file, what }) => `/${file}  ./${file}  ${what} · 2 async workers`),
      `listening on ${url}`,
      '',
    ]);
  }

  it('B-70, L-29 is served as it is, in every way to write it', async () => {
    await served(Object.values(ways).flat(), async (url) => {
      for (const [name, list] of Object.entries(ways)) {
        for (const { file } of list) {
          for (let i = 0; i < 3; i += 1) expect((await get(url, `/${file}/`)).text, file).toBe(`hello ${name}`);
          expect((await get(url, `/${file}/nowhere`)).status, file).not.toBe(500);
        }
      }
    });
  });

  it('B-68, B-69, B-70 the sites of the tests of the adapters answer in every way to write them', async () => {
    await served(sites, async (url) => {
      for (const { file } of sites) {
        const ask = (path: string, json?: string) => send(url, `/${file}${path}`, json);
        expect(await ask('/hello'), file).toMatchObject({ status: 200, text: 'hello' });
        expect(await ask('/json', '{"a":1}'), file).toMatchObject({ status: 201, text: '{"got":{"a":1}}' });
        const cookies = await ask('/cookies');
        expect(cookies.headers['set-cookie'], file).toEqual([expect.stringMatching(/^a=1/), expect.anything()]);
        const away = await ask('/away');
        expect([away.status, away.headers.location], file).toEqual([303, expect.stringMatching(/\/hello\?a=b$/)]);
        expect((await ask('/stream')).text, file).toBe('tick 1\ntick 2\ntick 3\n');
        expect((await ask('/nested/where/7?a=b')).text, file).toContain('/where/7?a=b');
        expect([(await ask('/fail')).status, (await ask('/nowhere')).status], file).toEqual([503, 404]);
      }
    });
  });

  it('B-70 a router answers what it has no route for, and errors', async () => {
    const [url] = await ready(quaich(['./router.js']));
    expect([(await get(url, '/nowhere')).status, (await get(url, '/fails')).status]).toEqual([404, 500]);
  });

  it.each([
    [['./fetch.js'], 'fetch object', 'hello /a'],
    [['./late.js'], 'http server', 'hello late'],
    [['./hooked.js'], 'http server', 'hello hooked'],
    [['./awaited.js'], 'http server', 'true'],
    [['./handler-listens.js'], 'http server', 'hello handler'],
    [['./listener.js', '--adapt', 'node'], 'listener for node:http', 'hello /a'],
    [['./handler.js', '--adapt', 'fetch'], 'handler for fetch', 'hello GET'],
  ])('B-70, L-29 is known by what it does, or by word: %j', async (argv, what, answer) => {
    for (const [way, ...flags] of [
      ['1 async worker', '--async-workers', '1'],
      ['inline', '--inline'],
    ]) {
      const command = quaich([...argv, ...flags]);
      const [url] = await ready(command);
      expect((await get(url, '/a')).text).toBe(answer);
      expect(await stopped(command)).toContain(`${argv[0]}  ${what} · ${way}\n`);
    }
  });

  it('L-29 a late call is that of the module that led to it', async () => {
    const command = quaich(['/a=./both-late.js', '/b=./later.js', '--async-workers', '2']);
    const [url] = await ready(command);
    expect((await get(url, '/a')).text).toBe('exported');
    for (let count = 0; count < 4; count += 1) expect((await get(url, '/b')).text).toBe('hello later');
  });

  it('L-29 of two servers the first is served', async () => {
    const command = quaich(['./two.js']);
    const [url] = await ready(command);
    expect((await get(url)).text).toBe('3000');
    expect(await stopped(command)).toContain('by the first of these servers\n');
  });

  it('L-29 a server beside an application listens as it says', async () => {
    const command = quaich(['./beside.js', '--async-workers', '1']);
    const [url] = await ready(command);
    const { text: port } = await get(url);
    expect((await get(`http://127.0.0.1:${port}`)).text).toBe('beside');
    expect(await stopped(command)).toMatch(/^\/ {2}\.\/beside\.js {2}async application · 1 async worker\n/);
  });

  it.each([
    ['./listener.js', /^quaich: "default" in .* is served as a sync application.*\(req, res\).* --adapt node$/m],
    [
      './handler.js',
      /^quaich: "default" in .* is served as a sync application.* for fetch, start it with --adapt fetch$/m,
    ],
  ])('B-70 a function stays an application, with a word to its owner: %s', async (file, line) => {
    const command = quaich([file]);
    await ready(command);
    expect(await stopped(command)).toMatch(line);
    expect((await ended(quaich([file, '--check']))).stderr).toMatch(line);
  });

  it.each([
    ['main', './lib/start.js', 'main'],
    ['exports', './site.js', 'exports'],
    ['usual', './src/app.ts', 'usual'],
  ])('is found where none is named: %s', async (folder, module, answer) => {
    const command = quaich([], { cwd: join(directory, folder) });
    const [url] = await ready(command);
    expect((await get(url)).text).toBe(answer);
    expect(await stopped(command)).toContain(`/  ${module}  fetch object · `);
  });

  it('several are a table, which --log-level hides', async () => {
    const argv = ['/=./koa.js', '/native=./beside.js', '/api=./fetch.js', '--async-workers', '1'];
    const command = quaich(argv);
    const [url] = await ready(command);
    expect((await get(url, '/api/x')).text).toBe('hello /api/x');
    expect(await stopped(command)).toBe(
      `/        ./koa.js     koa application · 1 async worker
/native  ./beside.js  async application · 1 async worker
/api     ./fetch.js   fetch object · 1 async worker
listening on ${url}
`,
    );
    const quiet = quaich([...argv, '--log-level', 'warn']);
    const [quietUrl] = await ready(quiet);
    expect(await stopped(quiet)).toBe(`listening on ${quietUrl}\n`);
  });

  it('are told as objects where the access log has objects', async () => {
    const command = quaich(['./koa.js', '--access-log-format', 'json', '--async-workers', '1']);
    const [url] = await ready(command);
    const said = (await stopped(command)).trimEnd().split('\n');
    const time = expect.any(Number);
    const mount = {
      prefix: '/',
      module: './koa.js',
      export: 'default',
      what: 'koa application',
      where: '1 async worker',
    };
    expect(said.map((line) => JSON.parse(line))).toEqual([
      { level: 30, time, msg: 'mounted', ...mount },
      { level: 30, time, msg: 'listening', url },
    ]);
  });

  it('-p and --host make an address', async () => {
    const command = quaich(['./fetch.js', '--host', '0.0.0.0']);
    const [url] = await ready(command);
    expect(url).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/);
    const { port } = new URL(url);
    const status = await new Promise((resolve, reject) =>
      getFrom({ port, host: '127.0.0.1' }, (response) => resolve(response.resume().statusCode)).on('error', reject),
    );
    expect(status).toBe(200);
  });
});

describe('what is no application', () => {
  it.each([
    [
      './nothing.js',
      /^quaich: \.\/nothing\.js has no export .*: it exports nothing, and lets no server of node:http listen$/m,
    ],
    ['./waits.js', /it exports nothing, and lets no server of node:http listen$/m],
    ['./object-only.js', /^quaich: "app" in .* is an object, expected a function; .* --adapt node or --adapt fetch$/m],
    ['./cluster.cjs', /^quaich: cannot load \.\/cluster\.cjs: cluster\.fork\(\) is not for here/m],
  ])('B-70, L-29 is refused in one line: %s', async (file, line) => {
    const { code, stderr } = await ended(quaich([file]));
    expect(stderr).toMatch(line);
    expect(stderr.split('\n')).toHaveLength(2);
    expect(code).toBe(2);
  });
});
