// The usual mistakes, each with what is printed: where it is, the cause, and what to do.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../docs/samples.ts';
import { type Command, ended, get, ready, start } from './command.ts';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'quaich-mistakes-')));
afterAll(() => rmSync(directory, { recursive: true }));

const OK = `startResponse('200 OK', [['Content-Type', 'text/plain']])`;
const SITE = `export function app(environ, startResponse) { ${OK}; return []; }`;
const COMMONJS = `exports.app = function app(environ, startResponse) { ${OK}; return []; };`;
/** A module with a mistake in the third line. */
const third = (line: string): string => `// A site.\n${SITE}\n${line}\n`;

const files: Record<string, string> = {
  // As `npm init -y` writes it.
  'init/package.json': '{"name":"init","main":"index.js","type":"commonjs"}',
  'init/site.js': `import 'node:fs';\n${SITE}`,
  'init/exports.js': SITE,
  'init/deep.mjs': `import './site.js';\n${SITE}`,
  'init/named.cjs': SITE,
  'module/package.json': '{"type":"module"}',
  'module/site.js': `const fs = require('node:fs');\n${SITE}`,
  'module/exports.js': COMMONJS,
  'module/directory.js': `console.log(__dirname);\n${SITE}`,
  'module/named.mjs': COMMONJS,
  'plain/package.json': '{}',
  'plain/site.js': SITE,
  'plain/mixed.js': `import 'node:fs';\nrequire('node:fs');\n${SITE}`,
  'empty/package.json': '{}',
  'site/package.json': '{"type":"module"}',
  'site/good.js': SITE,
  'site/other.js': 'export const site = 1, other = 2;',
  'site/object.js': 'export const app = { handle() {} };',
  'site/class.js': 'export class app {}',
  'site/middleware.js': `import { compress } from 'quaich/middleware'; export const app = compress();`,
  'site/list.js': third(`import { compose, compress } from 'quaich/middleware'; compose(compress());`),
  'site/inside.js': third(
    `import { compose, compress } from 'quaich/middleware'; export const site = compose([compress(), app])(app);`,
  ),
  'site/syntax.js': third('export const = 1;'),
  'site/three.js': `import './two.js';\n${SITE}`,
  'site/two.js': `import './syntax.js';`,
  'site/import.js': `import './nowhere.js';\n${SITE}`,
  'site/package.js': `import 'no-such-package';\n${SITE}`,
  'site/throws.js': third(`throw new TypeError('no settings');`),
  'site/rejects.js': third(`Promise.reject(new Error('no database'));`),
  'site/waits.js': third(`await new Promise(() => {});`),
  'site/exits.js': third(`process.exit(3);`),
  'site/startup.js': third(`export function startup() { throw new Error('no database'); }`),
  'site/hook.js': third(`export const startup = 'now';`),
  'bad/package.json': '{"type":"module"}',
  'broken/quaich.config.json': '{ "apps": ',
  'array/quaich.config.json': '[]',
  'two/quaich.config.json': '{}',
  'two/quaich.config.mjs': 'export default {};',
  'unknown/quaich.config.mjs': 'export default { asyncWorker: 2 };',
  'value/quaich.config.mjs': `export default { apps: './site.mjs', syncWorkers: 'many' };`,
  'throwing/quaich.config.mjs': `export default {\n  apps: nowhere,\n};`,
  'json/quaich.config.json': '{ "apps": "./site.mjs", "asyncWorkers": 1, "syncWorkers": 1 }',
  'json/site.mjs': SITE,
  'cjs/quaich.config.cjs': `module.exports = { apps: './site.mjs', syncWorkers: 1 };`,
  'cjs/site.mjs': SITE,
};

for (const [name, text] of Object.entries(files)) {
  mkdirSync(dirname(join(directory, name)), { recursive: true });
  writeFileSync(join(directory, name), text);
}
mkdirSync(join(directory, 'node_modules'));
symlinkSync(root, join(directory, 'node_modules/quaich'));

const init = join(directory, 'init/package.json');
const modules = join(directory, 'module/package.json');
const inSite = (file: string): string => join(directory, 'site', file);

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** A port that is in use. */
const taken = createServer();
const outcomes: Outcome[] = [];

/** Where the command is typed, what is typed, and what its one line has: place, cause, remedy. */
type Mistake = [folder: string, argv: string[], line: (string | RegExp)[], code?: number];

const mistakes: Mistake[] = [
  // Files and exports.
  ['site', ['./good'], ['cannot find module "./good"', inSite('good'), 'does not exist; did you mean good.js?']],
  ['site', ['blog'], ['cannot find module "blog": no such package from', join(directory, 'site')]],
  ['site', ['good'], ['did you mean ./good.js?']],
  ['site', ['..'], ['cannot find module ".."', 'is a directory']],
  ['site', ['./good.js:site'], ['./good.js has no export "site": it exports app']],
  ['site', ['./other.js'], ['./other.js has no export "application", "app" or default: it exports other, site']],
  [
    'site',
    ['./object.js'],
    ['"app" in ./object.js is an object, expected a function', '--adapt node or --adapt fetch'],
  ],
  ['site', ['./class.js'], ['"app" in ./class.js is a class: export a function (environ, startResponse)']],
  ['site', ['./middleware.js'], ['"app" in ./middleware.js is a middleware without an application: give it one']],
  ['site', ['./list.js'], ['cannot load ./list.js', 'compose takes a list of middleware, compose([compress()])(app)']],
  ['site', ['./inside.js'], ['cannot load ./inside.js', 'goes behind the list, compose([...])(app)']],
  ['site', ['api=./good.js'], ['a prefix begins with "/": write "/api=./good.js"']],
  ['site', ['./good.js', './other.js'], ['two applications are mounted at "/"']],
  ['empty', [], ['no application: give [PREFIX=]MODULE[:EXPORT]', 'looked for in package.json, server, app']],
  // Code that does not load.
  ['site', ['./syntax.js'], ['cannot load ./syntax.js: SyntaxError', `(at ${inSite('syntax.js')}:3`]],
  ['site', ['./three.js'], ['cannot load ./three.js: SyntaxError', `(at ${inSite('syntax.js')}:3`]],
  ['site', ['./import.js'], ['cannot load ./import.js', inSite('nowhere.js'), inSite('import.js')]],
  ['site', ['./package.js'], ["cannot load ./package.js: Cannot find package 'no-such-package'", inSite('package.js')]],
  ['site', ['./throws.js'], ['cannot load ./throws.js: TypeError: no settings', `(at ${inSite('throws.js')}:3:`]],
  ['site', ['./rejects.js'], ['cannot load ./rejects.js: nobody handles Error: no database', 'rejects.js:3:']],
  ['site', ['./waits.js'], ['cannot load ./waits.js: its top-level await never settles']],
  ['site', ['./exits.js'], ['cannot load ./exits.js: it ended its thread as process.exit does, with exit code 3']],
  ['site', ['./hook.js'], ['"startup" in ./hook.js is "now", expected a function']],
  // ES modules and CommonJS.
  [
    'init',
    ['./site.js'],
    [
      `cannot load ./site.js: SyntaxError: Cannot use import`,
      `(at ${join(directory, 'init/site.js')}:1)`,
      `it was read as CommonJS by "type": "commonjs" of ${init}: name it site.mjs, or set "type": "module" in ${init}\n`,
    ],
  ],
  ['init', ['./exports.js'], [`it was read as CommonJS by "type": "commonjs" of ${init}: name it exports.mjs, or `]],
  ['init', ['./deep.mjs'], [`name it site.mjs, or set "type": "module" in ${init}\n`]],
  ['init', ['./named.cjs'], ['; it was read as CommonJS by its name, .cjs: name it named.mjs\n']],
  [
    'module',
    ['./site.js'],
    [`it was read as an ES module by "type": "module" of ${modules}: name it site.cjs, or write import and export\n`],
  ],
  ['module', ['./exports.js'], ['ReferenceError: exports is not defined', 'name it exports.cjs, or write import and']],
  ['module', ['./directory.js'], ['name it directory.cjs, or write import and export\n']],
  ['module', ['./named.mjs'], ['it was read as an ES module by its name, .mjs: name it named.cjs, or write']],
  ['plain', ['./mixed.js'], ['it was read as an ES module since it has import or export: name it mixed.cjs, or write']],
  // Flags and addresses.
  ['plain', ['--workers', '4'], ['unknown option --workers: --sync-workers and --async-workers say how many']],
  ['plain', ['--reload'], ['unknown option --reload: `quaich dev` loads applications again']],
  ['plain', ['--watch'], ['unknown option --watch: `quaich dev` loads applications again']],
  ['plain', ['--prot', '1'], ['unknown option --prot; did you mean --port?\n']],
  ['plain', ['--port', 'http'], ['--port: address "127.0.0.1:http": the port must be a number']],
  ['plain', ['-p', '1', '-b', ':2'], ['--port: an address is given by --bind already\n']],
  ['plain', ['--host', 'a b'], ['--host: address "a b:8000": "a b" is not a host name\n']],
  ['plain', ['--adapt', 'koa'], ['--adapt: expected one of known, node, fetch, got "koa"\n']],
  ['plain', ['./site.js', '--port'], ['--port needs a value: PORT\n']],
  // Configurations.
  ['broken', ['--check'], [/^quaich: cannot load quaich\.config\.json: .*JSON.*\n$/]],
  ['array', ['--check'], ['quaich.config.json: it must have an object of settings; that is an array\n']],
  ['two', ['--check'], ['quaich.config.mjs and quaich.config.json are both there: choose one with --config\n']],
  ['unknown', ['--check'], ['quaich.config.mjs: unknown setting: asyncWorker; did you mean asyncWorkers?\n']],
  ['value', ['--check'], ['quaich.config.mjs: syncWorkers: ', '"many"']],
  ['throwing', [], ['cannot load quaich.config.mjs: ReferenceError: nowhere is not defined', 'quaich.config.mjs:2:']],
  ['plain', ['./site.js', '-c', 'none.mjs'], ['cannot read the configuration', 'none.mjs does not exist\n']],
];

/** What is told in more than a line, or by another exit code. */
const others: Mistake[] = [
  [
    'plain',
    ['./site.js', '--port', 'TAKEN'],
    ['cannot listen on 127.0.0.1:', 'the port is in use (EADDRINUSE): stop what listens there, or'],
    1,
  ],
  [
    'site',
    ['./startup.js', '-p', '0', '--sync-workers', '1'],
    ['the startup hook of ./startup.js at / threw: Error: no database', `${inSite('startup.js')}:3:`],
    1,
  ],
];

beforeAll(async () => {
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const place = taken.address();
  const port = typeof place === 'object' ? String(place?.port) : '';
  const commands = [...mistakes, ...others].map(([folder, argv]) => ({
    argv: argv.map((word) => (word === 'TAKEN' ? port : word)),
    directory: join(directory, folder),
  }));
  const program = fileURLToPath(new URL('./apps/many-commands.mjs', import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(commands));
  outcomes.push(...JSON.parse(await text(child.stdout)));
});

afterAll(() => taken.close());

describe('mistakes that keep a server from starting', () => {
  it.each(mistakes)('U-75 in %s: quaich %j', (folder, argv, parts) => {
    const { code, stdout, stderr } = outcomes[mistakes.findIndex((one) => one[0] === folder && one[1] === argv)];
    for (const part of parts) expect(stderr).toEqual(expect.stringMatching(pattern(part)));
    expect(stderr.split('\n')).toHaveLength(2);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it.each(others)('U-75 in %s: quaich %j, told by what ends the start', (folder, argv, parts, exit) => {
    const at = others.findIndex((one) => one[0] === folder && one[1] === argv);
    const { code, stdout, stderr } = outcomes[mistakes.length + at];
    for (const part of parts) expect(stderr).toEqual(expect.stringMatching(pattern(part)));
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' });
  });
});

/** A text as an expression for itself. */
function pattern(part: string | RegExp): RegExp {
  return typeof part === 'string' ? new RegExp(part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')) : part;
}

/** Applications with a mistake in the second line, and what is told of a request: the place where there is one. */
const wrong: Record<string, { line: string; kind?: 'async'; said: string[]; place?: true }> = {
  none: { line: `return [Buffer.from('hello')];`, said: ['startResponse was not called', '(G-102)'] },
  text: { line: `${OK}; return 'hello';`, said: ['returned string; return an iterable of Uint8Array chunks'] },
  strings: {
    line: `${OK}; return ['hello'];`,
    said: ['chunk 0 of the body must be a Uint8Array, got string', 'TextEncoder'],
  },
  bytes: {
    line: `${OK}; return Buffer.from('hello');`,
    said: ['returned Buffer; return an iterable', 'such as [bytes]'],
  },
  nothing: { line: `${OK};`, said: ['returned undefined', '[] for an empty body'] },
  response: {
    line: `return new Response('hello');`,
    said: ['returned Response, which is not iterable', '--adapt fetch'],
  },
  promise: { line: `return Promise.resolve([]);`, said: ['returned a promise; declare it with markAsync', '(B-02)'] },
  later: { line: `${OK}; return (async function* () {})();`, said: ['returned an async iterable; declare it with'] },
  object: {
    line: `startResponse('200 OK', { 'Content-Type': 'text/plain' }); return [];`,
    said: ['the headers are an object; give an array of [name, value] arrays'],
    place: true,
  },
  number: {
    line: `startResponse('200 OK', [['Content-Length', 5]]); return [];`,
    said: ['the value of the header "Content-Length" is 5; header values are strings: String(5)'],
    place: true,
  },
  split: {
    line: `startResponse('200 OK', [['Location', '/\\r\\nSet-Cookie: a']]); return [];`,
    said: ['control character "\\r"', 'never put text from outside into a header unchecked'],
    place: true,
  },
  hop: {
    line: `startResponse('200 OK', [['Connection', 'close']]); return [];`,
    said: ['the header "Connection" is hop-by-hop; leave the connection to the server'],
    place: true,
  },
  status: {
    line: `startResponse(200, []); return [];`,
    said: [`the status is 200; give a string such as '200 OK'`],
    place: true,
  },
  reason: {
    line: `startResponse('200', []); return [];`,
    said: ['no space follows the code', `'200 OK'`],
    place: true,
  },
  twice: {
    line: `${OK}; ${OK}; return [];`,
    said: ['startResponse was called a second time without an error'],
    place: true,
  },
  json: { line: `${OK}; return [JSON.parse('{')];`, said: ['the application threw', 'SyntaxError'], place: true },
  name: { line: `${OK}; return [nowhere];`, said: ['ReferenceError: nowhere is not defined'], place: true },
  short: {
    line: `startResponse('200 OK', [['Content-Length', '9']]); return [Buffer.from('x')];`,
    said: ['the body ended after 1 of 9 bytes'],
  },
  await: {
    kind: 'async',
    line: `${OK}; return [Promise.resolve(Buffer.from('x'))];`,
    said: ['chunk 0 of the body must be a Uint8Array, got Promise', 'await it in an async generator'],
  },
};

describe('mistakes that requests show', () => {
  const names = Object.keys(wrong);
  let server: Command;
  let url = '';

  beforeAll(async () => {
    for (const [name, { line, kind }] of Object.entries(wrong)) {
      const text = `export ${kind ?? ''} function app(environ, startResponse) {\n  ${line}\n}\n`;
      writeFileSync(join(directory, 'bad', `${name}.js`), text);
    }
    const argv = [...names.map((name) => `/${name}=./${name}.js`), '-p', '0'];
    server = start([...argv, '--sync-workers', '1', '--async-workers', '1'], { cwd: join(directory, 'bad') });
    [url] = await ready(server);
    for (const name of names) {
      const status = await get(url, `/${name}?q`).then(
        (response) => response.status,
        () => 0,
      );
      expect(status, name).toBe(name === 'short' ? 0 : 500);
    }
    server.child.kill('SIGTERM');
    expect(await server.code).toBe(0);
  });

  it.each(names)('U-75 %s', (name) => {
    const { said, place } = wrong[name];
    const [, , ...reports] = server.stderr.split(/^(?=quaich: GET )/m);
    const report = server.stderr.split(/^(?=quaich: GET )/m).find((one) => one.startsWith(`quaich: GET "/${name}"`));
    expect(reports.length).toBeGreaterThan(10);
    expect(report).toMatch(new RegExp(`^quaich: GET "/${name}" of \\./${name}\\.js at /${name}: `));
    for (const part of said) expect(report).toContain(part);
    if (place) expect(report).toContain(`${join(directory, 'bad', name)}.js:2:`);
    // Of a broken rule the reader gets the frames of his own code alone.
    if (!/SyntaxError|ReferenceError/.test(String(report))) expect(report).not.toContain(join(root, 'dist'));
  });
});

describe('what is no mistake', () => {
  it.each(['json', 'cjs'])('quaich.config.%s is a configuration', async (folder) => {
    const command = start(['-p', '0'], { cwd: join(directory, folder) });
    const [url] = await ready(command);
    expect((await get(url)).status).toBe(200);
    expect(command.stderr).toBe(`/  ./site.mjs  sync application · 1 sync worker\nlistening on ${url}\n`);
  });

  it('Node says nothing of a package.json without a type', async () => {
    const command = start(['./site.js', '-p', '0', '--sync-workers', '1'], { cwd: join(directory, 'plain') });
    const [url] = await ready(command);
    expect((await get(url)).status).toBe(200);
    command.child.kill('SIGTERM');
    expect((await ended(command)).stderr).toBe(`/  ./site.js  sync application · 1 sync worker\nlistening on ${url}\n`);
  });
});
