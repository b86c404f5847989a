/** The tutorial, typed from its first line to its last, in a folder of its own; packages are those of this project. */
import { execFile } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { fences } from '../docs/samples.ts';
import { type Command, get, ready, start } from './command.ts';
import { cleanEnvironment, install } from './installed.ts';

const run = promisify(execFile);
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'quaich-tutorial-')));
afterAll(() => rmSync(folder, { recursive: true }));

const env = cleanEnvironment();
env.PATH = [join(folder, 'node_modules/.bin'), env.PATH].join(delimiter);

let server: Command | undefined;
let url = '';

/** Serves what the line says, at a free port, in place of what was served before. */
async function serve(argv: string): Promise<string> {
  server?.child.kill('SIGTERM');
  await server?.code;
  server = start([...argv.split(' '), '-p', '0'], { cwd: folder });
  [url] = await ready(server);
  return server.stderr;
}

/** Types a line of the shell, and gives what it prints. */
async function type(line: string): Promise<string> {
  const [, packages] = /^npm install (.+)$/.exec(line) ?? [];
  const [, served] = /^npx quaich (?!fetch )(.+)$/.exec(line) ?? [];
  const [, path] = /^curl '?http:\/\/127\.0\.0\.1:8000([^']*)'?$/.exec(line) ?? [];
  if (packages !== undefined) return String(install(folder, packages.split(' ')) ?? '');
  if (served !== undefined) return serve(served);
  if (path !== undefined) return (await get(url, path)).text;
  if (/^(?:mkdir|cd) /.test(line)) return '';
  return (await run('sh', ['-c', line.replace(/^npx /, '')], { cwd: folder, env })).stdout;
}

/** What differs from machine to machine. */
const alike = (text: string): string =>
  text.replace(/\d+ (async|sync) workers?/g, '$1 workers').replace(/127\.0\.0\.1:\d+/g, '127.0.0.1');

describe('the tutorial', () => {
  it('does what it says, from the first line to the last', async () => {
    const written: string[] = [];
    let printed = '';
    for (const { language, name, code, line } of fences('docs/tutorial.md')) {
      if (language === 'sh') for (const typed of code.trimEnd().split('\n')) printed = await type(typed);
      else if (language === 'text') expect(alike(printed), `docs/tutorial.md:${line}`).toBe(alike(code));
      else written.push(name);
      if (language === 'js') writeFileSync(join(folder, name), code);
    }
    expect(written).toEqual(['server.js', 'key.js', 'quaich.config.js', 'key.test.js']);
    expect(printed).toMatch(/^[0-9a-f]{64}\n$/);
    // The configuration file has the same mounts.
    await serve('--sync-workers 1');
    expect((await get(url, '/key')).text).toBe('phrase is missing\n');
    expect((await get(url)).text).toBe('Hello\n');
  }, 90_000);
});
