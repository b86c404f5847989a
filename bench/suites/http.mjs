// Requests with little behind them: what a server costs by itself.
import { HTTP_METRICS } from '../../dist/src/bench/http-case.js';
import { KIB, requests } from '../apps/content.mjs';

const { hello, browser, json, upload } = requests;
const cases = [
  { name: 'small GET, 1 connection', request: hello, connections: 1 },
  { name: 'small GET, 64 connections', request: hello, connections: 64, quick: true },
  { name: 'small GET, 256 connections', request: hello, connections: 256 },
  { name: 'small GET, 1,024 connections', request: hello, connections: 1024 },
  { name: 'small GET, 64 connections, pipelined by 16', request: hello, connections: 64, pipelining: 16 },
  { name: 'browser GET of 14 fields, 64 connections', request: browser, connections: 64 },
  { name: 'JSON, 64 connections', request: json, connections: 64 },
  { name: 'POST of 1 KiB, 64 connections', request: upload(KIB), connections: 64 },
];

/** `cannot` for all cases but these. */
const except = (names, reason) =>
  Object.fromEntries(cases.filter(({ name }) => !names.includes(name)).map(({ name }) => [name, reason]));

const nothing = 'parses nothing';
const python = except(
  ['small GET, 64 connections', 'JSON, 64 connections'],
  'Python is measured with small responses and 64 connections only',
);

const closing = except([], 'it closes each connection, which autocannon takes for an error');

/** @param {import('../context.mjs').Context} context */
export const suite = ({ servers, generator }) => ({
  name: 'http',
  title: 'Small requests',
  metrics: HTTP_METRICS,
  base: 'node:http',
  candidates: servers({
    'node:http': {},
    'node:http, cluster': {},
    quaich: {},
    'raw net, parses nothing': { 'JSON, 64 connections': nothing, 'POST of 1 KiB, 64 connections': nothing },
    'uWebSockets.js': {},
    Bun: {},
    Fastify: {},
    h3: {},
    'gunicorn, sync': generator.startsWith('wrk') ? python : closing,
    'gunicorn, gthread': python,
    uvicorn: python,
    uWSGI: python,
  }),
  cases,
});
