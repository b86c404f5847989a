// The same server, a process for each core, as Node's documentation of `cluster` shows it.
import cluster from 'node:cluster';
import { createServer } from 'node:http';
import { availableParallelism } from 'node:os';
import { listener, options } from './node-http.mjs';

if (cluster.isPrimary) {
  for (let i = 0; i < availableParallelism(); i++) cluster.fork();
} else {
  createServer(options, listener).listen(Number(process.env.PORT), '127.0.0.1');
}
