/** G-152 in the ways an application can run. */
import { fileURLToPath } from 'node:url';
import { type Server, serve } from 'quaich';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { talk } from './client.ts';

const module = fileURLToPath(new URL('./apps/hints.mjs', import.meta.url));

describe.each([
  ['pooled sync', 'syncApp', false],
  ['pooled async', 'asyncApp', false],
  ['inline', 'asyncApp', true],
])('%s', (_way, name, inline) => {
  let server: Server;
  let without: Server;

  beforeAll(async () => {
    const options = { apps: [{ module, export: name }], bind: '127.0.0.1:0', syncWorkers: 1, asyncWorkers: 1, inline };
    [server, without] = await Promise.all([serve({ ...options, earlyHints: true }), serve(options)]);
  });

  afterAll(() => Promise.all([server.close(), without.close()]));

  const heads = (text: string) =>
    text.split('\r\n\r\n').map((part) => part.split('\r\n').filter((line) => /^(HTTP|Link)/.test(line)));

  it('G-152 hints go ahead of the response, and none after its head', async () => {
    const text = await talk(server.url, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(heads(text).slice(0, 3)).toEqual([
      ['HTTP/1.1 103 Early Hints', 'Link: </a.css>; rel=preload'],
      ['HTTP/1.1 103 Early Hints', 'Link: </b.css>; rel=preload'],
      ['HTTP/1.1 200 OK'],
    ]);
    expect(text).toContain('ApplicationError');
    expect(text).not.toContain('late.css');
  });

  it('G-152 none to clients of HTTP/1.0', async () => {
    const text = await talk(server.url, 'GET / HTTP/1.0\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(text).not.toContain('Link');
  });

  it('G-152 G-154 what was kept of an earlier request sends nothing', async () => {
    await talk(server.url, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const text = await talk(server.url, 'GET /kept HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(text).not.toContain('kept.css');
  });

  it('G-152 they are offered only where the owner wants them', async () => {
    expect(await talk(without.url, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).toContain('not offered');
  });
});
