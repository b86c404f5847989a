// The usual mistakes, each with what the command prints: one line with the cause and the remedy.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ended, get, ready, start } from './command.ts';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'quaich-mistakes-')));
afterAll(() => rmSync(directory, { recursive: true }));

const SITE = `export function app(environ, startResponse) { startResponse('200 OK', []); return []; }`;
const COMMONJS = `exports.app = function app(environ, startResponse) { startResponse('200 OK', []); return []; };`;

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
  'json/quaich.config.json': '{ "apps": "./site.mjs", "asyncWorkers": 1, "syncWorkers": 1 }',
  'json/site.mjs': SITE,
  'cjs/quaich.config.cjs': `module.exports = { apps: './site.mjs', syncWorkers: 1 };`,
  'cjs/site.mjs': SITE,
  'broken/quaich.config.json': '{ "apps": ',
  'array/quaich.config.json': '[]',
  'two/quaich.config.json': '{}',
  'two/quaich.config.mjs': 'export default {};',
};

beforeAll(() => {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
});

const init = join(directory, 'init/package.json');
const modules = join(directory, 'module/package.json');

describe('mistakes', () => {
  it.each<[folder: string, argv: string[], line: string | RegExp]>([
    [
      'init',
      ['./site.js'],
      new RegExp(
        `^quaich: cannot load \\./site\\.js: SyntaxError: Cannot use import .* \\(at .*site\\.js:1\\); it was read as ` +
          `CommonJS by "type": "commonjs" of ${init}: name it site\\.mjs, or set "type": "module" in ${init}\n$`,
      ),
    ],
    ['init', ['./exports.js'], `; it was read as CommonJS by "type": "commonjs" of ${init}: name it exports.mjs, or `],
    ['init', ['./deep.mjs'], `name it site.mjs, or set "type": "module" in ${init}\n`],
    ['init', ['./named.cjs'], '; it was read as CommonJS by its name, .cjs: name it named.mjs\n'],
    [
      'module',
      ['./site.js'],
      `; it was read as an ES module by "type": "module" of ${modules}: name it site.cjs, or write import and export\n`,
    ],
    ['module', ['./exports.js'], /ReferenceError: exports is not defined.*: name it exports\.cjs, or write import and/],
    ['module', ['./directory.js'], 'name it directory.cjs, or write import and export\n'],
    ['module', ['./named.mjs'], 'it was read as an ES module by its name, .mjs: name it named.cjs, or write'],
    ['plain', ['./mixed.js'], 'it was read as an ES module since it has import or export: name it mixed.cjs, or write'],
    [
      'plain',
      ['./site.js', '--workers', '4'],
      'unknown option --workers: --sync-workers and --async-workers say how many',
    ],
    ['plain', ['./site.js', '--reload'], 'unknown option --reload: `quaich dev` loads applications again'],
    ['plain', ['./site.js', '--watch'], 'unknown option --watch: `quaich dev` loads applications again'],
    ['plain', ['./site.js', '--prot', '1'], 'unknown option --prot; did you mean --port?\n'],
    ['plain', ['./site.js', '--port', 'http'], '--port: address "127.0.0.1:http": the port must be a number'],
    ['plain', ['./site.js', '-p', '1', '-b', ':2'], '--port: an address is given by --bind already\n'],
    ['plain', ['./site.js', '--host', 'a b'], '--host: address "a b:8000": "a b" is not a host name\n'],
    ['plain', ['./site.js', '--adapt', 'koa'], '--adapt: expected one of known, node, fetch, got "koa"\n'],
    ['plain', [], 'no application: give [PREFIX=]MODULE[:EXPORT], for example ./site.js; looked for in package.json, '],
    ['broken', ['--check'], /^quaich: cannot load quaich\.config\.json: .*JSON.*\n$/],
    ['array', ['--check'], 'quaich.config.json: it must have an object of settings; that is an array\n'],
    ['two', ['--check'], 'quaich.config.mjs and quaich.config.json are both there: choose one with --config\n'],
  ])('in %s: quaich %j', async (folder, argv, line) => {
    const { code, stdout, stderr } = await ended(start(argv, { cwd: join(directory, folder) }));
    if (typeof line === 'string') expect(stderr).toContain(line);
    else expect(stderr).toMatch(line);
    expect(stderr.split('\n')).toHaveLength(2);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

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
    expect(command.stderr).toBe(`/  ./site.js  sync application · 1 sync worker\nlistening on ${url}\n`);
  });
});
