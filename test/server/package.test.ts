import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const bin = (name: string): string => join(root, 'node_modules', name);

let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quaich-package-'));
  // `npm test` has built already; building again would pull dist from under the tests that run beside this one.
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: root });
  const [tarball] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'site', private: true, type: 'module' }));
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', join(folder, tarball)], { cwd: folder });
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true }));

describe('the packed package in an empty folder', () => {
  it('npx quaich ./app.js serves', async () => {
    writeFileSync(
      join(folder, 'app.js'),
      `export function* app(environ, startResponse) {
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        yield Buffer.from('hello from ' + environ.PATH_INFO);
      }
      export async function other(environ, startResponse) {
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        return [await environ['wsgi.input'].read()];
      }`,
    );
    // The command itself, since a signal to npx does not always reach it.
    const command = join(folder, 'node_modules/.bin/quaich');
    const child = spawn(command, ['./app.js', '/other=./app.js:other', '--bind', '127.0.0.1:0'], { cwd: folder });
    let url = '';
    const errors: string[] = [];
    for await (const line of createInterface({ input: child.stderr })) {
      errors.push(line);
      url = /listening on (\S+)/.exec(line)?.[1] ?? '';
      if (url !== '') break;
    }
    expect(errors.map((line) => line.replaceAll(/\d+ | {2,}/g, ''))).toEqual([
      expect.stringMatching(/^\/\.\/app\.js *sync application · sync workers?$/),
      expect.stringMatching(/^\/other\.\/app\.js:other *async application · async workers?$/),
      expect.stringMatching(/^listening on /),
    ]);
    expect(await (await fetch(`${url}/here`)).text()).toBe('hello from /here');
    expect(await (await fetch(`${url}/other`, { method: 'POST', body: 'and back' })).text()).toBe('and back');
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[0]).toBe(0);
  }, 30_000);

  it('npx quaich bench says what to install for its load', async () => {
    const command = [join(folder, 'node_modules/quaich/dist/src/cli/main.js'), 'bench', './app.js'];
    const failed = run(process.execPath, command, { cwd: folder, env: { PATH: '' } });
    await expect(failed).rejects.toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'quaich: no load generator: type "npm install --save-dev autocannon", or install wrk, and start again\n',
    });
  });

  it('npx quaich create has its templates', async () => {
    const command = join(folder, 'node_modules/.bin/quaich');
    for (const flag of ['--javascript', '--typescript']) {
      await run(command, ['create', `new${flag}`, flag], { cwd: folder });
      expect(readdirSync(join(folder, `new${flag}`))).toEqual(expect.arrayContaining(['.gitignore', 'Dockerfile']));
    }
  });

  it('L-70 npx quaich demo serves the examples that need no other package', async () => {
    const command = join(folder, 'node_modules/.bin/quaich');
    const child = spawn(command, ['demo', '-p', '0'], { cwd: folder, env: { ...process.env, EXAMPLES_DATA: folder } });
    const exited = once(child, 'exit');
    let url = '';
    for await (const line of createInterface({ input: child.stderr })) {
      url = /^All examples: (\S+)\/$/.exec(line)?.[1] ?? '';
      if (url !== '') break;
    }
    const index = await (await fetch(`${url}/`)).text();
    expect(index).toContain('href="/late/"');
    expect(index).not.toContain('href="/guestbook/"');
    expect(await (await fetch(`${url}/late/`)).text()).toContain('data-name="node:http"');
    expect(await (await fetch(`${url}/late/sleep?seconds=0`)).json()).toMatchObject({ what: expect.any(String) });
    child.kill('SIGTERM');
    expect((await exited)[0]).toBe(0);
  }, 60_000);

  it('its types resolve', async () => {
    writeFileSync(
      join(folder, 'types.ts'),
      `import { type Application, type AsyncApplication, type Server, serve } from 'quaich';
      import { fromFetchHandler, fromNodeListener } from 'quaich/adapters';
      export const app: Application = (environ, startResponse) => {
        startResponse('200 OK', []);
        return [environ['wsgi.input'].read(10)];
      };
      export const other: AsyncApplication = async (environ, startResponse) => {
        startResponse('200 OK', []);
        return [await environ['wsgi.input'].read(10)];
      };
      export const adapted: AsyncApplication[] = [
        fromNodeListener((_request, response) => response.end()),
        fromFetchHandler(() => new Response(), { arguments: (environ) => [environ] }),
      ];
      export const server: Promise<Server> = serve({ apps: './app.js', bind: 'unix:site.sock' });
      // @ts-expect-error: an application of numbers
      export const wrong: Application = (_environ, startResponse) => (startResponse('200 OK', []), [1]);`,
    );
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--ignoreConfig'];
    const types = ['--types', 'node', '--typeRoots', bin('@types')];
    await run(process.execPath, [bin('typescript/bin/tsc'), ...options, ...types, 'types.ts'], { cwd: folder });
  }, 60_000);

  it('publint and attw are content', async () => {
    await run(process.execPath, [bin('publint/src/cli.js'), '--strict'], { cwd: root });
    const [tarball] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
    const attw = bin('@arethetypeswrong/cli/dist/index.js');
    await run(process.execPath, [attw, join(folder, tarball), '--profile', 'esm-only'], { cwd: root });
  }, 60_000);
});
