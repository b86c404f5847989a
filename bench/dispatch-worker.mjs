// The other side of dispatch.mjs: answers every request at once.
import { parentPort, workerData } from 'node:worker_threads';
import { DONE } from '../dist/src/interface/transport.js';
import { AsyncWorkerEnd, SyncWorkerEnd } from '../dist/src/rings/index.js';

const head = {
  status: 200,
  text: '200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n',
  length: 13,
  flags: 4,
};
const body = Buffer.from('Hello, world\n');
const whole = head.text + body.latin1Slice();

/** What piscina runs. */
export default function answer(text) {
  if (text.length === 0) throw new Error('a request without a head');
  return whole;
}

function serve(request) {
  answer(request.text());
  void request.send(head, body, DONE);
}

const kind = workerData?.kind;
if (kind === 'sync') {
  const end = new SyncWorkerEnd(workerData.memory, workerData.layout, 0);
  for (let request = end.take(); request !== null; request = end.take()) serve(request);
} else if (kind === 'async') {
  await new AsyncWorkerEnd(workerData.memory, workerData.layout, 0, serve).run();
} else if (kind === 'message') {
  parentPort.on('message', (text) => {
    if (text === null) parentPort.close();
    else parentPort.postMessage(answer(text));
  });
}
