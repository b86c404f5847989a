// The small part of the content on Fastify, with a schema for the response of JSON, as it recommends.
import Fastify from 'fastify';
import { data, dataSchema, hello } from '../apps/content.mjs';

const site = Fastify();
site.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, async (_request, body) => body);
site.get('/', (_request, reply) => reply.type('text/plain').send(hello));
site.get('/json', { schema: { response: { 200: dataSchema } } }, async () => data);
site.post('/length', async (request) => String(request.body.length));
await site.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
