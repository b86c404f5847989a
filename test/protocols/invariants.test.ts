/**
 * Any order of events leaves states that go together (`Connection.invariant`), and tells every owner how its request
 * ends.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FastCgiConnection } from '../../src/protocols/fastcgi/connection.ts';
import { RESPONSE_AWAITED, RESPONSE_STARTED } from '../../src/protocols/states.ts';
import { runsOf } from '../fuzz/runs.ts';
import { ABORT_REQUEST, begin, PARAMS, pairs, record, request, STDIN, stream, VARIABLES } from './fastcgi-client.ts';
import { chunked, Driver, GET, HostDriver, parser, post, type Recorder } from './http/connection-driver.ts';
import { fields, Http2Driver } from './http2-driver.ts';

const { parameters, timeout } = runsOf(1000, 20);

const httpParts = [
  GET,
  GET.repeat(3),
  'GET / HTTP/1.0\r\n\r\n',
  GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
  post('abcdefgh'),
  post('abc', 'Expect: 100-continue\r\n'),
  chunked('3\r\nabc\r\n0\r\n\r\n'),
  chunked('3\r\nab'),
  chunked('zzz\r\n'),
  'GET / HT',
  'c\r\n',
  '\r\n',
  '0\r\n\r\n',
];
const fastCgiParts = [
  request(1),
  request(2, {}, { body: 'abcdefgh' }),
  request(1, {}, { body: 'abc', keep: false }),
  request(1, { CONTENT_LENGTH: '' }, { body: 'abc' }),
  begin(1),
  stream(PARAMS, 1, pairs({ ...VARIABLES, CONTENT_LENGTH: '9' })),
  record(STDIN, 1, 'abc'),
  record(STDIN, 1),
  record(ABORT_REQUEST, 1),
  record(77, 0),
];

type Event = (d: HostDriver, which: number) => void;

/** The next thing that an application can do. */
function step(recorder: Recorder, which: number): void {
  const { exchange } = recorder;
  if (exchange.owner === null) return;
  if (exchange.state === RESPONSE_AWAITED && which % 3 !== 0) {
    exchange.isGet = which % 5 === 0;
    recorder.start(which % 2 === 0 ? 2 : -1, 'Content-Type: text/event-stream\r\n', 0, false);
  } else if (exchange.state === RESPONSE_STARTED && which % 3 === 1 && exchange.left !== 0) {
    recorder.data(exchange.left < 0 ? 'x'.repeat(40_000 * (which % 4)) : 'x');
  } else if (exchange.state === RESPONSE_STARTED && which % 3 === 2) recorder.end();
  else recorder.done();
}

const one = (d: HostDriver, which: number): Recorder | undefined => d.requests[which % Math.max(1, d.requests.length)];
const events: Record<string, Event> = {
  application: (d, which) => {
    const recorder = one(d, which >> 3);
    if (recorder !== undefined) step(recorder, which);
  },
  answer: (d, which) => {
    const recorder = one(d, which);
    if (recorder?.exchange.owner && recorder.exchange.state === RESPONSE_AWAITED) recorder.answer();
  },
  break: (d, which) => {
    const recorder = one(d, which);
    if (recorder?.exchange.owner) d.connection.breakResponse(recorder.exchange);
  },
  'reads again': (d, which) => {
    const recorder = one(d, which >> 3);
    if (!recorder?.exchange.owner) return;
    recorder.room = which % 8;
    d.connection.wantBody(recorder.exchange);
  },
  'no room': (d) => {
    d.accepting = false;
  },
  room: (d) => {
    d.accepting = true;
    d.connection.retry();
  },
  'does not read': (d) => {
    d.writable = false;
  },
  drained: (d) => {
    d.writable = true;
    d.connection.drained();
  },
  busy: (d, which) => {
    parser.busy = true; // another connection reads
    const recorder = one(d, which);
    if (recorder?.exchange.owner) d.connection.wantBody(recorder.exchange);
    parser.busy = false;
  },
  expired: (d) => d.connection.expired(),
  ended: (d) => {
    if (!d.paused) d.connection.ended();
  },
  ask: (d) => d.connection.ask(),
  shutdown: (d) => d.connection.shutdown(),
  abort: (d) => d.connection.abort(),
  closed: (d) => d.connection.closed(),
};

const http = () => new Driver({ limitBody: 20, limitDiscard: 5, pipelined: 3 });
const fastCgi = () => {
  const options = { limitBody: 20, variables: { size: 65536, count: 100 }, keepAlive: true };
  return new HostDriver((host) => new FastCgiConnection(host, parser, options));
};

const http2 = () => new Http2Driver({ limitBody: 20 }).begin(fields({ ':method': 'POST' }), true);

it.each([
  ['HTTP', http, httpParts],
  ['HTTP/2', http2, ['a', 'abcdefgh', 'x'.repeat(15)]],
  ['FastCGI', fastCgi, fastCgiParts],
])(
  '%s',
  (_, connect, parts) => {
    const name = fc.constantFrom('feed', 'feed', 'feed', 'application', 'application', ...Object.keys(events));
    const plan = fc.array(fc.tuple(name, fc.nat(1000), fc.integer({ min: 1, max: 60 })), { maxLength: 30 });
    fc.assert(
      fc.property(plan, fc.integer({ min: 0, max: 4 }), fc.boolean(), (steps, room, answers) => {
        const d = connect();
        d.onRequest = (recorder) => {
          recorder.room = room;
          if (answers) recorder.answer();
        };
        for (const [event, which, size] of steps) {
          // A client that sends after its end, or a socket that is gone, is no socket's.
          if (event !== 'feed') events[event](d, which);
          else if (d.destroyed === 'no') d.feed(parts[which % parts.length], size);
          d.connection.invariant();
          if (which % 2 === 0) d.turn();
        }
        d.turn();
        d.connection.closed();
        for (const recorder of d.requests) if (recorder.exchange.owner !== null) recorder.done();
        expect(d.finishedStatuses.length).toBeGreaterThanOrEqual(d.requests.length);
        expect(parser.busy).toBe(false);
      }),
      parameters,
    );
  },
  timeout,
);
