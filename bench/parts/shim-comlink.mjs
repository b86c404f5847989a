// The worker of comlink.
import { parentPort } from 'node:worker_threads';
import { expose } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { syncFunction } from './shim-apps.mjs';

expose(syncFunction, nodeEndpoint(parentPort));
