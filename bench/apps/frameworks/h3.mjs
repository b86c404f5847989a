// h3, whose own `serve` is that of srvx.
import { H3, readBody, serve as serveOnSrvx } from 'h3';
import { data } from '../content.mjs';
import { greeting, page, receipt } from './content.mjs';

const site = new H3();
site.get('/hello/:name', (event) => greeting(event.context.params.name));
site.get('/json', () => data);
site.post('/orders', async (event) => receipt(await readBody(event)));
site.get('/page', () => page);

export const serve = (port) => serveOnSrvx(site, { port, hostname: '127.0.0.1' });
export const adapt = ({ fromFetchHandler }) => fromFetchHandler(site);
