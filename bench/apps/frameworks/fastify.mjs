// Fastify, with schemas for the responses of JSON, as it recommends them.
import Fastify from 'fastify';
import { data, dataSchema } from '../content.mjs';
import { greeting, page, receipt } from './content.mjs';

const site = Fastify();
const receiptSchema = { type: 'object', properties: { items: { type: 'integer' } } };
/** Options of a route: what it responds with. */
const responds = (schema) => ({ schema: { response: { 200: schema } } });
site.get('/hello/:name', async (request) => greeting(request.params.name));
site.get('/json', responds(dataSchema), async () => data);
site.post('/orders', responds(receiptSchema), async (request) => receipt(request.body));
site.get('/page', async () => page);

export const serve = (port) => site.listen({ port, host: '127.0.0.1' });
export const adapt = ({ fromNodeListener }) =>
  fromNodeListener((request, response) => site.routing(request, response), {
    startup: async () => {
      await site.ready();
    },
    shutdown: () => site.close(),
  });
