/** Which file a package is (the algorithm of Node's documentation: Modules: Packages, and ECMAScript modules). */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/interface/errors.ts';
import { resolveModule } from '../../src/pool/find-module.ts';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'quaich-find-')));
/** Packages are looked up from here, and in the folders above. */
const directory = join(root, 'sites', 'blog');

/** A module that says which file it is. */
function write(file: string, text = file.endsWith('.cjs') ? 'module.exports = __filename;' : ''): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text || 'export default import.meta.filename;');
}

function pack(name: string, manifest: object, files: string[], where = directory): void {
  const folder = join(where, 'node_modules', name);
  write(join(folder, 'package.json'), JSON.stringify({ name, type: 'module', ...manifest }));
  for (const file of files) write(join(folder, file));
}

beforeAll(() => {
  write(
    join(directory, 'package.json'),
    JSON.stringify({
      name: 'own',
      type: 'module',
      exports: { './site': './site.js', './cjs': { require: './cjs.cjs' } },
      imports: { '#site': './site.js', '#cjs': { require: './cjs.cjs' } },
    }),
  );
  write(join(directory, 'site.js'));
  write(join(directory, 'cjs.cjs'));
  pack(
    'nulls',
    { exports: { './*': './lib/*.js', './internal/*': null, './open/secret': null, './open/*': './lib/open/*.js' } },
    ['lib/a.js', 'lib/internal/a.js', 'lib/open/a.js', 'lib/open/secret.js'],
  );
  pack(
    'patterns',
    {
      exports: {
        './*': './short/*.js',
        './deep/*': './long/*.js',
        './deep/*.js': './extension/*.js',
        './deep/w*': './longest/*.js',
        './deep/exact': './exact.js',
        './twice/*': './twice/*/*.js',
      },
    },
    [
      ...['short/b.js', 'short/deep/a.js', 'short/deep/exact.js', 'short/deep/wx.js'],
      ...['long/a.js', 'long/a.js.js', 'long/exact.js', 'long/wx.js', 'extension/a.js', 'longest/x.js', 'exact.js'],
      ...['short/twice/x.js', 'twice/x/x.js'],
    ],
  );
  pack(
    'conditions',
    {
      exports: {
        '.': {
          browser: './browser.js',
          node: { require: './require.cjs', import: './import.js' },
          default: './default.js',
        },
        './falls-through': { node: { browser: './browser.js' }, default: './default.js' },
        './refused': { node: null, default: './default.js' },
        './refused-within': { node: { import: null }, default: './default.js' },
        './first': [{ browser: './browser.js' }, './default.js'],
        './null-first': [null, './default.js'],
        './invalid-first': ['bare', './default.js'],
        './sync': { 'module-sync': './import.js', default: './default.js' },
        './addons': { 'node-addons': './import.js', default: './default.js' },
        './types': { types: './browser.js', default: './default.js' },
        './custom': { custom: './import.js', default: './default.js' },
        './order': { default: './default.js', import: './import.js' },
        './required': { require: './require.cjs' },
        './missing': './none.js',
      },
    },
    ['browser.js', 'require.cjs', 'import.js', 'default.js'],
  );
  pack('sugar', { exports: './main.js' }, ['main.js', 'other.js']);
  pack('sugar-conditions', { exports: { import: './main.js', default: './other.js' } }, ['main.js', 'other.js']);
  pack('plain', { main: 'lib.cjs' }, ['lib.cjs', 'sub.cjs', 'other.js', 'folder/index.js']);
  pack('main-without-extension', { main: 'lib' }, ['lib.js']);
  pack('main-folder', { main: './lib' }, ['lib/index.js']);
  pack('no-main', {}, ['index.js']);
  pack('null-exports', { main: 'lib.cjs', exports: null }, ['lib.cjs']);
  pack('no-exports', { main: 'lib.cjs', exports: {} }, ['lib.cjs']);
  pack('outside', { exports: { '.': '../plain/lib.cjs', './nested': './node_modules/x.js' } }, ['node_modules/x.js']);
  pack('mixed', { exports: { '.': './main.js', import: './main.js' } }, ['main.js']);
  pack('slashes', { exports: { './lib/': './lib/' } }, ['lib/a.js']);
  pack('@me/scoped', { exports: { '.': './main.js', './wsgi': './wsgi.js' } }, ['main.js', 'wsgi.js']);
  pack('events', { exports: './main.js' }, ['main.js']);
  pack('above', { exports: './main.js' }, ['main.js'], root);
  pack('covered', { exports: { './other': './main.js' } }, ['main.js']);
  pack('covered', { exports: './main.js' }, ['main.js'], root);
  write(join(directory, 'node_modules/no-package/index.js'), 'module.exports = __filename;');
  write(join(directory, 'node_modules/broken/package.json'), '{');
  write(join(root, 'linked/package.json'), '{"name":"linked","type":"module","exports":"./main.js"}');
  write(join(root, 'linked/main.js'));
  symlinkSync(join(root, 'linked'), join(directory, 'node_modules/linked'), 'junction');
});

afterAll(() => rmSync(root, { recursive: true }));

/** The file of a module, or null where there is none. */
function found(module: string): string | null {
  try {
    return resolveModule(module, directory);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return null;
  }
}

/** What a program in the directory gets from `import()`: the files, or null where it is refused. */
function imported(modules: readonly string[], flags: string[] = []): Record<string, string | null> {
  const program = `
    const files = {};
    for (const module of ${JSON.stringify(modules)}) {
      files[module] = await import(module).then((exports) => exports.default, () => null);
    }
    process.stdout.write(JSON.stringify(files));`;
  const text = execFileSync(process.execPath, [...flags, '--input-type=module', '--eval', program], {
    cwd: directory,
    env: { ...process.env, NODE_OPTIONS: '' },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const files: Record<string, string | null> = JSON.parse(text);
  return files;
}

/** By what they are about. */
const packages = {
  'null targets': ['nulls/a', 'nulls/open/a', 'nulls/internal/a', 'nulls/open/secret'],
  'several patterns': [
    ...['patterns/b', 'patterns/deep/a', 'patterns/deep/a.js', 'patterns/deep/wx', 'patterns/deep/exact'],
    ...['patterns/twice/x', 'patterns/none'],
  ],
  conditions: [
    ...['conditions', 'conditions/falls-through', 'conditions/refused', 'conditions/refused-within'],
    ...['conditions/first', 'conditions/null-first', 'conditions/invalid-first', 'conditions/sync'],
    ...['conditions/addons', 'conditions/types', 'conditions/custom', 'conditions/order', 'conditions/required'],
    ...['conditions/missing', 'conditions/default.js'],
  ],
  'one target': ['sugar', 'sugar/other.js', 'sugar-conditions', 'no-exports', 'mixed', 'slashes/lib/a.js'],
  'targets outside of the package': ['outside', 'outside/nested'],
  'no exports': [
    ...['plain', 'plain/sub.cjs', 'plain/none.js', 'main-without-extension', 'main-folder', 'no-main'],
    ...['null-exports', 'no-package', 'no-package/index.js'],
  ],
  'the package itself': ['own/site', 'own/cjs', 'own', '#site', '#cjs', '#none'],
  places: ['@me/scoped', '@me/scoped/wsgi', '@me/none', 'above', 'covered', 'covered/other', 'linked', 'none'],
  'what is no name of a package': ['@me', '.hidden', 'nulls/../sugar/main.js', 'conditions/%64efault.js'],
};

describe('a package', () => {
  let files: Record<string, string | null>;

  beforeAll(() => {
    files = imported(Object.values(packages).flat());
  });

  describe.each(Object.entries(packages))('%s', (_subject, modules) => {
    it.each(modules)('%s is the file that Node imports', (module) => {
      expect(found(module)).toBe(files[module]);
    });
  });

  it.each(['plain/other', 'plain/folder', 'plain/folder/index'])(
    '%s, which has no exports, is found by `require` alone',
    (module) => {
      expect(found(module)).toBe(createRequire(join(directory, 'site.js')).resolve(module));
    },
  );

  it.each(['fs', 'events', 'node:fs', 'data:text/javascript,'])('%s is none', (module) => {
    expect(found(module)).toBe(null);
  });

  it.each([
    ['none', /^cannot find module "none": no such package from .*blog$/],
    ['conditions/missing', /^cannot find module "conditions\/missing": .* no file for it: see .*package\.json$/],
    ['broken', /^cannot find module "broken": cannot read .*package\.json: it is not valid JSON$/],
  ])('%s is refused with a reason', (module, reason) => {
    expect(() => resolveModule(module, directory)).toThrow(reason);
  });

  it('is found by the conditions of the command line too', () => {
    const flags = ['-C', 'custom', '--conditions=browser'];
    const modules = ['conditions', 'conditions/custom', 'conditions/falls-through'];
    const { execArgv } = process;
    try {
      process.execArgv = [...execArgv, ...flags];
      expect(Object.fromEntries(modules.map((module) => [module, found(module)]))).toEqual(imported(modules, flags));
    } finally {
      process.execArgv = execArgv;
    }
  });
});
