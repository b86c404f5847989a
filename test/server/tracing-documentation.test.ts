/** The code of docs/tracing.md, run as the page says. */
import { afterAll, describe, expect, it, vi } from 'vitest';
import { blocks, SampleFolder } from '../docs/samples.ts';
import { ended, get, ready, start } from './command.ts';

const PAGE = 'docs/tracing.md';
const folder = new SampleFolder(PAGE, {}, []);
afterAll(() => folder.remove());

const quaich = (...argv: string[]) =>
  start([...argv, '--sync-workers', '1', '-b', '127.0.0.1:0'], { cwd: folder.path('.'), env: { SLOW_MS: '0' } });

describe('the page about tracing', () => {
  it('has a test for each of its blocks', () => {
    expect(blocks(PAGE).map(({ name }) => name)).toEqual(['telemetry.mjs', 'site.mjs', 'slow.mjs']);
  });

  it('M-26 L-49 has spans of each request, one below the other', async () => {
    const command = quaich('--import', './telemetry.mjs', '--queue-time', './site.mjs');
    const [url] = await ready(command);
    expect(await get(url)).toEqual({ status: 200, text: 'Hello, Ada' });
    command.child.kill('SIGTERM');
    const { code, stdout } = await ended(command);
    expect(code).toBe(0);
    const id = /name: 'GET',\s+id: '(\w+)'/.exec(stdout)?.[1];
    expect(id, stdout).toBeDefined();
    expect(stdout).toContain(`spanId: '${id}'`); // the parent of the other
    expect(stdout).toMatch(/name: 'greeting',/);
    expect(stdout).toMatch(/'quaich\.queue_time': [\d.]+/);
  });

  it('L-48 finds slow requests by the channel', async () => {
    const command = quaich('--import', './slow.mjs', './site.mjs');
    const [url] = await ready(command);
    await get(url, '/a');
    await vi.waitFor(() => expect(command.stderr).toMatch(/^slow: \/a 200 10 bytes \d+ ms$/m), 20_000);
    command.child.kill('SIGTERM');
    expect((await ended(command)).code).toBe(0);
  });
});
