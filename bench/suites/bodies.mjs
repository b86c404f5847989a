// Large responses and uploads: what a server costs for each MiB that it sends and reads.
import { HTTP_METRICS, measureHttp } from '../../dist/src/bench/http-case.js';
import { withLoad } from '../../dist/src/bench/load-process.js';
import { usageOf } from '../../dist/src/bench/process-tree.js';
import { ServerProcess } from '../../dist/src/bench/server-process.js';
import { CHUNK, KIB, MIB, requests } from '../apps/content.mjs';

const { bytes, chunks, file, upload } = requests;

const TRANSFER = new URL('../load/transfer.mjs', import.meta.url);

/** Cases of many requests have `request` and `mib`, the size of one; a transfer has `direction` and `most` MiB. */
const CASES = [
  { name: 'response of 64 KiB, 64 connections', request: bytes(64 * KIB), mib: 1 / 16, connections: 64 },
  { name: 'response of 1 MiB, 64 connections', request: bytes(MIB), mib: 1, connections: 64, quick: true },
  { name: 'response of 16 times 64 KiB, 64 connections', request: chunks(16), mib: 1, connections: 64 },
  { name: 'file of 1 MiB, 64 connections', request: file, mib: 1, connections: 64 },
  { name: 'response in pieces of 64 KiB, up to 1 GiB, 1 connection', direction: 'down', most: 1024 },
  { name: 'upload of 64 KiB, 64 connections', request: upload(64 * KIB), mib: 1 / 16, connections: 64 },
  { name: 'upload of 1 MiB, 64 connections', request: upload(MIB), mib: 1, connections: 64, quick: true },
  { name: 'upload of up to 512 MiB, 1 connection', direction: 'up', most: 512 },
];

/** @param {import('../context.mjs').Context} context */
export const suite = ({ servers }) => ({
  name: 'bodies',
  title: 'Large responses and uploads',
  metrics: [
    { key: 'cpu', title: 'CPU time', unit: 'µs/MiB', better: 'lower' },
    { key: 'rate', title: 'throughput', unit: 'MiB/s', better: 'higher' },
    ...HTTP_METRICS.slice(2),
  ],
  base: 'node:http',
  candidates: servers({ 'node:http': {}, quaich: {}, 'uWebSockets.js': {}, Bun: {} }, start),
  cases: CASES,
});

async function start(command, generator) {
  const server = await ServerProcess.start(command);
  const measure = (one, seconds) =>
    one.direction === undefined ? many(server, generator, one, seconds) : transfer(server, one, seconds);
  return { measure: (one, seconds) => server.during(measure(one, seconds)), stop: () => server.stop() };
}

/** Many requests; their figures are of one MiB. */
async function many(server, generator, one, seconds) {
  const sample = await measureHttp(server, generator, one, seconds);
  return { ...sample, cpu: sample.cpu / one.mib, rate: sample.rate * one.mib };
}

/** One transfer: all of it within a measurement of 2 seconds or more, else as much less as that is shorter. */
async function transfer(server, { direction, most }, seconds) {
  const mib = Math.ceil(most * Math.min(1, Math.max(seconds, 0.01) / 2));
  const order = { port: server.port, direction, pieces: (mib * MIB) / CHUNK.length };
  const before = usageOf(server.pid);
  return withLoad(TRANSFER, order, (load) => {
    const after = usageOf(server.pid);
    return {
      cpu: (after.cpu - before.cpu) / mib,
      rate: mib / load.seconds,
      memory: after.peak / 1e6,
      load: load.cpu / 1e6 / load.seconds,
    };
  });
}
