// Hono, on its server for Node.
import { Hono } from 'hono';
import { data } from '../content.mjs';
import { greeting, page, receipt } from './content.mjs';

const site = new Hono();
site.get('/hello/:name', (c) => c.text(greeting(c.req.param('name'))));
site.get('/json', (c) => c.json(data));
site.post('/orders', async (c) => c.json(receipt(await c.req.json())));
site.get('/page', (c) => c.text(page));

export async function serve(port) {
  const server = await import('@hono/node-server'); // it replaces Request and Response: only for itself
  server.serve({ fetch: site.fetch, port, hostname: '127.0.0.1' });
}
// As on its own server, which replaces them unless it is told not to.
export const adapt = ({ fromFetchHandler }) => fromFetchHandler(site, { replaceGlobals: true });
