/** G-152: 103 responses, as a connection sends them. */
import { describe, expect, it } from 'vitest';
import { Driver, GET } from './connection-driver.ts';

const LINES = 'Link: </a.css>; rel=preload\r\n';
const HINT = `HTTP/1.1 103 Early Hints\r\n${LINES}\r\n`;
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const hint = (d: Driver, index: number, lines = LINES) => {
  const { exchange } = d.requests[index];
  exchange.connection.hint?.(exchange, lines);
};

describe('early hints', () => {
  it('G-152 go out at once, any number of them, ahead of the response', () => {
    const d = new Driver().feed(GET);
    hint(d, 0);
    expect(d.take()).toBe(HINT);
    hint(d, 0);
    d.last.answer();
    expect(d.take()).toBe(HINT + OK);
  });

  it('G-152 are ignored once the head was sent, and when the request is over', () => {
    const d = new Driver().feed(GET);
    d.last.start(2);
    hint(d, 0);
    d.last.data('ok');
    d.last.end();
    hint(d, 0);
    d.last.done();
    hint(d, 0);
    expect(d.take()).toBe(OK);
  });

  it('G-152 are ignored for HTTP/1.0, whose clients take any response for the last', () => {
    const d = new Driver().feed('GET / HTTP/1.0\r\n\r\n');
    hint(d, 0);
    d.last.answer();
    expect(d.take()).not.toContain('103');
  });

  it('G-152 wait for their turn behind the responses of earlier requests', () => {
    const d = new Driver().feed(GET + GET);
    hint(d, 1);
    expect(d.take()).toBe('');
    d.requests[0].answer();
    expect(d.take()).toBe(OK + HINT);
    d.requests[1].answer();
    expect(d.take()).toBe(OK);
  });

  it('G-152 that a slow client does not take are not kept', () => {
    const d = new Driver().feed(GET + GET);
    d.writable = false;
    hint(d, 0);
    expect(d.take()).toBe(HINT);
    for (let i = 0; i < 10_000; i++) for (const index of [0, 1]) hint(d, index, `Link: ${'x'.repeat(1000)}\r\n`);
    d.writable = true;
    d.connection.drained();
    expect(d.take()).toBe('');
    d.requests[0].answer();
    d.requests[1].answer();
    expect(d.take()).toBe(OK + OK);
  });

  it('G-152 of one turn are not kept without limit either', () => {
    const d = new Driver().feed(GET + GET);
    for (let i = 0; i < 10_000; i++) for (const index of [0, 1]) hint(d, index, `Link: ${'x'.repeat(1000)}\r\n`);
    d.requests[0].answer();
    d.requests[1].answer();
    expect(d.take().length).toBeLessThan(2 * 70_000);
  });

  it('G-152 for a client that has gone do nothing', () => {
    const d = new Driver().feed(GET);
    d.connection.closed();
    hint(d, 0);
    expect(d.take()).toBe('');
  });
});
