// Express, as its page on performance recommends: NODE_ENV is production, nothing that it need not do is switched on.
import express from 'express';
import { data, greeting, page, receipt } from './content.mjs';

const site = express();
site.disable('x-powered-by');
site.use(express.json());
site.get('/hello/:name', (request, response) => response.type('text').send(greeting(request.params.name)));
site.get('/json', (_request, response) => response.json(data()));
site.post('/orders', (request, response) => response.json(receipt(request.body)));
site.get('/page', (_request, response) => response.type('text').send(page));

export const serve = (port) => site.listen(port, '127.0.0.1');
export const adapt = ({ fromNodeListener }) => fromNodeListener(site);
