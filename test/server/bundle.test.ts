/** The package as it is built: few files, which all entries share. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { isOwnCode } from '../../src/rules/own-files.ts';
import { framePosition } from '../../src/rules/stack-frame.ts';
import { filesOf, read } from '../house/sources.ts';
import { dist, get, ready, start } from './command.ts';
import { noteLoads } from './loads.ts';

let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'quaich-bundle-'));
});

afterAll(() => rmSync(directory, { recursive: true }));

it('loads what a server needs, and nothing that others need', async () => {
  writeFileSync(
    join(directory, 'site.mjs'),
    `export function* app(environ, startResponse) {
       startResponse('200 OK', []);
       yield Buffer.from('text');
     }`,
  );
  const { execArgv, loaded } = noteLoads(directory);
  const command = start(['./site.mjs', '-b', '127.0.0.1:0'], { cwd: directory, execArgv });
  const [url] = await ready(command);
  expect((await get(url)).text).toBe('text');
  // Threads of further workers are left out: Piscina asks for their entries by `require`, which hooks do not see.
  const own = pathToFileURL(join(dist, '/')).href;
  const files = [...loaded()].filter((url) => url.startsWith(own)).map((url) => url.slice(own.length));
  expect(files.sort()).toEqual([
    'chunks/command.js',
    'chunks/core.js',
    'chunks/gateway.js',
    'chunks/listen-calls.js',
    'chunks/parser.js',
    'chunks/planning.js',
    'chunks/pool.js',
    'chunks/settings.js',
    'chunks/worker.js',
    'src/cli/main.js',
    'src/server/index.js',
    'workers/probe.js',
    'workers/sync.js',
  ]);
});

it('has each module that is started by its address', () => {
  const started = filesOf(['src'], /\.ts$/).flatMap((file) =>
    [...read(file).matchAll(/builtModule\('([^']+)'\)/g)].map(([, name]) => name),
  );
  expect(started.length).toBeGreaterThan(5);
  expect(started.filter((name) => !existsSync(join(dist, `${name}.js`)))).toEqual([]);
});

it('has one class of each error, whichever entry it is taken from', async () => {
  const { RequestBodyError } = await import(join(dist, 'src/index.js'));
  const { RequestDataError } = await import(join(dist, 'src/toolbox/index.js'));
  const error: Error = new RequestDataError('no', 400);
  expect(error).toBeInstanceOf(RequestBodyError);
  expect(error.name).toBe('RequestDataError');
});

it('tells in stacks the lines of the sources, where Node reads source maps', async () => {
  writeFileSync(
    join(directory, 'throws.mjs'),
    `export function app(environ, startResponse) {
       throw new Error('on purpose');
     }`,
  );
  const command = start(['./throws.mjs', '-b', '127.0.0.1:0'], {
    cwd: directory,
    execArgv: ['--enable-source-maps'],
  });
  const [url] = await ready(command);
  expect((await get(url)).status).toBe(500);
  const frames = await vi.waitFor(() => {
    const found = command.stderr.split('\n').map(framePosition);
    expect(found.some((position) => position?.file.endsWith('throws.mjs'))).toBe(true);
    return found.filter((position) => position !== null);
  }, 10_000);
  const [own] = frames.filter(({ file }) => isOwnCode(file));
  expect(own.file).toMatch(/\/src\/engine\/run-sync\.ts$/);
  expect(readFileSync(own.file, 'utf8').split('\n')[own.line - 1]).toContain('app(environ, startResponse)');
});
