/** A report as a run would write it, made up: figures around known medians, with a noise that is the same each time. */
import type { Metric, Sample, SuiteResult } from '../../src/bench/suite.ts';

/** Figures from 0 to 1 that are the same for each seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** About the standard normal distribution: the sum of twelve uniform figures. */
export const normal = (random: () => number): number => {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += random();
  return sum;
};

const HTTP: readonly Metric[] = [
  { key: 'cpu', title: 'CPU time', unit: 'µs/request', better: 'lower' },
  { key: 'rate', title: 'throughput', unit: 'requests/s', better: 'higher' },
  { key: 'p50', title: 'latency p50', unit: 'ms', better: 'lower' },
  { key: 'p90', title: 'latency p90', unit: 'ms', better: 'lower' },
  { key: 'p99', title: 'latency p99', unit: 'ms', better: 'lower' },
  { key: 'p999', title: 'latency p99.9', unit: 'ms', better: 'lower' },
  { key: 'memory', title: 'peak memory', unit: 'MB', better: 'lower' },
  { key: 'load', title: 'CPU of the load', unit: 'cores', better: 'lower' },
];

/** CPU microseconds of a request, of everybody. */
const SERVERS: Readonly<Record<string, number>> = {
  'node:http': 40,
  'node:http, cluster': 43,
  'quaich sync': 21,
  'quaich async': 20.5,
  'quaich inline': 16.5,
  'raw net, parses nothing': 12.5,
  'uWebSockets.js': 12.4,
  Bun: 13.7,
  'Express on Express': 212,
  gunicorn: 192,
};

/** How many times as much a case costs. */
const CASES: Readonly<Record<string, number>> = {
  'small GET, 1 connection': 1.9,
  'small GET, 64 connections': 1,
  'small GET, 1,024 connections': 1.2,
  'POST of 1 KiB, 64 connections': 1.4,
};

export interface SampleOptions {
  readonly seed: number;
  readonly rounds?: number;
  /** Relative spread of a sample. */
  readonly noise?: number;
  /** By candidate, how many times as much it costs in this run. */
  readonly changed?: Readonly<Record<string, number>>;
}

/** A run of two suites: one of servers, one of functions with a metric of its own. */
export function sampleReport({ seed, rounds = 7, noise = 0.02, changed = {} }: SampleOptions) {
  const random = randomFrom(seed);
  const around = (value: number): number => value * Math.exp(noise * normal(random));
  const server = (name: string, cpu: number, connections: number): Sample => {
    const cost = around(cpu);
    const p50 = around((cost * connections) / 1000);
    const latency = { p50, p90: around(p50 * 1.4), p99: around(p50 * 2.2), p999: around(p50 * 5) };
    return { cpu: cost, rate: 1e6 / cost, ...latency, memory: around(60 + name.length), load: cost < 20 ? 0.97 : 0.5 };
  };
  const http: SuiteResult = {
    suite: 'http',
    title: 'Small requests',
    base: 'node:http',
    metrics: HTTP,
    notes: ['One core serves, one makes the load.'],
    cases: Object.entries(CASES).map(([name, factor]) => {
      const cannot: Record<string, string> = name.startsWith('POST')
        ? { 'raw net, parses nothing': 'parses nothing' }
        : {};
      const able = Object.entries(SERVERS).filter(([candidate]) => !Object.hasOwn(cannot, candidate));
      const connections = Number(/[\d,]+(?= conn)/.exec(name)?.[0].replace(',', ''));
      return {
        case: name,
        cannot,
        series: able.map(([candidate, cpu]) => ({
          candidate,
          samples: Array.from({ length: rounds }, () =>
            server(candidate, cpu * factor * (changed[candidate] ?? 1), connections),
          ),
        })),
      };
    }),
  };
  const parse: SuiteResult = {
    suite: 'parse',
    title: 'Heads & <chunks>',
    base: 'http-parser-js',
    metrics: [{ key: 'ns', title: 'time', unit: 'ns/head', better: 'lower' }],
    notes: [],
    cases: ['head of 40 bytes', 'head of 8 KiB'].map((name, index) => ({
      case: name,
      cannot: {},
      series: Object.entries({ 'http-parser-js': 2100, 'llhttp <wasm>': 900, 'quaich, SIMD': 410 }).map(
        ([candidate, ns]) => ({
          candidate,
          samples: Array.from({ length: rounds }, () => ({
            ns: around(ns * (1 + 4 * index) * (changed[candidate] ?? 1)),
          })),
        }),
      ),
    })),
  };
  return {
    format: 1,
    date: '2026-01-02T03:04:05.000Z',
    quaich: '0.1.0',
    commit: '0123456789abcdef0123456789abcdef01234567',
    changed: false,
    machine: { cpu: 'Some CPU', cores: 2, memory: 2 ** 34, system: 'Linux 6.1', node: 'v20.20.2', busy: 0.1 },
    options: { size: 'full', rounds, seconds: 2, warmUp: 2, only: [], generator: 'wrk 4.1.0' },
    versions: {
      ...Object.fromEntries(Object.keys(SERVERS).map((name) => [name, '1.2.3'])),
      '<script>alert(1)</script>': '1',
    },
    leftOut: { uWSGI: 'not installed <here>' },
    suites: [http, parse],
  };
}
