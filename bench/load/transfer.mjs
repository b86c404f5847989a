// One large transfer on one connection, up or down: what wrk and autocannon cannot do, who hold a whole body in memory.
// It reads or writes as fast as the server does the other, and compares each byte that it reads with the right one.
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { takeOrder } from '../../dist/src/bench/load-process.js';
import { WrongAnswer } from '../../dist/src/bench/load-request.js';
import { block, CHUNK, MIB, PERIOD } from '../apps/content.mjs';

/**
 * @typedef {object} TransferOrder
 * @property {string} origin
 * @property {'up' | 'down'} direction
 * @property {number} pieces of 64 KiB
 */

takeOrder(async (/** @type {TransferOrder} */ { origin, direction, pieces }) => {
  const before = process.cpuUsage();
  const began = performance.now();
  await { up, down }[direction](origin, pieces);
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - began) / 1000, cpu: user + system };
});

const CONTENT = block(MIB); // longer than anything that is read at once

async function down(origin, pieces) {
  const [response] = await once(httpRequest(`${origin}/chunks/${pieces}`).end(), 'response');
  let at = 0;
  response.on('data', (read) => {
    const start = at % PERIOD;
    if (CONTENT.compare(read, 0, read.length, start, start + read.length) !== 0) {
      response.destroy(new WrongAnswer(`/chunks/${pieces}: other bytes than expected after ${at}`));
    }
    at += read.length;
  });
  await once(response, 'end');
  expect(`/chunks/${pieces}`, response.statusCode, at, pieces * CHUNK.length);
}

function* repeat(pieces) {
  for (let i = 0; i < pieces; i++) yield CHUNK;
}

async function up(origin, pieces) {
  const length = pieces * CHUNK.length;
  const request = httpRequest(`${origin}/length`, { method: 'POST', headers: { 'content-length': length } });
  const [[response]] = await Promise.all([once(request, 'response'), pipeline(repeat(pieces), request)]);
  expect('/length', response.statusCode, await text(response), String(length));
}

function expect(path, status, got, wanted) {
  if (status !== 200 || got !== wanted) throw new WrongAnswer(`${path}: ${status} ${got} in place of 200 ${wanted}`);
}
