/** That commands of the documentation do what it says. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { parseResponses, talk } from './client.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'quaich-documentation-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const site = `export function app(environ, startResponse) {
  environ['wsgi.errors'].write('from the application: caf\\u00e9\\n');
  environ['wsgi.errors'].flush();
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [];
}`;

describe('the documentation about wsgi.errors', () => {
  it.each(['docs/architecture.md', 'docs/writing-applications.md'])(
    'G-74 says how to redirect it, and it is redirected so: %s',
    async (page) => {
      const text = readFileSync(join(root, page), 'utf8');
      expect(text).toMatch(/standard error/);
      const [, command] = /(npx quaich \.\/site\.js 2>> errors\.log)/.exec(text) ?? [];
      const cli = `exec "${process.execPath}" "${join(root, 'dist/src/cli/main.js')}" --bind 127.0.0.1:0 --sync-workers 1`;
      rmSync(join(folder, 'errors.log'), { force: true });
      writeFileSync(join(folder, 'site.js'), site);
      writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
      const child = spawn('sh', ['-c', command.replace('npx quaich', cli)], { cwd: folder, stdio: 'pipe' });
      const exited = once(child, 'exit');
      const said: Buffer[] = [];
      child.stderr.on('data', (block: Buffer) => said.push(block));
      const log = () => readFileSync(join(folder, 'errors.log'), 'utf8');
      const url = await vi.waitFor(() => /http:\/\/\S+/.exec(log())![0], { timeout: 20_000 });
      expect(parseResponses(await talk(url, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'))[0].status).toBe(200);
      // Flushed before the response ended (G-72): there is nothing to wait for.
      expect(log()).toContain('from the application: caf\u00e9\n');
      child.kill('SIGTERM');
      await exited;
      expect(Buffer.concat(said).toString()).toBe('');
    },
  );
});
