export { runAsyncWorker as default } from '../src/pool/async-worker.ts';
