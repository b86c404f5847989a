// Fastify, with schemas for the responses of JSON, as it recommends them.
import Fastify from 'fastify';
import { data, greeting, page, receipt } from './content.mjs';

const site = Fastify();
const schema = (properties) => ({ schema: { response: { 200: { type: 'object', properties } } } });
const dataSchema = schema({
  message: { type: 'string' },
  numbers: { type: 'array', items: { type: 'integer' } },
  nested: { type: 'object', properties: { yes: { type: 'boolean' }, no: { type: 'null' } } },
});
site.get('/hello/:name', async (request) => greeting(request.params.name));
site.get('/json', dataSchema, async () => data());
site.post('/orders', schema({ items: { type: 'integer' } }), async (request) => receipt(request.body));
site.get('/page', async () => page);

export const serve = (port) => site.listen({ port, host: '127.0.0.1' });
export const adapt = ({ fromNodeListener }) =>
  fromNodeListener((request, response) => site.routing(request, response), {
    startup: async () => {
      await site.ready();
    },
    shutdown: () => site.close(),
  });
