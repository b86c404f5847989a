// Small GET, 64 keep-alive connections: CPU time per request of the whole process, against node:http.
import { fileURLToPath } from 'node:url';
import { hasWrk, load } from './load.mjs';
import { interleave, median, table } from './measure.mjs';
import { startPeer } from './peer.mjs';

const PEERS = {
  'node:http': ['node-http.mjs'],
  'quaich, one sync worker': ['quaich.mjs', 'sync'],
  'quaich, one async worker': ['quaich.mjs', 'async'],
  'quaich, inline': ['quaich.mjs', 'inline'],
};

/** @param {{ rounds?: number, seconds?: number, connections?: number }} options */
export async function benchHttp({ rounds = 5, seconds = 3, connections = 64 } = {}) {
  const peers = new Map();
  try {
    for (const [name, args] of Object.entries(PEERS)) {
      const peer = await startPeer(...args);
      peers.set(name, peer);
      await load(peer.url, { connections, seconds: 2 });
    }
    const results = await interleave([...peers.keys()], rounds, async (name) => {
      const peer = peers.get(name);
      const before = await peer.cpu();
      const result = await load(peer.url, { connections, seconds });
      const used = (await peer.cpu()) - before;
      return { ...result, cpu: used / result.requests, rate: result.requests / result.seconds };
    });
    const base = results.get('node:http');
    return [...results].map(([name, runs]) => ({
      name,
      cpu: median(runs.map((run) => run.cpu)),
      cpuRatio: median(runs.map((run, round) => run.cpu / base[round].cpu)),
      rate: median(runs.map((run) => run.rate)),
      rateRatio: median(runs.map((run, round) => run.rate / base[round].rate)),
      latency50: median(runs.map((run) => run.latency50)),
      latency99: median(runs.map((run) => run.latency99)),
    }));
  } finally {
    for (const peer of peers.values()) await peer.stop();
  }
}

export const title = `Small GET over 64 keep-alive connections, load from ${hasWrk ? 'wrk' : 'autocannon'}`;

/** @param {{ rounds?: number, seconds?: number }} options */
export async function run(options) {
  const rows = await benchHttp(options);
  return table(
    ['server', 'µs CPU/request', 'ratio', 'requests/s', 'ratio', 'p50 ms', 'p99 ms'],
    rows.map((row) => [
      row.name,
      row.cpu.toFixed(2),
      row.cpuRatio.toFixed(2),
      Math.round(row.rate),
      row.rateRatio.toFixed(2),
      row.latency50.toFixed(2),
      row.latency99.toFixed(2),
    ]),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [rounds, seconds] = process.argv.slice(2).map(Number);
  console.log(await run({ rounds: rounds || undefined, seconds: seconds || undefined }));
}
