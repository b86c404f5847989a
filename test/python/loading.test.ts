/** Where Python applications are found, and what is said where they are not. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { resolveModule } from '../../src/pool/find-module.ts';
import { parseApplication } from '../../src/pool/load.ts';
import { pythonApp } from '../../src/python/index.ts';
import { preparePython } from '../../src/python/load.ts';
import { findPyodide } from '../../src/python/pyodide.ts';
import { Runner } from '../../src/python/runner.ts';
import { pythonSettings } from '../../src/python/settings.ts';
import { resolveOptions } from '../../src/server/options.ts';
import { SyncTestClient } from '../../src/testing/sync-client.ts';
import { apps, cache } from './folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'quaich-python-'));
const packages = join(folder, 'venv/lib/python3.11/site-packages');
let runner: Runner;

beforeAll(async () => {
  mkdirSync(packages, { recursive: true });
  writeFileSync(join(packages, 'of_venv.py'), 'app = lambda environ, start_response: []\n');
  mkdirSync(join(folder, 'path'));
  writeFileSync(join(folder, 'path/of_path.py'), 'import of_venv\napp = of_venv.app\n');
  const options = { cache, venv: join(folder, 'venv'), path: [join(folder, 'path')], root: [folder] };
  const { image, settings } = await preparePython(apps, options);
  runner = await Runner.start(image, settings);
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

/** What loading a module says: the name of the export, or why there is none. */
function load(module: string, name = ''): string {
  const isFile = module.endsWith('.py');
  const loaded = JSON.parse(runner.load(isFile ? join(apps, module) : '', isFile ? '' : module, name));
  return loaded.failure ?? loaded.export;
}

describe('the name of an application (PY-01)', () => {
  it('is read as that of others is', () => {
    expect(parseApplication('./site.py')).toEqual({ module: './site.py' });
    expect(parseApplication('/shop=./shop.py:create_app()')).toEqual({
      ...{ prefix: '/shop', module: './shop.py', export: 'create_app()' },
    });
    expect(parseApplication('python:blog.wsgi')).toEqual({ module: 'python:blog.wsgi' });
    expect(parseApplication('/=python:blog.wsgi:application')).toEqual({
      ...{ prefix: '/', module: 'python:blog.wsgi', export: 'application' },
    });
  });

  it('is a file, or stays as it is', () => {
    expect(resolveModule('./site.py', apps)).toBe(join(apps, 'site.py'));
    expect(resolveModule('site.py', apps)).toBe(join(apps, 'site.py'));
    expect(resolveModule('python:blog.wsgi', apps)).toBe('python:blog.wsgi');
    expect(() => resolveModule('./none.py', apps)).toThrow(/none\.py does not exist/);
  });

  it('leads to an export, named or not', () => {
    expect(load('site.py')).toBe('application');
    expect(load('site.py', 'Nested.app')).toBe('Nested.app');
    expect(load('site.py', 'create_app()')).toBe('create_app()');
    expect(load('factory.py')).toBe('create_app()');
    expect(load('behaviours.py', 'checked')).toBe('checked');
  });

  it('leads to a module of a package, by its file too', async () => {
    expect(load('blog.wsgi')).toBe('application');
    for (const target of ['./blog/wsgi.py', 'blog.wsgi', 'python:blog.wsgi:application']) {
      const client = new SyncTestClient(await pythonApp(target, { directory: apps, cache }));
      expect(client.get('/').text).toBe('of a package blog.wsgi');
    }
  });

  it('PY-05 leads to modules of the path and of a virtual environment', () => {
    expect(load('of_path')).toBe('app');
    expect(load('of_venv')).toBe('app');
  });

  it('is that of one application, also where a factory makes it, and however often it is asked for', () => {
    const loaded = () => JSON.parse(runner.load(join(apps, 'factory.py'), '', '')).application;
    expect(loaded()).toBe(loaded());
  });
});

describe('what cannot be served', () => {
  it('PY-02 is told what it is', () => {
    const asgi = 'in /.*asgi.py is an ASGI application: only WSGI is served here, so give it to an ASGI server';
    expect(load('asgi.py')).toMatch(new RegExp(`^"app" ${asgi}$`));
    expect(load('asgi.py', 'instance')).toMatch(new RegExp(`^"instance" ${asgi}$`));
    expect(load('asgi.py', 'number')).toMatch(/^"number" in .*asgi\.py is int, expected a WSGI application$/);
    expect(load('broken_not_there')).toMatch(/^ModuleNotFoundError: No module named 'broken_not_there'/);
  });

  it.each([
    ['broken.py', /^JSONDecodeError: Expecting property name .* \(at .*\/broken\.py:3\)$/],
    ['syntax.py', /^SyntaxError: .* \(at .*\/syntax\.py:1\)$/],
    ['missing.py', /^ModuleNotFoundError: No module named 'wanting' \(at .*\); is it in the virtual environment/],
    ['lacking.py', /^ModuleNotFoundError: No module named 'pwd' \(at .*\); Python on WebAssembly has no pwd: see docs/],
    ['needs_native.py', /native\/__init__\.py:1\); it is native code, which runs here only where it was built for Pyo/],
  ])('PY-03 %s is told why, where, and what to do', (module, message) => {
    expect(load(module)).toMatch(message);
  });

  it('PY-03 has no such export', () => {
    expect(load('site.py', 'nothing')).toMatch(/site\.py has no nothing$/);
    expect(load('blog.words')).toBe('blog.words has no application, app or create_app()');
  });

  it('PY-03 lacks what Python needs', async () => {
    const manifest = join(folder, 'node_modules/pyodide/package.json');
    mkdirSync(join(folder, 'node_modules/pyodide'), { recursive: true });
    writeFileSync(manifest, '{"name":"pyodide","version":"0.27.8"}');
    writeFileSync(join(folder, 'node_modules/pyodide/pyodide.mjs'), '');
    expect(() => findPyodide(folder)).toThrow(/need Pyodide 314 or later; .* is 0\.27\.8: npm i pyodide@314$/);
    expect(() => pythonSettings({ venv: folder }, apps)).toThrow('is no virtual environment');
    expect(() => pythonSettings({ path: ['nowhere'] }, apps)).toThrow('nowhere is no directory');
    await expect(pythonApp('./site.js')).rejects.toThrow('names no Python application');
  });

  it('PY-31 is Python in several processes', () => {
    expect(() => resolveOptions({ apps: join(apps, 'site.py'), processes: 2 })).toThrow(/run in one process/);
    expect(resolveOptions({ apps: join(apps, 'site.py') }).processes).toBe(1);
  });
});

describe('the settings', () => {
  it('PY-05 find the virtual environment that is active, or lies in the directory', () => {
    expect(pythonSettings({}, apps).site).toEqual([]);
    vi.stubEnv('VIRTUAL_ENV', join(folder, 'venv'));
    expect(pythonSettings({}, apps).site).toEqual([packages]);
    vi.unstubAllEnvs();
    const own = join(folder, 'project/.venv/lib/python3.14/site-packages');
    mkdirSync(own, { recursive: true });
    writeFileSync(join(folder, 'project/.venv/pyvenv.cfg'), '');
    expect(pythonSettings({}, join(folder, 'project')).site).toEqual([own]);
  });

  it('leave nothing to be seen but the directories that are named, and what applications need', () => {
    expect(load('shows_root.py')).toMatch(/^LookupError: (?!.*\betc\b).*\btmp\b/);
  });

  it('show all of them where the topmost one is named', async () => {
    const all = { directory: apps, cache, root: ['/'] };
    await expect(pythonApp('./shows_root.py', all)).rejects.toThrow(/LookupError: .*\betc\b.*\btmp\b/);
  });

  it('PY-05 name directories from where they are read', () => {
    const options = resolveOptions({
      ...{ apps: './site.py', directory: apps, pythonPath: 'blog', pythonCache: 'kept', pythonVenv: 'env' },
    });
    expect(options).toMatchObject({
      ...{ pythonPath: [join(apps, 'blog')], pythonCache: join(apps, 'kept'), pythonVenv: join(apps, 'env') },
    });
    expect(resolveOptions({ apps: './site.py', pythonCache: 'off' }).pythonCache).toBe('off');
    expect(pythonSettings({ cache: 'off' }, apps).cache).toBe(null);
    expect(pythonSettings({ root: [folder], cache: join(folder, 'kept') }, apps).roots).toEqual(
      expect.arrayContaining([folder, apps, tmpdir(), join(folder, 'kept')]),
    );
  });
});

describe('where there is no Python (PY-52)', () => {
  it('nothing of it is loaded: what is loads it by name, and only then', () => {
    const root = new URL('../../', import.meta.url);
    const seen = new Set<string>();
    const dynamic = new Set<string>();
    const open = [
      'src/cli/main.ts',
      ...['sync', 'async', 'probe', 'bridge', 'process'].map((name) => `workers/${name}.ts`),
    ];
    for (let file = open.pop(); file !== undefined; file = open.pop()) {
      if (seen.has(file) || file.endsWith('base64.ts')) continue;
      seen.add(file);
      const text = readFileSync(new URL(file, root), 'utf8');
      const resolved = (path: string): string => posix.join(posix.dirname(file), path);
      for (const [, path] of text.matchAll(/^(?:import|export) (?!type )[^;]*?'(\.[^']+\.ts)';$/gm))
        open.push(resolved(path));
      for (const [, path] of text.matchAll(/\bimport\('(\.[^']+)'\)/g)) {
        if (resolved(path).startsWith('src/python/')) dynamic.add(`${file} ${resolved(path)}`);
        else open.push(resolved(path));
      }
    }
    expect([...seen].filter((file) => file.startsWith('src/python/'))).toEqual([]);
    expect(seen.size).toBeGreaterThan(200);
    expect([...dynamic].sort()).toEqual([
      'src/pool/file-locks.ts src/python/file-locks.ts',
      'src/pool/load.ts src/python/load.ts',
      'src/pool/probe.ts src/python/load.ts',
    ]);
  });
});
