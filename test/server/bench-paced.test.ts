/** The client of the suite `mix`, against a server in this thread. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const file = fileURLToPath(new URL('../../bench/load/paced.mjs', import.meta.url));
const run = promisify(execFile);

/** Sends light requests for a second, 100 in all, after those that open connections. */
async function pace(onRequest: (count: number) => void, length = 2) {
  let count = 0;
  const server = createServer((_request, response) => {
    onRequest(++count);
    response.end('ok');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const light = { path: '/', status: 200, length };
  const order = { origin: `http://127.0.0.1:${port}`, light, rate: 100, heavy: light, users: 0, seconds: 1 };
  try {
    const { stdout } = await run(process.execPath, [file, JSON.stringify(order)]);
    return { count, result: JSON.parse(stdout) };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('a stall is charged to all requests that were due meanwhile', async () => {
  const { count, result } = await pace((request) => {
    // For 0.7 of the second nobody is answered, from the tenth request on.
    if (request === 64 + 10) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);
  });
  expect(count).toBe(64 + 100);
  expect(result.latency.p99).toBeGreaterThan(600);
  expect(result.latency.p50).toBeGreaterThan(100); // a closed loop would have noticed it once
});

test('an answer of another length fails the load', async () => {
  await expect(pace(() => {}, 3)).rejects.toThrow('/: status 200, 2 bytes');
});
