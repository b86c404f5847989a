// A worker thread of rings.test.ts: checks the checksum of every request body and answers with bytes made from a seed.
import { workerData } from 'node:worker_threads';
import { AsyncWorkerEnd, SyncWorkerEnd } from '../../dist/src/rings/index.js';

const { buffer, layout, worker } = workerData;

function fill(seed, from, length) {
  const chunk = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) chunk[i] = (seed * 31 + (from + i) * 7 + ((from + i) >> 8)) & 255;
  return chunk;
}

function* chunks(seed, length) {
  const size = 1 + ((seed * 7919) % 100_000);
  for (let from = 0; from < length; from += size) yield fill(seed, from, Math.min(size, length - from));
}

function headOf(seed, length) {
  return { status: 200, text: `200 OK\r\nX-Seed: ${seed}\r\n`, length, flags: 4 };
}

function check(seed, from, block) {
  if (Buffer.compare(block, fill(seed + 1, from, block.length)) !== 0) throw new Error(`request ${seed}: wrong bytes`);
}

function plan(request) {
  const text = request.text().slice(request.headStart);
  const [seed, body, length] = text.split(' ').map(Number);
  return { seed, body, length };
}

function serveSync(request) {
  const { seed, body, length } = plan(request);
  try {
    let from = 0;
    for (let block = request.read(65536); block !== null; block = request.read(65536)) {
      check(seed, from, block);
      from += block.length;
    }
    if (from !== body) throw new Error(`request ${seed}: ${from} bytes of ${body}`);
    let head = headOf(seed, length);
    for (const chunk of chunks(seed, length)) {
      request.send(head, chunk, 0, chunk.length);
      head = null;
    }
    request.send(head, null, 2, 0);
  } catch (error) {
    if (error.code !== 'QUAICH_CLIENT_DISCONNECTED') throw error;
    request.done();
  }
}

async function serveAsync(request) {
  const { seed, body, length } = plan(request);
  try {
    let from = 0;
    for (let block = await request.read(65536); block !== null; block = await request.read(65536)) {
      check(seed, from, block);
      from += block.length;
    }
    if (from !== body) throw new Error(`request ${seed}: ${from} bytes of ${body}`);
    let head = headOf(seed, length);
    for (const chunk of chunks(seed, length)) {
      await request.send(head, chunk, 0, chunk.length);
      head = null;
    }
    await request.send(head, null, 2, 0);
  } catch (error) {
    if (error.code !== 'QUAICH_CLIENT_DISCONNECTED') throw error;
    request.done();
  }
}

if (worker < layout.syncWorkers) {
  const end = new SyncWorkerEnd({ buffer }, layout, worker);
  end.note(1, `ready ${worker}`);
  for (let request = end.take(); request !== null; request = end.take()) serveSync(request);
} else {
  const end = new AsyncWorkerEnd({ buffer }, layout, worker, serveAsync);
  end.note(1, `ready ${worker}`);
  await end.run();
}
