// The same server, a process for each core or as many as the suite wants, as Node's documentation of `cluster` shows.
import cluster from 'node:cluster';
import { createServer } from 'node:http';
import { availableParallelism } from 'node:os';
import { listener, options } from './node-http.mjs';

if (cluster.isPrimary) {
  const workers = Number(process.env.WORKERS ?? availableParallelism());
  for (let i = 0; i < workers; i++) cluster.fork();
} else {
  createServer(options, listener).listen(Number(process.env.PORT), '127.0.0.1');
}
