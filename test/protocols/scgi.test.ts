import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WAIT_HEAD } from '../../src/protocols/host.ts';
import { ScgiConnection } from '../../src/protocols/scgi/connection.ts';
import { HostDriver, parser } from './http/connection-driver.ts';
import { headers, netstring, request } from './scgi-client.ts';

class Driver extends HostDriver {
  constructor(limitBody = 1 << 20) {
    const options = { limitBody, variables: { size: 65536, count: 100 }, keepAlive: true };
    super((host) => new ScgiConnection(host, parser, options));
  }
}

describe('G-175 a request', () => {
  it('is answered in the form of CGI, and its connection ends', () => {
    const d = new Driver().feed(request());
    d.last.answer();
    expect(d.take()).toBe('Status: 200 OK\r\nContent-Length: 2\r\n\r\nok');
    expect(d.fin).toBe(true);
    d.connection.ended();
    expect(d.destroyed).toBe('destroyed');
  });

  it('G-175 arrives the same however it is cut', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.string({ maxLength: 200 }), (cut, text) => {
        const body = Buffer.from(text).toString('latin1');
        const d = new Driver().feed(request({ HTTP_X: 'value' }, body), cut);
        expect(d.requests).toHaveLength(1);
        expect(d.last.head).toContain('HTTP_Xvalue');
        expect(d.last.received).toBe(body);
        if (body !== '') expect(d.last.bodyState).toBe('ended');
      }),
    );
  });

  it('G-175 has exactly CONTENT_LENGTH bytes of body; more are dropped', () => {
    const d = new Driver().feed(`${request({}, 'abc')}GET / HTTP/1.1\r\n`);
    expect(d.last.received).toBe('abc');
    expect(d.last.bodyState).toBe('ended');
    expect(d.requests).toHaveLength(1);
  });

  it('G-63 whose connection ends within the body fails to read it', () => {
    const d = new Driver().feed(request({}, 'abcdef').slice(0, -2));
    d.connection.ended();
    expect(d.last.bodyState).toBe(0);
  });

  it('G-141 a response that breaks off ends in a reset', () => {
    const d = new Driver().feed(request());
    d.last.start();
    d.last.data('half');
    d.last.done();
    expect(d.take()).toBe('Status: 200 OK\r\n\r\nhalf');
    expect(d.destroyed).toBe('reset');
  });

  it('G-174 there is no error stream', () => {
    const d = new Driver().feed(request());
    expect(d.connection.takesErrors).toBe(false);
    expect(d.connection.errors(d.last.exchange, Buffer.from('x'))).toBe(false);
  });
});

describe('G-175 what is no netstring of headers closes the connection', () => {
  const good = { CONTENT_LENGTH: '0', SCGI: '1', REQUEST_METHOD: 'GET' };
  it.each([
    ['HTTP', 'GET / HTTP/1.1\r\n'],
    ['no length', ':'],
    ['a length with a sign', '+3:'],
    ['a length with a leading zero', `0${netstring(headers(good))}`],
    ['a length of ten digits', '1000000000:'],
    ['a length beyond the limit', '70000:'],
    ['no comma at the end', `${netstring(headers(good)).slice(0, -1)};`],
    ['nothing', netstring('')],
    ['an odd number of strings', netstring(`${headers(good)}HTTP_X\0`)],
    ['no NUL at the end', netstring(headers(good).slice(0, -1))],
    ['CONTENT_LENGTH not first', netstring(headers({ SCGI: '1', CONTENT_LENGTH: '0' }))],
    ['CONTENT_LENGTH empty', netstring(headers({ ...good, CONTENT_LENGTH: '' }))],
    ['CONTENT_LENGTH negative', netstring(headers({ ...good, CONTENT_LENGTH: '-1' }))],
    ['SCGI missing', netstring(headers({ CONTENT_LENGTH: '0' }))],
    ['another SCGI', netstring(headers({ ...good, SCGI: '2' }))],
    ['a name twice', netstring(`${headers(good)}SCGI\x001\0`)],
    ['a name that is empty', netstring(`${headers(good)}\0x\0`)],
  ])('%s', (_, text) => {
    for (const cut of [text.length, 1]) {
      const d = new Driver().feed(text, cut);
      expect(d.requests).toHaveLength(0);
      expect(d.destroyed).toBe('reset');
      expect(d.take()).toBe('');
    }
  });

  it('any bytes leave the connection open, or drop it, and never throw', () => {
    const byte = fc.integer({ min: 0, max: 255 }).map((value) => String.fromCharCode(value));
    fc.assert(
      fc.property(fc.string({ unit: byte, maxLength: 60 }), fc.boolean(), (text, framed) => {
        const d = new Driver().feed(framed ? netstring(headers(good) + text) : text);
        d.connection.closed();
        for (const recorder of d.requests) recorder.done();
      }),
    );
  });
});

describe('limits', () => {
  it('G-65 a body that is too large is refused', () => {
    const d = new Driver(4).feed(request({}, 'abcdef'));
    expect(d.requests).toHaveLength(0);
    expect(d.take()).toMatch(/^Status: 413 /);
    expect(d.fin).toBe(true);
  });

  it('slow headers have a deadline', () => {
    const d = new Driver().feed('100:');
    expect(d.connection.waitingFor).toBe(WAIT_HEAD);
    d.connection.expired();
    expect(d.destroyed).toBe('destroyed');
  });
});
