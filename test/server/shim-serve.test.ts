/** Bridges as applications of a server: sync ones on its sync workers, async ones on its async workers and inline. */
import { fileURLToPath } from 'node:url';
import { type Server, serve } from 'quaich';
import { afterAll, beforeAll, expect, it } from 'vitest';

const module = fileURLToPath(new URL('./apps/bridged.mjs', import.meta.url));
let server: Server;

beforeAll(async () => {
  server = await serve({
    apps: [
      { prefix: '/info', module, export: 'info' },
      { prefix: '/echo', module, export: 'echoSync' },
      { prefix: '/async', module, export: 'infoAsync' },
      { prefix: '/inline', module, export: 'infoAsync', inline: true },
    ],
    bind: '127.0.0.1:0',
    syncWorkers: 2,
    asyncWorkers: 1,
  });
});

afterAll(() => server.close());

it.each(['info', 'async', 'inline'])(
  'L-15 L-02 hooks run on the thread of the application before its first request (/%s)',
  async (path) => {
    const seen = await (await fetch(`${server.url}/${path}`)).json();
    expect(seen.state).toEqual({ startedOn: seen.threadId });
    expect(seen.flags).toEqual([path === 'info', path === 'info', false, path === 'info']);
  },
);

it('B-55 a request body goes through a server and a bridge, in both directions', async () => {
  const body = 'x'.repeat(300_000);
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      fetch(`${server.url}/echo`, { method: 'POST', body: `${i}${body}` }).then((r) => r.text()),
    ),
  );
  expect(answers).toEqual(Array.from({ length: 8 }, (_, i) => `${i}${body}`));
});
