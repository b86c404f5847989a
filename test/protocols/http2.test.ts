/** A stream of HTTP/2 without a network, and the heads that it reads and writes (G-220 to G-226). */
import { describe, expect, it } from 'vitest';
import { HEAD_NO_BODY } from '../../src/interface/transport.ts';
import { WAIT_APPLICATION, WAIT_BODY, WAIT_ROOM } from '../../src/protocols/host.ts';
import { http2RequestHead, http2ResponseFields, withServerLines } from '../../src/protocols/http2/head.ts';
import { fields, Http2Driver } from './http2-driver.ts';

const POST = { ':method': 'POST' };

describe('the head of a request', () => {
  it('G-220 is written down as HTTP/1.1 has it', () => {
    const own = { ':path': '/a?b', cookie: 'a=1' };
    expect(http2RequestHead(fields(own, 'cookie', 'b=2', 'x', ''), false)).toBe(
      'GET /a?b HTTP/1.1\r\ncookie: a=1\r\ncookie: b=2\r\nx: \r\nhost: a\r\n\r\n',
    );
    const length = 'content-length: 3\r\nhost: a\r\n\r\n';
    expect(http2RequestHead(fields({ ...POST, 'content-length': '3' }), true)).toBe(`POST / HTTP/1.1\r\n${length}`);
    expect(http2RequestHead(fields(POST), true)).toContain('\r\ntransfer-encoding: chunked\r\n');
    expect(http2RequestHead([':method', 'CONNECT', ':authority', 'a:1'], true)).toBe(
      'CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n',
    );
    expect(http2RequestHead(fields({ ':authority': '', host: 'b' }), false)).toContain('\r\nhost: b\r\n');
    expect(http2RequestHead(fields({ host: 'a' }), false).match(/host/g)).toHaveLength(1);
  });

  it.each([
    ['a line feed in a value', fields({ x: 'a\nb: c' })],
    ['a carriage return in a value', fields({ x: 'a\rb: c' })],
    ['a line end in the path', fields({ ':path': '/\r\nx: y' })],
    ['a line end in the method', fields({ ':method': 'GET / HTTP/1.1\r\n' })],
    ['a line end in the authority', fields({ ':authority': 'a\r\nx: y' })],
    ['a line end in a name', fields({ 'x\r\ny': 'z' })],
    ['a colon in a name', fields({ 'x:y': 'z' })],
    ['a space in a name', fields({ 'a b': 'c' })],
    ['a space in the path', fields({ ':path': '/ HTTP/1.1' })],
    ['an absolute path', fields({ ':path': 'http://b/' })],
    ['no path', [':method', 'GET', ':authority', 'a']],
    ['Transfer-Encoding', fields({ 'transfer-encoding': 'chunked' })],
    ['Upgrade', fields({ upgrade: 'h2c' })],
    ['another Host', fields({ host: 'b' })],
    ['two Hosts without an authority', fields({ ':authority': '' }, 'host', 'a', 'host', 'b')],
  ])('G-226 is refused with %s', (_what, head) => {
    expect(() => http2RequestHead(head, false)).toThrow();
    const d = new Http2Driver().begin(head);
    expect([d.requests, d.heads[0]?.[':status']]).toEqual([[], 400]);
  });

  it.each([
    ['no authority', fields({ ':authority': '' }), 400],
    ['an authority that is none', fields({ ':authority': 'a b' }), 400],
    ['a method that is none', fields({ ':method': 'A B' }), 400],
    ['two lengths that differ', fields({ ...POST, 'content-length': '1' }, 'content-length', '2'), 400],
    ['a field that is too long', fields({ x: 'y'.repeat(20_000) }), 431],
    ['very many bytes', fields({}, ...Array.from({ length: 99 }, () => ['x', 'y'.repeat(8000)]).flat()), 431],
    ['a path that is too long', fields({ ':path': `/${'x'.repeat(9000)}` }), 414],
  ])('G-225 G-226 goes by the rules of HTTP/1.1: %s', (_what, head, status) => {
    const d = new Http2Driver().begin(head);
    expect([d.requests, d.heads[0]?.[':status']]).toEqual([[], status]);
    expect(d.finishedStatuses).toEqual([status]);
  });

  it('G-225 a body that is announced as too large is refused', () => {
    const d = new Http2Driver({ limitBody: 2 }).begin(fields({ ...POST, 'content-length': '3' }), true);
    expect([d.requests, d.heads[0]?.[':status']]).toEqual([[], 413]);
    expect(d.refusedLines).toEqual(['POST /']);
    expect(d.destroyed).toBe('destroyed');
  });
});

describe('the head of a response', () => {
  it('G-222 has the lines of the server, names in lower case, and none twice but Set-Cookie', () => {
    const lines = ['Vary: A', 'VARY: B', 'Set-Cookie: a', 'set-cookie: b', '__proto__: x', 'HTTP2-Settings: y'];
    const text = `200 OK\r\n${lines.join('\r\n')}\r\n`;
    const head = withServerLines({ status: 200, text, length: 3, flags: 0 }, 'Date: now\r\n', 'Server: s\r\n');
    const found = http2ResponseFields(head);
    expect(Object.entries(found)).toEqual([
      [':status', 200],
      ['vary', 'A, B'],
      ['__proto__', 'x'],
      ['date', 'now'],
      ['server', 's'],
      ['content-length', '3'],
      ['set-cookie', ['a', 'b']],
    ]);
    const empty = withServerLines({ status: 204, text: '204 \r\n', length: 0, flags: HEAD_NO_BODY }, '', '');
    expect(http2ResponseFields(empty)).toEqual({ ':status': 204 });
  });
});

describe('a stream', () => {
  it('G-220 carries one request and ends with its response', () => {
    const d = new Http2Driver().begin(fields());
    expect(d.last.exchange.hasBody).toBe(false);
    d.last.answer();
    expect([d.take(), d.fin, d.destroyed]).toEqual(['ok', true, 'no']);
    expect(d.heads).toEqual([{ ':status': 200, date: expect.any(String), 'content-length': '2' }]);
    expect(d.finishedStatuses).toEqual([200]);
  });

  it('G-221 its end is that of the body, whatever the application has read', () => {
    const d = new Http2Driver().begin(fields(POST), true);
    expect(d.connection.waitingFor).toBe(WAIT_BODY);
    d.feed('abc');
    d.last.room = 1;
    d.feed('def');
    expect([d.last.received, d.paused, d.connection.waitingFor]).toEqual(['abcd', true, WAIT_APPLICATION]);
    d.last.room = 10;
    d.connection.wantBody(d.last.exchange);
    d.connection.ended();
    expect([d.last.received, d.last.bodyState, d.paused]).toEqual(['abcdef', 'ended', false]);
  });

  it('G-225 a body that grows too large, or stops, fails', () => {
    const large = new Http2Driver({ limitBody: 5 }).begin(fields(POST), true).feed('abcdef');
    expect(large.last.bodyState).toBe(413);
    const slow = new Http2Driver().begin(fields(POST), true).feed('abc');
    slow.connection.expired();
    expect(slow.last.bodyState).toBe(408);
  });

  it('G-221 G-64 what is left of a body when its response is out is asked for no more', () => {
    const d = new Http2Driver().begin(fields(POST), true).feed('abc');
    d.last.answer();
    expect([d.take(), d.destroyed]).toEqual(['ok', 'destroyed']);
  });

  it('G-222 interim responses come while there is none', () => {
    const d = new Http2Driver().begin(fields({ ...POST, expect: '100-continue' }), true);
    expect(d.connection.waitingFor).toBe(WAIT_APPLICATION);
    d.last.exchange.connection.hint?.(d.last.exchange, 'Link: </a>\r\nLink: </b>\r\n');
    d.connection.wantBody(d.last.exchange);
    expect(d.connection.waitingFor).toBe(WAIT_BODY);
    d.last.start();
    d.last.exchange.connection.hint?.(d.last.exchange, 'Link: </late>\r\n');
    expect(d.heads.map((head) => [head[':status'], head.link])).toEqual([
      [103, '</a>, </b>'],
      [100, undefined],
      [200, undefined],
    ]);
  });

  it('G-222 hints have an end', () => {
    const d = new Http2Driver().begin(fields());
    const { exchange } = d.last;
    const hint = `Link: <${'x'.repeat(2000)}>\r\n`;
    for (let sent = 0; sent < 100; sent++) exchange.connection.hint?.(exchange, hint);
    expect(d.heads.length).toBeGreaterThan(20);
    expect(d.heads.length).toBeLessThan(40);
  });

  it('G-223 a response that breaks off is reset', () => {
    const d = new Http2Driver().begin(fields());
    d.last.start();
    d.last.data('half');
    d.last.done();
    expect([d.take(), d.destroyed]).toEqual(['half', 'reset']);
  });

  it('G-223 a client that goes is told to the application, unless it has got all', () => {
    const early = new Http2Driver().begin(fields());
    early.last.start();
    early.connection.closed();
    expect(early.last.gone).toBe(true);
    early.last.done();
    const late = new Http2Driver().begin(fields());
    late.last.start(2);
    late.last.data('ok');
    late.last.end();
    late.connection.closed();
    expect(late.last.gone).toBe(false);
    late.last.done();
    const within = new Http2Driver().begin(fields(POST), true);
    within.last.start(2);
    within.last.data('ok');
    within.last.end();
    within.connection.closed();
    expect(within.last.gone).toBe(true);
    within.last.done();
    for (const d of [early, late, within]) expect(d.turn().finishedStatuses).toEqual([200]);
  });

  it('G-224 waits for room, and is over when its client goes meanwhile, or nobody comes', () => {
    const patient = new Http2Driver();
    patient.accepting = false;
    patient.begin(fields({ ':path': '/patient' }));
    expect([patient.requests, patient.connection.waitingFor, patient.paused]).toEqual([[], WAIT_ROOM, true]);
    // Another head lies in the memory of the parser meanwhile.
    new Http2Driver().begin(fields({ ':path': '/other' }));
    patient.accepting = true;
    patient.connection.retry();
    expect([patient.last.head, patient.paused]).toEqual([expect.stringContaining('/patient'), false]);

    const gone = new Http2Driver();
    gone.accepting = false;
    gone.begin(fields()).connection.closed();
    expect(gone.turn().finishedStatuses).toEqual([0]);

    const late = new Http2Driver();
    late.accepting = false;
    late.begin(fields(POST), true).connection.expired();
    expect([late.turn().heads[0]?.[':status'], late.finishedStatuses]).toEqual([503, [503]]);
  });

  it('G-221 large pieces are cut, so that the client is seen to move', () => {
    const d = new Http2Driver().begin(fields());
    const sizes: number[] = [];
    const { write } = d;
    d.write = (data) => {
      sizes.push(data.length);
      return write.call(d, data);
    };
    d.last.start();
    d.last.data('x'.repeat(100_000));
    expect(d.take()).toHaveLength(100_000);
    expect(Math.max(...sizes)).toBe(16_384);
  });
});
