/** The code of docs/gateways.md, run. */
import { spawnSync } from 'node:child_process';
import type { AddressInfo, Server } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import { root, SampleFolder } from '../docs/samples.ts';

interface Samples {
  server: Server;
  stop(): Promise<void>;
  site: { server: Server; close(): Promise<void>; fetch(request: Request): Promise<Response> };
  handler: ((request: Request) => Promise<Response>) & { shutdown(): Promise<void> };
}

describe('the page about gateways', () => {
  const replace = {
    'listen(8000)': 'listen(0)',
    'port: 8000': 'port: 0',
    './report.js:app': `${root}examples/demo.js:app`,
  };
  const folder = new SampleFolder('docs/gateways.md', replace, []);
  folder.write(
    'app.js',
    `export async function app(environ, startResponse) {
       const body = await environ['wsgi.input'].read();
       startResponse('200 OK', [['Content-Type', 'text/plain']]);
       return [Buffer.from(environ.SCRIPT_NAME + '|' + environ.PATH_INFO + '|' + Buffer.from(body))];
     }
     export const calls = [];
     app.startup = () => void calls.push('startup');
     app.shutdown = () => void calls.push('shutdown');`,
  );
  folder.write(
    'app-without-hooks.js',
    `import { app as inner } from './app.js'; export const app = async (...call) => inner(...call);`,
  );
  afterAll(() => folder.remove());

  const load = async (index: number): Promise<Samples> => {
    const samples: unknown = await folder.load(`sample-${index}.js`);
    return samples as Samples;
  };

  async function ask(server: Server, path: string, init?: RequestInit): Promise<string> {
    const { port } = server.address() as AddressInfo;
    return (await fetch(`http://localhost:${port}${path}`, init)).text();
  }

  test('node:http, from startup to shutdown', async () => {
    const { server, stop } = await load(0);
    expect(await ask(server, '/a', { headers: { Connection: 'close' } })).toBe('|/a|');
    await stop();
    expect((await folder.load('app.js')).calls).toEqual(['startup', 'shutdown']);
  });

  test.each([
    ['Express', 1],
    ['Koa', 2],
    ['Fastify', 3],
  ])('%s', async (_host, index) => {
    folder.replaceIn(`sample-${index}.js`, './app.js', './app-without-hooks.js');
    const { server, site } = await load(index);
    const listening = server ?? site.server;
    const init = { method: 'POST', body: '{"a":1}', headers: { 'Content-Type': 'application/json' } };
    expect(await ask(listening, '/blog/2026', init)).toBe('/blog|/2026|{"a":1}');
    expect(await ask(listening, '/blog')).toBe('/blog||');
    expect(await ask(listening, '/elsewhere')).not.toContain('|');
    await new Promise((resolve) => listening.close(resolve));
  });

  test('checkContinue', async () => {
    folder.replaceIn('sample-4.js', './app.js', './app-without-hooks.js');
    const { server } = await load(4);
    expect(await ask(server, '/', { method: 'POST', body: 'x' })).toBe('|/|x');
    await new Promise((resolve) => server.close(resolve));
  });

  test('Hono', async () => {
    folder.replaceIn('sample-5.js', './app.js', './app-without-hooks.js');
    const { site } = await load(5);
    const text = async (path: string) => (await site.fetch(new Request(`http://a${path}`))).text();
    expect([await text('/blog/x'), await text('/')]).toEqual(['/blog|/x|', 'the rest of the site']);
  });

  test('CGI', () => {
    folder.replaceIn('sample-6.js', './site.js', './app-without-hooks.js');
    const env = { ...process.env, REQUEST_METHOD: 'POST', SCRIPT_NAME: '/cgi', PATH_INFO: '/x', CONTENT_LENGTH: '2' };
    const { stdout, status } = spawnSync(process.execPath, [folder.path('sample-6.js')], { env, input: 'hi' });
    expect([stdout.toString('latin1').split('\r\n\r\n')[1], status]).toEqual(['/cgi|/x|hi', 0]);
  });

  test('a sync application on threads', async () => {
    const { handler } = await load(7);
    expect((await handler(new Request('http://a/'))).status).toBe(200);
    await handler.shutdown();
  });
});
