// The small part of the content on h3 and its server srvx.
import { H3, serve } from 'h3';
import { data, hello } from '../apps/content.mjs';

const greeting = hello.toString();

const site = new H3();
site.get('/', () => greeting);
site.get('/json', () => data);
// Texts are what srvx reads without a native Request; the body is one.
site.post('/length', async (event) => String(Buffer.byteLength(await event.req.text())));
serve(site, { port: Number(process.env.PORT), hostname: '127.0.0.1' });
