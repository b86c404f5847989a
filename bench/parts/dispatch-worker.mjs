// The other side of dispatch.mjs: answers every request at once.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';

const text = '200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n';
const body = Buffer.from('Hello, world\n');

/** What every worker answers: head and body of a response. */
export const ANSWER = text + body.latin1Slice();

/** What piscina runs. */
export default function answer(request) {
  if (request.length === 0) throw new Error('a request without a head');
  return ANSWER;
}

async function serveRings({ kind, root, memory, layout, index }) {
  const load = (path) => import(pathToFileURL(join(root, 'dist/src', path)).href);
  const { DONE, HEAD_HAS_LENGTH } = await load('interface/transport.js');
  const { AsyncWorkerEnd, SyncWorkerEnd } = await load('rings/index.js');
  const head = { status: 200, text, length: body.length, flags: HEAD_HAS_LENGTH };
  const serve = (request) => {
    answer(request.text());
    void request.send(head, body, DONE, body.length);
  };
  if (kind === 'async') return new AsyncWorkerEnd(memory, layout, index, serve).run();
  const end = new SyncWorkerEnd(memory, layout, index);
  for (let request = end.take(); request !== null; request = end.take()) serve(request);
}

const { kind } = workerData ?? {};
if (kind === 'postMessage') parentPort.on('message', (request) => parentPort.postMessage(answer(request)));
else if (kind === 'sync' || kind === 'async') await serveRings(workerData);
