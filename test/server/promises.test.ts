// Hooks of node:async_hooks, also of an AsyncLocalStorage on Node 20, make all promises of a thread slower for good.
// Only an application may turn them on.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ended, get, ready, start } from './command.ts';

const directory = mkdtempSync(join(tmpdir(), 'quaich-promises-'));
afterAll(() => rmSync(directory, { recursive: true }));
writeFileSync(join(directory, 'package.json'), '{"type":"module"}');

const ANSWER = `(environ, startResponse) {
  startResponse('200 OK', []);
  return [Buffer.from('hello')];
}`;
const SERVER = `import http from 'node:http';
http.createServer(async (request, response) => response.end('hello')).listen(3000);`;
writeFileSync(join(directory, 'sync.js'), `export function app${ANSWER}`);
writeFileSync(join(directory, 'async.js'), `export async function app${ANSWER}`);
writeFileSync(join(directory, 'program.js'), SERVER);
const HOOK = `import { createHook } from 'node:async_hooks';\ncreateHook({ init() {} }).enable();`;
writeFileSync(join(directory, 'hooks.js'), `${HOOK}\n${SERVER}`);

/** What V8 says of the fast ways that it has given up on any thread of a server which has answered. */
async function givenUp(...argv: string[]): Promise<string> {
  const execArgv = ['--trace-protector-invalidation'];
  const command = start([...argv, '-b', '127.0.0.1:0'], { cwd: directory, execArgv });
  const [url] = await ready(command);
  expect((await get(url)).text).toBe('hello');
  command.child.kill('SIGTERM');
  const { code, stdout } = await ended(command);
  expect(code).toBe(0);
  return stdout;
}

describe('promises stay as fast as they were', () => {
  it.each(['./sync.js', './async.js', './program.js'])('beside workers: %s', async (application) => {
    expect(await givenUp(application)).not.toContain('PromiseHook');
  });

  it.each(['./async.js', './program.js'])('inline: %s', async (application) => {
    expect(await givenUp('--inline', application)).not.toContain('PromiseHook');
  });

  it('unless the application turns hooks on', async () => {
    expect(await givenUp('./hooks.js')).toContain('PromiseHook');
  });
});
