// The content of apps/mix.mjs on Fastify, with Piscina for what blocks, one `run` for each request: what people build.
import Fastify from 'fastify';
import { Piscina } from 'piscina';
import { hello } from '../apps/content.mjs';
import { derivePieces } from '../apps/mix.mjs';

const filename = new URL('mix-piscina-task.mjs', import.meta.url).href;
const pool = new Piscina({ filename, minThreads: 2, maxThreads: 2 });
const site = Fastify();
site.get('/sync/hello', () => pool.run(undefined, { name: 'greet' }));
site.get('/sync/burn/:iterations', ({ params }) => pool.run(Number(params.iterations), { name: 'derive' }));
site.get('/async/hello', async () => hello.toString());
site.get('/async/pieces/:iterations', ({ params }) => derivePieces(Number(params.iterations)));
await site.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
