import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HEAD_HAS_LENGTH, HEAD_NO_BODY } from '../../../src/interface/transport.ts';
import {
  WAIT_APPLICATION,
  WAIT_BODY,
  WAIT_CLIENT,
  WAIT_HALF_CLOSED,
  WAIT_HEAD,
  WAIT_LINGERING,
  WAIT_REQUEST,
  WAIT_ROOM,
} from '../../../src/protocols/host.ts';
import { StateError } from '../../../src/rules/state-machine.ts';
import { detach } from '../../detach.ts';
import { chunked, Driver, GET, parser, post, type Recorder } from './connection-driver.ts';

const OLD = 'GET / HTTP/1.0\r\n\r\n';
const OLD_KEEP = 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const LAST_OK = OK.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n');

describe('framing of responses', () => {
  it('G-123 a known length is announced', () => {
    const d = new Driver().feed(GET);
    d.last.answer();
    expect(d.take()).toBe(OK);
    expect(d.connection.waitingFor).toBe(WAIT_REQUEST);
  });

  it('G-95 a Content-Length of the application stays where it stands', () => {
    const d = new Driver().feed(GET);
    d.last.start(2, 'A: 1\r\ncontent-length: 2\r\nB: 2\r\n', HEAD_HAS_LENGTH);
    expect(d.take()).toBe('HTTP/1.1 200 OK\r\nA: 1\r\ncontent-length: 2\r\nB: 2\r\n\r\n');
  });

  it('G-125 an unknown length is chunked on HTTP/1.1', () => {
    const d = new Driver().feed(GET);
    d.last.start();
    d.last.data('hello');
    d.last.data('x'.repeat(5000));
    d.last.end();
    d.last.done();
    expect(d.take()).toBe(
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1388\r\n${'x'.repeat(5000)}\r\n0\r\n\r\n`,
    );
    expect(d.fin).toBe(false);
  });

  it('G-107 an empty chunk sends nothing', () => {
    const d = new Driver().feed(GET);
    d.last.start();
    d.take();
    d.last.data('');
    expect(d.take()).toBe('');
  });

  it.each([100, 3000])('G-103 %i bytes that are gone cut the response, and no other follows in their place', (size) => {
    const d = new Driver().feed(GET + GET);
    const { exchange } = d.requests[0];
    d.requests[0].start(size, '', 0, true);
    const chunk = detach(new Uint8Array(size));
    expect(() => exchange.connection.data(exchange, chunk, 0, size)).toThrow('G-115');
    d.requests[0].done();
    d.requests[1].answer();
    expect(d.take()).not.toContain('ok');
    expect(d.destroyed).toBe('destroyed');
  });

  it('G-125 an unknown length closes the connection on HTTP/1.0', () => {
    const d = new Driver().feed(OLD_KEEP);
    d.last.start();
    d.last.data('hello');
    d.last.end();
    d.last.done();
    expect(d.take()).toBe('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello');
    expect(d.fin).toBe(true);
  });

  it('G-125 an HTTP/1.0 client that asks for it keeps its connection when the length is known', () => {
    const d = new Driver().feed(OLD_KEEP);
    d.last.answer();
    expect(d.take()).toContain('Connection: keep-alive\r\n');
    expect(d.fin).toBe(false);
  });

  it('an HTTP/1.0 client gets one response', () => {
    const d = new Driver().feed(OLD + OLD);
    expect(d.requests).toHaveLength(1);
    d.last.answer();
    expect(d.take()).toContain('Connection: close\r\n');
    expect(d.fin).toBe(true);
  });

  it('G-231 a connection that stays says for how long, where its owner wants that', () => {
    const lines = 'Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n';
    const d = new Driver({ keepAliveLines: lines }).feed(GET);
    d.last.answer();
    expect(d.take()).toBe(OK.replace('\r\n\r\n', `\r\n${lines}\r\n`));
    d.feed(OLD_KEEP).last.answer();
    expect(d.take()).toBe(OK.replace('\r\n\r\n', `\r\n${lines}\r\n`));
    d.feed(OLD).last.answer();
    expect(d.take()).toBe(LAST_OK);
  });

  it('G-128 and G-129 a head without body gets no framing field', () => {
    const d = new Driver().feed(GET);
    d.last.start(-1, '', HEAD_NO_BODY);
    d.last.end();
    d.last.done();
    expect(d.take()).toBe('HTTP/1.1 200 OK\r\n\r\n');
    expect(d.fin).toBe(false);
  });

  it('G-122 a response shorter than announced breaks the connection', () => {
    const d = new Driver().feed(GET);
    d.last.start(5);
    d.last.data('abc');
    d.last.end();
    expect(d.destroyed).toBe('destroyed');
    expect(d.last.gone).toBe(true);
    d.last.done();
    expect(d.finishedStatuses).toEqual([200]);
  });

  it('G-141 a broken response that only the end of the stream would end is reset', () => {
    const d = new Driver().feed(OLD);
    d.last.start();
    d.last.data('abc');
    d.last.exchange.connection.breakResponse(d.last.exchange);
    expect(d.destroyed).toBe('reset');
  });

  it('sending more than announced is a defect of the server and is refused', () => {
    const d = new Driver().feed(GET);
    d.last.start(1);
    expect(() => d.last.data('ab')).toThrow(StateError);
  });

  it('a second head is a defect of the server and is refused', () => {
    const d = new Driver().feed(GET);
    d.last.start();
    expect(() => d.last.start()).toThrow(StateError);
  });
});

describe('order and persistence', () => {
  it('Connection: close of the client is obeyed and answered', () => {
    const d = new Driver().feed(`GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n${GET}`);
    expect(d.requests).toHaveLength(1);
    d.last.answer();
    expect(d.take()).toBe('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok');
    expect(d.fin).toBe(true);
    expect(d.connection.waitingFor).toBe(WAIT_LINGERING);
  });

  it('a server without keep-alive ends every connection with its first response', () => {
    const d = new Driver({ keepAlive: false }).feed(GET + GET);
    expect(d.requests).toHaveLength(1);
    d.last.answer();
    expect(d.take()).toContain('Connection: close\r\n');
    expect(d.fin).toBe(true);
  });

  it('G-131 pipelined responses leave in the order of their requests', () => {
    const d = new Driver().feed(GET.repeat(3));
    expect(d.requests).toHaveLength(3);
    d.requests[2].answer('3');
    d.requests[1].answer('2');
    expect(d.take()).toBe('');
    d.requests[0].answer('1');
    expect(d.take().replaceAll('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n', '')).toBe('123');
  });

  it('G-131 the next response waits until the body of the last one is closed', () => {
    const d = new Driver().feed(GET.repeat(2));
    d.requests[0].start(2);
    d.requests[0].data('ok');
    d.requests[0].end();
    d.requests[1].answer();
    expect(d.take()).toBe(OK);
    d.requests[0].done();
    expect(d.take()).toBe(OK);
  });

  it.each([
    ['before it is over', false],
    ['when it is over', true],
  ])('G-122 G-141 one that breaks off %s behind others ends the connection where it stands', (_title, isOver) => {
    const d = new Driver().feed(GET.repeat(3));
    const [first, second, third] = d.requests;
    third.answer();
    second.start(10);
    second.data('12345');
    second.exchange.connection.breakResponse(second.exchange);
    if (isOver) second.done();
    expect(d.destroyed).toBe('no');
    first.answer();
    expect(d.take()).toBe(`${OK}HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345`);
    expect(d.destroyed).not.toBe('no');
  });

  it('a request that is not safe waits until those before it are answered, and holds up those behind', () => {
    const d = new Driver().feed(GET + post('abc') + GET);
    expect(d.requests).toHaveLength(1);
    d.requests[0].answer();
    d.turn();
    expect(d.requests).toHaveLength(2);
    expect(d.requests[1].received).toBe('abc');
    d.requests[1].answer();
    d.turn();
    expect(d.requests).toHaveLength(3);
    d.requests[2].answer();
    expect(d.take()).toBe(OK.repeat(3));
    expect(d.paused).toBe(false);
  });

  it('no more requests are begun than allowed; the rest waits unread', () => {
    const d = new Driver({ pipelined: 2 }).feed(GET.repeat(5));
    expect(d.requests).toHaveLength(2);
    expect(d.paused).toBe(true);
    for (let i = 0; i < 5; i++) {
      d.requests[i].answer();
      d.turn();
    }
    expect(d.take()).toBe(OK.repeat(5));
    expect(d.paused).toBe(false);
  });

  it('G-148 a request that waits for room too long gets 503, and those behind it are asked for', () => {
    const d = new Driver();
    d.accepting = false;
    d.feed(GET.replace('GET', 'HEAD') + GET);
    d.connection.expired();
    expect(d.take()).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\nRetry-After: 1\r\n(?:.+\r\n)*\r\n$/);
    expect(d.connection.waitingFor).toBe(WAIT_ROOM);
    d.accepting = true;
    d.connection.retry();
    expect(d.requests).toHaveLength(1);
  });

  it('a host without room is asked again, and nothing is lost', () => {
    const d = new Driver();
    d.accepting = false;
    d.feed(GET + GET);
    expect(d.requests).toHaveLength(0);
    expect(d.paused).toBe(true);
    expect(d.connection.waitingFor).toBe(WAIT_ROOM);
    d.accepting = true;
    d.connection.retry();
    expect(d.requests).toHaveLength(2);
    expect(d.paused).toBe(false);
  });

  it('applications that answer at once are served in one go', () => {
    const d = new Driver();
    d.onRequest = (request) => request.answer();
    d.feed(GET.repeat(40) + post('body') + GET);
    expect(d.take()).toBe(OK.repeat(42));
    // Answered before its body was looked at.
    expect(d.requests[40].received).toBe('');
  });

  it('a response held back for its turn tells its owner to wait, and to go on', () => {
    const d = new Driver().feed(GET.repeat(2));
    const [first, second] = d.requests;
    second.start();
    expect(second.data('x'.repeat(70000))).toBe(false);
    first.answer();
    d.take();
    expect(second.drains).toBe(1);
  });

  it('requests behind one whose response ends the connection are called off', () => {
    const d = new Driver().feed(OLD_KEEP.repeat(2));
    d.requests[0].start();
    expect(d.requests[1].gone).toBe(true);
    d.requests[0].end();
    d.requests[0].done();
    d.requests[1].done();
    expect(d.take()).toBe('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n');
    expect(d.fin).toBe(true);
  });
});

describe('request bodies', () => {
  it('G-54 a body ends after Content-Length bytes', () => {
    const d = new Driver().feed(post('hello'), 1);
    expect(d.last.received).toBe('hello');
    expect(d.last.bodyState).toBe('ended');
  });

  it('G-62 a chunked body arrives decoded', () => {
    const d = new Driver().feed(chunked('5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nA: b\r\n\r\n') + GET, 3);
    expect(d.requests[0].received).toBe('hello!');
    expect(d.requests[0].bodyState).toBe('ended');
    d.requests[0].answer();
    d.turn();
    expect(d.requests).toHaveLength(2);
  });

  it('G-65 bytes that the application has no room for stop the reading until it has', () => {
    const d = new Driver();
    d.onRequest = (request) => {
      request.room = 2;
    };
    d.feed(post('abcdefgh') + GET);
    expect(d.last.received).toBe('ab');
    expect(d.paused).toBe(true);
    d.last.room = 3;
    d.connection.wantBody(d.last.exchange);
    expect(d.last.received).toBe('abcde');
    expect(d.paused).toBe(true);
    d.last.room = 100;
    d.connection.wantBody(d.last.exchange);
    expect(d.last.received).toBe('abcdefgh');
    expect(d.last.bodyState).toBe('ended');
    d.requests[0].answer();
    d.turn();
    expect(d.requests).toHaveLength(2);
    expect(d.paused).toBe(false);
  });

  it('G-65 an application that has taken all it has room for stops the reading, but not at the end of the body', () => {
    const d = new Driver();
    d.onRequest = (request) => {
      request.room = 3;
    };
    d.feed(post('abcdef').slice(0, -3));
    expect([d.last.received, d.paused]).toEqual(['abc', true]);
    d.last.room = 3;
    d.connection.wantBody(d.last.exchange);
    expect(d.paused).toBe(false);
    d.feed('def');
    expect([d.last.received, d.last.bodyState, d.paused]).toEqual(['abcdef', 'ended', false]);
  });

  it('G-65 the frame of a chunk, which the application does not get, stops nothing', () => {
    const d = new Driver();
    d.onRequest = (request) => {
      request.room = 3;
    };
    d.feed(chunked('3\r\nabc\r\n'));
    expect([d.last.received, d.paused]).toEqual(['abc', true]);
    d.last.room = 3;
    d.connection.wantBody(d.last.exchange);
    d.feed('3\r\n');
    expect(d.paused).toBe(false);
    d.feed('def\r\n0\r\n\r\n');
    expect([d.last.received, d.last.bodyState, d.paused]).toEqual(['abcdef', 'ended', false]);
  });

  it('G-65 a body announced too large gets 413 and is never begun', () => {
    const d = new Driver({ limitBody: 4 }).feed(post('hello'));
    expect(d.requests).toHaveLength(0);
    expect(d.take()).toMatch(/^HTTP\/1\.1 413 /);
    expect(d.fin).toBe(true);
  });

  it('G-65 a chunked body that grows too large fails for its reader', () => {
    const d = new Driver({ limitBody: 4 }).feed(chunked('3\r\nabc\r\n3\r\ndef\r\n'), 8);
    expect(d.last.bodyState).toBe(413);
    d.last.answer();
    expect(d.take()).toContain('Connection: close');
    expect(d.fin).toBe(true);
  });

  it('G-63 broken chunked framing fails for its reader and ends the connection', () => {
    const d = new Driver().feed(chunked('3\r\nabc\r\nxyz\r\n'));
    expect(d.last.bodyState).toBe(400);
    d.last.answer();
    expect(d.fin).toBe(true);
  });

  it('G-64 a little unread body is dropped and the connection kept', () => {
    const d = new Driver();
    d.onRequest = (request) => request.answer();
    d.feed(post('x'.repeat(1000)) + GET, 100);
    expect(d.requests).toHaveLength(2);
    expect(d.requests[0].received).toBe('');
    expect(d.take()).toBe(OK.repeat(2));
  });

  it('G-64 a large unread body closes the connection', () => {
    const d = new Driver({ limitDiscard: 500 });
    d.onRequest = (request) => request.answer();
    d.feed(post('x'.repeat(1000)) + GET, 100);
    expect(d.requests).toHaveLength(1);
    expect(d.take()).toBe(LAST_OK);
    expect(d.fin).toBe(true);
  });

  it('G-64 an unread body of unknown size is dropped for as long as the host allows, and the connection kept', () => {
    const d = new Driver({ limitDiscard: 50, limitBody: 100 });
    d.onRequest = (request) => request.answer();
    d.feed(chunked('20\r\n12345678901234567890123456789012\r\n'.repeat(5)), 16);
    expect(d.connection.waitingFor).toBe(WAIT_LINGERING);
    d.feed(`0\r\n\r\n${GET}`);
    expect(d.take()).toBe(OK.repeat(2));
    d.feed(chunked('1\r\n'));
    d.connection.expired();
    expect(d.destroyed).toBe('destroyed');
  });

  it('G-64 a body that turns out to be unread when the head is out is dropped, whatever its size', () => {
    const d = new Driver({ limitDiscard: 500 });
    d.onRequest = (request) => {
      request.start(2);
      request.data('ok');
      request.end();
      request.done();
    };
    d.feed(post('x'.repeat(1000)) + GET, 100);
    expect(d.take()).toBe(OK.repeat(2));
  });

  it('refused bytes of a body that nobody reads any more are dropped', () => {
    const d = new Driver();
    d.onRequest = (request) => {
      request.room = 0;
    };
    d.feed(post('abc') + GET);
    d.onRequest = () => {};
    d.last.answer();
    d.turn();
    expect(d.requests).toHaveLength(2);
  });
});

describe('Expect: 100-continue', () => {
  const request = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n';

  it('G-67 100 Continue is sent when the application first reads', () => {
    const d = new Driver().feed(request);
    expect(d.take()).toBe('');
    expect(d.connection.waitingFor).toBe(WAIT_APPLICATION);
    d.connection.wantBody(d.last.exchange);
    d.connection.wantBody(d.last.exchange);
    expect(d.take()).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    expect(d.connection.waitingFor).toBe(WAIT_BODY);
    d.feed('abc');
    d.last.answer();
    expect(d.take()).toBe(OK);
    expect(d.fin).toBe(false);
  });

  it('G-67 a final status without 100 closes the connection', () => {
    const d = new Driver().feed(request);
    d.last.answer();
    expect(d.take()).toBe(LAST_OK);
    expect(d.fin).toBe(true);
  });

  it('G-67 G-183 a head before the first read says that the connection ends, whatever comes of the body', () => {
    const d = new Driver().feed(request);
    d.last.start(2);
    d.last.exchange.connection.wantBody(d.last.exchange);
    d.feed(`abc${GET}`);
    expect(d.last.received).toBe('abc');
    d.last.data('ok');
    d.last.end();
    d.last.done();
    expect(d.take()).toBe(LAST_OK);
    expect([d.requests.length, d.fin]).toEqual([1, true]);
  });

  it('G-67 no 100 after the body has come unasked', () => {
    const d = new Driver().feed(`${request}a`);
    d.connection.wantBody(d.last.exchange);
    expect(d.take()).toBe('');
  });

  it('G-67 no 100 after the head was sent', () => {
    const d = new Driver().feed(request);
    d.last.start();
    d.take();
    d.connection.wantBody(d.last.exchange);
    expect(d.take()).toBe('');
  });
});

describe('refusals', () => {
  it('a malformed request gets one answer, and nothing after it is read', () => {
    const d = new Driver().feed(`GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n${GET}`);
    expect(d.requests).toHaveLength(0);
    expect(d.take()).toMatch(/^HTTP\/1\.1 400 (?:.|[\r\n])*Connection: close\r\n/);
    expect(d.fin).toBe(true);
    d.feed(GET);
    expect(d.requests).toHaveLength(0);
  });

  it.each([
    ['GET /a b HTTP/1.1\r\n\r\n', 'GET /a'],
    ['HEAD /a?b HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 'HEAD /a?b'],
    ['PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n', 'PUT /a'],
    ['GET /slow HTTP/1.1\r\nHo', 'GET /slow'],
    ['G(T / HTTP/1.1\r\n\r\n', undefined],
    ['\x16\x03\x01\x02\x00\x01', undefined],
  ])('G-73 of a refused request the log gets what could be read: %j', (text, line) => {
    const d = new Driver().feed(text);
    if (d.finishedStatuses.length === 0) d.connection.expired();
    expect([d.finishedStatuses.length, d.refusedLines[0]]).toEqual([1, line]);
  });

  it('requests before a malformed one are answered first', () => {
    const d = new Driver().feed(`${GET}NONSENSE\r\n\r\n`);
    expect(d.take()).toBe('');
    expect(d.fin).toBe(false);
    d.last.answer();
    expect(d.take()).toMatch(/^HTTP\/1\.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP\/1\.1 400 /);
    expect(d.fin).toBe(true);
  });
});

describe('a stream of events when the server stops', () => {
  const TYPE = 'Content-Type: text/event-stream\r\n';
  const begun = (lines = TYPE, length = -1): Driver => {
    const d = new Driver();
    d.onRequest = ({ exchange }) => {
      exchange.isGet = true;
    };
    d.feed(GET).last.start(length, lines);
    d.take();
    return d;
  };

  it('L-71 ends properly, and its owner is told; what that sends is discarded', () => {
    const d = begun();
    d.connection.shutdown();
    expect([d.last.gone, d.take(), d.fin]).toEqual([true, '0\r\n\r\n', false]);
    d.last.data('data: late\n\n');
    d.last.exchange.connection.breakResponse(d.last.exchange);
    d.last.end();
    d.last.done();
    expect([d.take(), d.fin, d.destroyed]).toEqual(['', true, 'no']);
    expect(d.finishedStatuses).toEqual([200]);
  });

  it.each([
    ['another type', 'Content-Type: application/x-ndjson\r\n', -1],
    ['a length', TYPE, 9],
  ])('L-71 a response with %s has the grace', (_what, lines, length) => {
    const d = begun(lines, length);
    d.connection.shutdown();
    expect([d.last.gone, d.take()]).toEqual([false, '']);
    d.last.data('data: x\n\n');
    d.last.end();
    d.last.done();
    expect([d.take(), d.fin]).toEqual([expect.stringContaining('data: x'), true]);
  });

  it('L-71 so has the answer to a POST, and one that is complete', () => {
    const posted = new Driver().feed(post('a'));
    posted.last.start(-1, TYPE);
    posted.connection.shutdown();
    const complete = begun();
    complete.last.end();
    complete.connection.shutdown();
    expect([posted.last.gone, complete.last.gone]).toEqual([false, false]);
  });
});

describe('the end of a client', () => {
  it('an idle client that ends is let go', () => {
    const d = new Driver().feed(GET);
    d.last.answer();
    d.take();
    d.connection.ended();
    expect(d.fin).toBe(true);
  });

  it('a client that ends after its request gets its response (half-close)', () => {
    const d = new Driver().feed(GET);
    d.connection.ended();
    expect([d.last.gone, d.watched]).toEqual([false, true]);
    expect(d.connection.waitingFor).toBe(WAIT_APPLICATION);
    d.last.answer();
    expect(d.take()).toBe(LAST_OK);
    expect(d.fin).toBe(true);
  });

  it('G-184 a client that ends within its response has a moment, which each step of the response begins anew', () => {
    const d = new Driver().feed(GET.repeat(2));
    d.requests[0].start(1);
    d.connection.ended();
    expect(d.connection.waitingFor).toBe(WAIT_HALF_CLOSED);
    const { progress } = d.connection;
    d.requests[0].data('x');
    expect(d.connection.progress).toBeGreaterThan(progress);
    d.requests[0].end();
    d.requests[0].done();
    expect(d.connection.waitingFor).toBe(WAIT_APPLICATION); // for the second answer
    d.requests[1].start();
    d.connection.expired();
    expect([d.requests[1].gone, d.destroyed]).toEqual([false, 'no']);
  });

  it('G-184 a client that ends within a request behind the one in front is looked after, too', () => {
    const d = new Driver().feed(`${GET}GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc`);
    expect(d.requests).toHaveLength(2);
    d.connection.ended();
    expect([d.watched, d.last.bodyState]).toEqual([true, 0]);
    d.requests[0].answer();
    expect(d.take()).toContain('200 OK');
    const alone = new Driver().feed('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
    alone.connection.ended();
    expect([alone.watched, alone.last.bodyState]).toEqual([false, 0]);
  });

  it('G-184 a client that ended within its response, and is not seen any more, has gone', () => {
    const d = new Driver().feed(GET);
    d.last.start(5);
    d.connection.ended();
    d.connection.expired();
    expect([d.last.gone, d.destroyed]).toEqual([true, 'reset']);
  });

  it('G-230 a client that ends within a chunked response is asked by a digit that changes nothing, once', () => {
    const d = new Driver().feed(GET);
    d.last.start();
    d.last.data('hello');
    d.take();
    d.connection.ended();
    d.connection.ask();
    expect(d.take()).toBe('0');
    expect(d.connection.waitingFor).toBe(WAIT_APPLICATION);
    d.last.data('x'.repeat(5000));
    expect(d.take()).toBe(`1388\r\n${'x'.repeat(5000)}\r\n`);
    d.last.end();
    d.last.done();
    expect([d.take(), d.fin]).toEqual(['0\r\n\r\n', true]);
  });

  it('G-230 one that waits for its head is asked by a 100, unless that comes before', () => {
    const d = new Driver().feed(GET);
    d.connection.ended();
    expect(d.take()).toBe('');
    for (let i = 0; i < 2; i++) d.connection.ask();
    expect(d.take()).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    d.last.answer();
    expect([d.take(), d.fin]).toEqual([LAST_OK, true]);
    const quick = new Driver().feed(GET);
    quick.connection.ended();
    quick.last.answer();
    quick.connection.ask();
    expect(quick.take()).toBe(LAST_OK);
  });

  it('G-230 one of HTTP/1.0 is not asked', () => {
    const d = new Driver().feed(OLD);
    d.connection.ended();
    d.connection.ask();
    d.last.start();
    d.connection.ask();
    expect(d.take()).toBe('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n');
  });

  it('G-73 a client that has gone without an answer is a 499 of the log, a request given up a 503', () => {
    const [left, given] = [new Driver().feed(GET), new Driver().feed(GET)];
    left.connection.closed();
    given.connection.abort();
    for (const { last } of [left, given]) last.done();
    expect([left, given].map(({ last }) => [last.exchange.status, last.exchange.unanswered])).toEqual([
      [0, 499],
      [0, 503],
    ]);
  });

  it('G-63 a client that ends within its body never gets it taken for complete', () => {
    const d = new Driver().feed('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab');
    d.connection.ended();
    expect(d.last.bodyState).toBe(0);
  });

  it('B-35 a client that is gone is made known to every request of it', () => {
    const d = new Driver().feed(GET.repeat(2));
    d.requests[0].start();
    d.connection.closed();
    expect(d.requests.map((request) => request.gone)).toEqual([true, true]);
    expect(d.requests[0].data('late')).toBe(true);
    d.requests[1].done();
    d.requests[0].done();
    expect(d.finishedStatuses).toEqual([0, 200]);
    expect(d.take()).toBe('');
  });

  it('a client has its time to take the last response before the connection lingers', () => {
    const d = new Driver().feed(OLD);
    d.flushing = false;
    d.last.answer();
    d.take();
    expect(d.fin).toBe(true);
    expect(d.connection.waitingFor).toBe(WAIT_CLIENT);
    d.connection.flushed();
    expect(d.connection.waitingFor).toBe(WAIT_LINGERING);
  });

  it('a connection lingers until the client ends too', () => {
    const d = new Driver().feed(OLD);
    d.last.answer();
    d.take();
    expect(d.connection.waitingFor).toBe(WAIT_LINGERING);
    d.feed('whatever');
    expect(d.destroyed).toBe('no');
    d.connection.ended();
    expect(d.destroyed).toBe('destroyed');
  });
});

describe('deadlines', () => {
  it('an idle connection is closed without a word', () => {
    const d = new Driver().feed(GET);
    d.last.answer();
    d.take();
    d.connection.expired();
    expect(d.take()).toBe('');
    expect(d.fin).toBe(true);
  });

  it('empty lines behind a response leave the connection idle (RFC 9112, 2.2), and are bounded in number', () => {
    const d = new Driver().feed(GET);
    d.last.answer();
    d.take();
    const { progress } = d.connection;
    d.feed('\r\n\r');
    expect([d.connection.waitingFor, d.connection.progress]).toEqual([WAIT_REQUEST, progress]);
    d.feed(`\n${GET}`);
    d.last.answer();
    expect(d.take()).toBe(OK);
    d.feed('\r\n');
    d.connection.shutdown();
    expect([d.fin, d.take()]).toEqual([true, '']);
    const many = new Driver().feed('\r\n'.repeat(1000), 2);
    expect(many.take()).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('a head that does not come gets 408', () => {
    const d = new Driver().feed('GET / HT');
    expect(d.connection.waitingFor).toBe(WAIT_HEAD);
    d.connection.expired();
    expect(d.take()).toMatch(/^HTTP\/1\.1 408 /);
    expect(d.fin).toBe(true);
  });

  it.each([
    ['HEAD / HTTP/1.1\r\nHost: a\r\n', '\r\n\r\n'],
    ['HEA', 'the request head did not arrive in time\n'],
  ])('G-128 %j that does not go on gets 408 that ends with %j', (head, end) => {
    const d = new Driver().feed(head);
    d.connection.expired();
    const answer = d.take();
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer.endsWith(end)).toBe(true);
  });

  it('a body that does not come fails for its reader', () => {
    const d = new Driver().feed('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab');
    expect(d.connection.waitingFor).toBe(WAIT_BODY);
    d.connection.expired();
    expect(d.last.bodyState).toBe(408);
    d.last.answer();
    expect(d.take()).toContain('Connection: close');
  });

  it('a client that does not take its response is dropped', () => {
    const d = new Driver().feed(GET);
    d.writable = false;
    d.last.start();
    d.last.data('x'.repeat(5000));
    expect(d.connection.waitingFor).toBe(WAIT_CLIENT);
    d.connection.expired();
    expect(d.destroyed).toBe('reset');
    expect(d.last.gone).toBe(true);
  });

  it('a lingering connection is dropped', () => {
    const d = new Driver().feed(OLD);
    d.last.answer();
    d.take();
    d.connection.expired();
    expect(d.destroyed).toBe('destroyed');
  });
});

describe('backpressure', () => {
  it('G-105 a full transport asks its owner to wait, and drains once', () => {
    const d = new Driver().feed(GET);
    d.writable = false;
    d.last.start();
    expect(d.last.data('x'.repeat(5000))).toBe(false);
    d.turn();
    expect(d.last.drains).toBe(0);
    d.writable = true;
    d.connection.drained();
    expect(d.last.drains).toBe(1);
    expect(d.last.data('x')).toBe(true);
  });
});

describe('shutdown', () => {
  it('L-12 an idle connection ends at once', () => {
    const d = new Driver().feed(GET);
    d.last.answer();
    d.take();
    d.connection.shutdown();
    expect(d.fin).toBe(true);
  });

  it('L-12 a response in progress says that it is the last', () => {
    const d = new Driver().feed(GET);
    d.connection.shutdown();
    d.feed(GET);
    expect(d.requests).toHaveLength(1);
    d.last.answer();
    expect(d.take()).toBe('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok');
    expect(d.fin).toBe(true);
  });

  it('L-12 a stop loses no byte of a body that waits for its reader', () => {
    const d = new Driver();
    d.onRequest = (request) => {
      request.room = 1;
    };
    d.feed(chunked('3\r\nabc\r\n')).feed(`3\r\ndef\r\n0\r\n\r\n${GET}`);
    d.connection.shutdown();
    d.last.room = 100;
    d.last.exchange.connection.wantBody(d.last.exchange);
    expect([d.last.received, d.last.bodyState]).toEqual(['abcdef', 'ended']);
    d.last.answer();
    expect([d.take(), d.requests.length]).toEqual([LAST_OK, 1]);
  });

  it('L-12 a response already begun ends, then the connection', () => {
    const d = new Driver().feed(GET);
    d.last.start(2);
    d.connection.shutdown();
    d.last.data('ok');
    d.last.end();
    d.last.done();
    expect(d.take()).toBe(OK);
    expect(d.fin).toBe(true);
  });
});

describe('drain', () => {
  it('L-41 an idle connection stays, and ends with its next response, which says so', () => {
    const d = new Driver().feed(GET);
    d.last.answer();
    d.take();
    d.connection.drain();
    expect(d.fin).toBe(false);
    d.feed(GET + GET);
    expect(d.requests).toHaveLength(2);
    d.last.answer();
    expect(d.take()).toBe(LAST_OK);
    expect(d.fin).toBe(true);
  });

  it('L-41 a response already begun, which could not say so, ends no connection', () => {
    const d = new Driver().feed(GET);
    d.last.start(2);
    d.connection.drain();
    d.last.data('ok');
    d.last.end();
    d.last.done();
    expect([d.take(), d.fin]).toEqual([OK, false]);
    d.feed(GET);
    d.last.answer();
    expect([d.take(), d.fin]).toEqual([LAST_OK, true]);
  });

  it('L-41 of requests that have begun, the response to the last one says so', () => {
    const d = new Driver().feed(GET + GET);
    d.connection.drain();
    for (const request of d.requests) request.answer();
    expect([d.take(), d.fin]).toEqual([OK + LAST_OK, true]);
  });
});

describe('properties', () => {
  it('G-183 no connection ends behind a complete response that could have said so, and did not', () => {
    const body = 'x'.repeat(1000);
    const requests = {
      get: [GET, ''],
      'get, last': ['GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', ''],
      old: [OLD, ''],
      'old, to be kept': [OLD_KEEP, ''],
      'large body': [post(body).slice(0, -body.length), body],
      'small body': [post('abc').slice(0, -3), 'abc'],
      'body in chunks': [chunked(''), `3e8\r\n${body}\r\n0\r\n\r\n`],
      'awaits 100': [post('abc', 'Expect: 100-continue\r\n').slice(0, -3), 'abc'],
      'awaits 100 for chunks': [chunked('', 'Expect: 100-continue\r\n'), '3\r\nabc\r\n0\r\n\r\n'],
      'too large': ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n', body],
      malformed: ['GET /\r\n\r\n', ''],
      late: ['GET / HTTP/1.1\r\nHo', ''],
      'bad chunks': [chunked(''), 'z\r\n'],
    } satisfies Record<string, [head: string, body: string]>;
    const step = fc.record({
      name: fc.constantFrom(...(Object.keys(requests) as (keyof typeof requests)[])),
      answer: fc.constantFrom('whole', 'in pieces', 'of unknown length', 'none'),
      bodyFirst: fc.boolean(),
      reads: fc.boolean(),
      event: fc.constantFrom('none', 'none', 'none', 'stop', 'end', 'stop within', 'end within'),
    });
    const keepAlive = fc.boolean();
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 4 }), keepAlive, (steps, keepAlive) => {
        const d = new Driver({ limitDiscard: 500, keepAlive });
        /** What happened when the head was out can be said by nobody. */
        let unknown = false;
        const happen = (event: string) => {
          if (event.startsWith('stop')) d.connection.shutdown();
          if (event.startsWith('end')) d.connection.ended();
        };
        for (const { name, answer, bodyFirst, reads, event } of steps) {
          if (d.fin || d.destroyed !== 'no') break;
          const [head, content] = requests[name];
          const before = d.requests.length;
          d.feed(head);
          if (name === 'late') d.connection.expired();
          const request = d.requests.length > before ? d.last : null;
          if (request === null) break;
          if (reads) request.exchange.connection.wantBody(request.exchange);
          if (bodyFirst) d.feed(content);
          if (!event.endsWith('within')) happen(event);
          if (answer === 'whole') request.start(2, '', 0, true);
          else if (answer !== 'none') request.start(answer === 'in pieces' ? 2 : -1);
          if (event.endsWith('within')) {
            unknown ||= answer !== 'none';
            happen(event);
          }
          if (answer !== 'none') {
            request.data('ok');
            request.end();
          }
          request.done();
          if (!bodyFirst) {
            unknown ||= name === 'bad chunks';
            if (!d.fin) d.feed(content);
          }
        }
        const heads = d.take().split(/(?=HTTP\/1\.1 )/);
        const closes = heads.map((head) => head.includes('\r\nConnection: close\r\n'));
        expect(closes.slice(0, -1)).not.toContain(true);
        if (closes.at(-1)) expect(d.fin || d.destroyed !== 'no').toBe(true);
        else if (!unknown) expect([d.fin, d.destroyed]).toEqual([false, 'no']);
      }),
      { numRuns: 2000 },
    );
  });

  it('G-106 what goes in and out does not depend on how the bytes arrive', () => {
    const request = fc.oneof(
      fc.constant(GET),
      fc.string({ maxLength: 50 }).map((text) => post(text.replace(/[^ -~]/g, '_'))),
      fc
        .array(fc.stringMatching(/^[a-z]{1,20}$/), { maxLength: 4 })
        .map((parts) =>
          chunked(`${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`),
        ),
    );
    const plan = fc.record({
      requests: fc.array(request, { maxLength: 6 }),
      cuts: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 30 }),
      delays: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 10 }),
    });
    fc.assert(
      fc.property(plan, ({ requests, cuts, delays }) => {
        const input = requests.join('');
        const whole = new Driver();
        const run = (driver: Driver, pieces: string[]) => {
          const waiting: [Recorder, number][] = [];
          let begun = 0;
          driver.onRequest = (recorder) => {
            waiting.push([recorder, delays[begun++ % delays.length]]);
          };
          const step = () => {
            for (let i = 0; i < waiting.length; i++) {
              const entry = waiting[i];
              if (entry[1]-- <= 0 && entry[0].bodyState === 'ended') {
                waiting.splice(i--, 1);
                entry[0].answer(String(driver.requests.indexOf(entry[0])));
                driver.turn();
              } else if (entry[0].bodyState === 'open' && /^GET|Content-Length: 0/.test(entry[0].head)) {
                entry[0].bodyState = 'ended';
              }
            }
          };
          for (const piece of pieces) {
            driver.feed(piece);
            step();
          }
          for (let i = 0; i < 50; i++) step();
          return driver.take();
        };
        const pieces: string[] = [];
        for (let at = 0, i = 0; at < input.length; i++) {
          const size = cuts[i % cuts.length];
          pieces.push(input.slice(at, at + size));
          at += size;
        }
        const first = run(whole, [input]);
        const bodies = whole.requests.map((recorder) => recorder.received);
        const second = new Driver();
        expect(run(second, pieces)).toBe(first);
        expect(second.requests.map((recorder) => recorder.received)).toEqual(bodies);
        expect(second.requests).toHaveLength(requests.length);
        expect(parser.busy).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});
