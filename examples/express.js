// @ts-check
/**
 * An Express application, as it is: `fromNodeListener` makes an async application of it. Needs the package `express`.
 *
 *     npx quaich examples/express.js
 *     curl -d '{"name":"Ada"}' -H 'Content-Type: application/json' http://127.0.0.1:8000/greet
 */
import express from 'express';
import { fromNodeListener } from 'quaich/adapters';

const site = express();
site.use(express.json({ limit: '10kb' }));

site.get('/', (request, response) => {
  response
    .type('text')
    .send(`Hello from Express, ${request.ip}. This application is mounted at "${request.baseUrl}".\n`);
});

site.post('/greet', (request, response) => {
  const name = request.body?.name;
  if (typeof name !== 'string') response.status(400).json({ error: 'name is missing' });
  else response.json({ greeting: `Hello, ${name}` });
});

export const app = fromNodeListener(site);
