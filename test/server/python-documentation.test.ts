/** What the page about Python has in its blocks is typed, and does what it says. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { page, root } from '../docs/samples.ts';
import { cache } from '../python/folder.ts';
import { ready, start } from './command.ts';

const isThere = existsSync(join(root, 'node_modules/pyodide'));
if (!isThere) console.log('The npm package pyodide is not installed: the page about Python is not tried.');
const PACKAGES = '/usr/lib/python3/dist-packages';
const hasFlask = existsSync(join(PACKAGES, 'flask'));
if (!hasFlask) console.log('Flask of Debian is not installed: its example in the page about Python is not tried.');

const files = [...page('docs/python.md').matchAll(/^```(?:js|python) (\S+)\n([\s\S]*?)^```$/gm)];
mkdirSync(join(root, 'build'), { recursive: true });
// Below the project, where `quaich` and `pyodide` are found.
const cwd = mkdtempSync(join(root, 'build', 'python-page-'));
const args = ['-p', '0', '--sync-workers', '1', '--python-cache', cache];
afterAll(() => rmSync(cwd, { recursive: true }));

describe.skipIf(!isThere)('the page about Python', { timeout: 60_000 }, () => {
  beforeAll(() => {
    for (const [, name, code] of files) writeFileSync(join(cwd, name), code);
    writeFileSync(
      join(cwd, 'factory.py'),
      'from site_of_page import application\ndef create_app():\n  return application\n',
    );
    writeFileSync(join(cwd, 'site_of_page.py'), files.find(([, name]) => name === 'site.py')?.[2] ?? '');
  });

  it('has the files that it speaks of', () => {
    expect(files.map(([, name]) => name)).toEqual(['site.py', 'flask_site.py', 'wrapped.js', 'site.test.js']);
  });

  it.each(['./site.py', './site.py:application', 'python:site_of_page', './factory.py:create_app()', './wrapped.js'])(
    'npx quaich %s says hello',
    async (application) => {
      const command = start([application, ...args], { cwd });
      const [url] = await ready(command);
      expect(await (await fetch(url)).text()).toBe('Hello from Python\n');
    },
  );

  it.skipIf(!hasFlask)('Flask below a mount', async () => {
    writeFileSync(join(cwd, 'first.py'), 'import debian12\nfrom flask_site import app\n');
    const path = [PACKAGES, join(root, 'test/python/debian12')].flatMap((folder) => ['--python-path', folder]);
    const command = start(['/flask=./first.py', ...args, ...path], { cwd });
    const [url] = await ready(command);
    expect(await (await fetch(`${url}/flask/`)).text()).toBe("Hello from Flask, mounted at '/flask'\n");
    const headers = { 'Content-Type': 'application/json' };
    const sum = await fetch(`${url}/flask/sum`, { method: 'POST', headers, body: '{"numbers":[1,2,3]}' });
    expect(await sum.json()).toEqual({ sum: 6 });
  });

  it('a test without a server', () => {
    const { status, stdout } = spawnSync(process.execPath, ['--test', 'site.test.js'], {
      cwd,
      env: { ...process.env, NODE_OPTIONS: '' },
      encoding: 'utf8',
    });
    expect(stdout).toMatch(/pass 1/);
    expect(status).toBe(0);
  });
});
