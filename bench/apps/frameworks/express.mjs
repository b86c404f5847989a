// Express, as its pages on production recommend: NODE_ENV is `production`, and nothing tells that it is Express.
import express from 'express';
import { data } from '../content.mjs';
import { greeting, page, receipt } from './content.mjs';

const site = express();
site.disable('x-powered-by');
site.use(express.json());
site.get('/hello/:name', (request, response) => response.type('text').send(greeting(request.params.name)));
site.get('/json', (_request, response) => response.json(data));
site.post('/orders', (request, response) => response.json(receipt(request.body)));
site.get('/page', (_request, response) => response.type('text').send(page));

export const serve = (port) => site.listen(port, '127.0.0.1');
export const adapt = ({ fromNodeListener }) => fromNodeListener(site);
