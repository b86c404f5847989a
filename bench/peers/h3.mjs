// The small part of the content on h3 and its server srvx.
import { H3, serve } from 'h3';
import { hello, json } from '../apps/content.mjs';

const greeting = hello.toString();
const data = JSON.parse(json());

const site = new H3();
site.get('/', () => greeting);
site.get('/json', () => data);
site.post('/length', async (event) => String((await event.req.arrayBuffer()).byteLength));
serve(site, { port: Number(process.env.PORT), hostname: '127.0.0.1' });
