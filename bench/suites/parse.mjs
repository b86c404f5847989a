// The parsers alone, without a network: what a request costs before anything is done with it.
import { candidates } from '../parts/parse.mjs';
import { partMetrics } from '../parts/repeat.mjs';

/** @param {import('../context.mjs').Context} context */
export const suite = ({ parts }) => ({
  name: 'parse',
  title: 'Parsers of requests',
  notes: [
    'To offsets: where everything lies is found, and callbacks only count; http-parser-js makes strings anyway. To an ' +
      'object: a finished environ, or method, target and an object of fields as node:http makes it. llhttp is the build ' +
      'for wasm that undici ships; the one in node:http is native and cannot be called alone.',
  ],
  metrics: partMetrics('ns'),
  enough: 0.4,
  base: 'llhttp in wasm',
  candidates: parts('parse.mjs', candidates),
  cases: [
    { name: 'head of 40 bytes, to offsets', request: 'least', to: 'offsets' },
    { name: 'head of 207 bytes, to offsets', request: 'client', to: 'offsets' },
    { name: 'browser head of 14 fields, to offsets', request: 'browser', to: 'offsets', quick: true },
    { name: 'head of 8 KiB with a long cookie, to offsets', request: 'cookie', to: 'offsets' },
    { name: 'head of 8 KiB in 90 fields, to offsets', request: 'manyFields', to: 'offsets' },
    { name: 'browser head in 2 reads, to offsets', request: 'browser', read: 600, to: 'offsets' },
    { name: 'browser head by 16 bytes a read, to offsets', request: 'browser', read: 16, to: 'offsets' },
    { name: 'browser head byte by byte, to offsets', request: 'browser', read: 1, to: 'offsets' },
    { name: 'chunked body of 256 × 64 bytes, to offsets', request: 'smallChunks', to: 'offsets', quick: true },
    { name: 'chunked body of 4 × 64 KiB, to offsets', request: 'largeChunks', to: 'offsets' },
    { name: 'head of 40 bytes, to an object', request: 'least', to: 'object' },
    { name: 'head of 207 bytes, to an object', request: 'client', to: 'object' },
    { name: 'browser head of 14 fields, to an object', request: 'browser', to: 'object', quick: true },
    { name: 'head of 8 KiB with a long cookie, to an object', request: 'cookie', to: 'object' },
    { name: 'head of 8 KiB in 90 fields, to an object', request: 'manyFields', to: 'object' },
  ],
});
