/** L-32: workers that die again and again end the server, where its owner wants that. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serve } from 'quaich';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Command, ended, get, ready, start } from './command.ts';

const module = fileURLToPath(new URL('./apps/supervised.mjs', import.meta.url));
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quaich-crashes-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const quaich = (name: string, ...argv: string[]): Command =>
  start([`${module}:${name}`, '-b', '127.0.0.1:0', '--sync-workers', '3', '--async-workers', '3', ...argv], {
    env: { SUPERVISED: folder },
  });

describe.each([
  ['sync', 'app', '/native?2'],
  ['async', 'asyncApp', '/slow?2000'],
])('%s workers that die again and again', (_kind, name, slow) => {
  it('L-32 end the command in order, with a message and an exit code of their own', async () => {
    const command = quaich(name, '--max-deaths', '2');
    const [url] = await ready(command);
    expect((await get(url, '/exit')).status).toBe(500);
    expect((await get(url)).status).toBe(200);
    // Of the three two are left, whose requests are two. What the other does is brought to its end.
    const [other, last] = await Promise.all([get(url, slow), get(url, '/exit')]);
    expect([other.status, last.status]).toEqual([200, 500]);
    const { code, stderr } = await ended(command);
    expect(stderr).toContain('quaich: 2 workers have died within 60000 ms (maxDeaths): the server gives up\n');
    expect(code).toBe(3);
  });

  it('L-32 L-05 do so, too, where they do not start again', async () => {
    const command = quaich(name, '--max-deaths', '4', '--deaths-window', '5m');
    const [url] = await ready(command);
    writeFileSync(join(folder, 'startup'), '');
    await get(url, '/exit');
    const { code, stderr } = await ended(command);
    expect(stderr.match(/did not start/g)?.length).toBeGreaterThanOrEqual(3);
    expect(code).toBe(3);
  });
});

describe.skipIf(process.platform === 'win32')('a crash', () => {
  it('L-32 cannot be survived where it is in native code', async () => {
    const command = quaich('app');
    const [url] = await ready(command);
    const other = get(url, '/native?2');
    await expect(Promise.all([other, get(url, '/crash')])).rejects.toThrow();
    await expect(other).rejects.toThrow();
    await command.code;
    expect(command.child.signalCode).toBe('SIGSEGV');
  });
});

describe('a server of the library', () => {
  it('L-32 says by `failed` that its workers die again and again', async () => {
    process.env.SUPERVISED = folder;
    const errorLog = { write: () => {} };
    const server = await serve({ apps: `${module}:app`, bind: '127.0.0.1:0', syncWorkers: 1, maxDeaths: 1, errorLog });
    try {
      expect((await get(server.url, '/exit')).status).toBe(500);
      await expect(server.failed).rejects.toMatchObject({ code: 'QUAICH_CRASH_LOOP' });
    } finally {
      await server.close();
      delete process.env.SUPERVISED;
    }
  });
});
