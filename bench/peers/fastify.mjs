// The small part of the content on Fastify, with a schema for the response of JSON, as it recommends.
import Fastify from 'fastify';
import { hello, json } from '../apps/content.mjs';

const data = JSON.parse(json());
const schema = {
  response: {
    200: {
      type: 'object',
      properties: {
        message: { type: 'string' },
        numbers: { type: 'array', items: { type: 'integer' } },
        nested: { type: 'object', properties: { yes: { type: 'boolean' }, no: { type: 'null' } } },
      },
    },
  },
};

const site = Fastify();
site.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, async (_request, body) => body);
site.get('/', (_request, reply) => reply.type('text/plain').send(hello));
site.get('/json', { schema }, async () => data);
site.post('/length', async (request) => String(request.body.length));
await site.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
