import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FastCgiConnection } from '../../src/protocols/fastcgi/connection.ts';
import { readPairs } from '../../src/protocols/fastcgi/records.ts';
import {
  WAIT_APPLICATION,
  WAIT_BODY,
  WAIT_CLIENT,
  WAIT_HEAD,
  WAIT_REQUEST,
  WAIT_ROOM,
} from '../../src/protocols/host.ts';
import type { VariablesConnectionOptions } from '../../src/protocols/variables-connection.ts';
import {
  ABORT_REQUEST,
  begin,
  contentOf,
  DATA,
  END_REQUEST,
  GET_VALUES,
  GET_VALUES_RESULT,
  PARAMS,
  pairs,
  type Record,
  readRecords,
  record,
  request,
  STDERR,
  STDIN,
  STDOUT,
  stream,
  UNKNOWN_TYPE,
  VARIABLES,
} from './fastcgi-client.ts';
import { HostDriver, parser } from './http/connection-driver.ts';

const OPTIONS: VariablesConnectionOptions = {
  limitBody: 1 << 20,
  variables: { size: 65536, count: 100 },
  keepAlive: true,
};

class Driver extends HostDriver {
  constructor(options: Partial<VariablesConnectionOptions> = {}) {
    super((host) => new FastCgiConnection(host, parser, { ...OPTIONS, ...options }));
  }

  /** The records written since the last call; nothing else may have been. */
  records(): Record[] {
    const { records, rest } = readRecords(this.take());
    expect(rest).toBe('');
    return records;
  }
}

const COMPLETE = '\0\0\0\0\0\0\0\0';
const CANT_MULTIPLEX = '\0\0\0\0\x01\0\0\0';
const UNKNOWN_ROLE = '\0\0\0\0\x03\0\0\0';
const OK = 'Status: 200 OK\r\nContent-Length: 2\r\n\r\nok';

describe('G-174 a request', () => {
  it('is answered in the form of CGI, on the streams of its id, and ended by END_REQUEST', () => {
    const d = new Driver().feed(request(7));
    expect(d.requests).toHaveLength(1);
    expect(d.last.bodyState).toBe('open'); // there is none: the host knows by CONTENT_LENGTH
    d.last.answer();
    const records = d.records();
    expect(contentOf(records, STDOUT, 7)).toBe(OK);
    expect(records.slice(-2)).toEqual([
      { type: STDOUT, id: 7, content: '' },
      { type: END_REQUEST, id: 7, content: COMPLETE },
    ]);
    expect(d.fin).toBe(false);
    expect(d.connection.waitingFor).toBe(WAIT_REQUEST);
  });

  it('G-174 without KEEP_CONN is the last of its connection', () => {
    const d = new Driver().feed(request(1, {}, { keep: false }));
    d.last.answer();
    expect(contentOf(d.records(), STDOUT, 1)).toBe(OK);
    expect(d.fin).toBe(true);
  });

  it('G-174 with KEEP_CONN is followed by others, also with the same id', () => {
    const d = new Driver();
    for (const id of [1, 1, 65535, 2]) {
      d.feed(request(id, { PATH_INFO: `/${id}` }));
      d.last.answer();
      expect(contentOf(d.records(), STDOUT, id)).toBe(OK);
    }
    expect(d.requests).toHaveLength(4);
  });

  it('G-174 arrives the same however it is cut, padding ignored, streams in any records', () => {
    const pieces = fc.record({
      cut: fc.integer({ min: 1, max: 400 }),
      size: fc.integer({ min: 1, max: 40 }),
      padding: fc.integer({ min: 0, max: 255 }),
      body: fc.string({ maxLength: 300 }).map((text) => Buffer.from(text).toString('latin1')),
    });
    fc.assert(
      fc.property(pieces, ({ cut, size, padding, body }) => {
        const variables = pairs({ ...VARIABLES, CONTENT_LENGTH: String(body.length), HTTP_X: 'y'.repeat(200) });
        const text =
          record(BEGIN, 3, '\0\x01\x01\0\0\0\0\0', padding) +
          stream(PARAMS, 3, variables, size) +
          stream(STDIN, 3, body, size);
        const d = new Driver().feed(text, cut);
        expect(d.requests).toHaveLength(1);
        expect(d.last.received).toBe(body);
        expect(d.last.head).toContain(`HTTP_X${'y'.repeat(200)}`);
        if (body !== '') expect(d.last.bodyState).toBe('ended');
        d.last.answer();
        expect(contentOf(d.records(), STDOUT, 3)).toBe(OK);
      }),
    );
  });

  it('G-174 G-54 gets no more of its body than CONTENT_LENGTH', () => {
    const d = new Driver().feed(request(1, { CONTENT_LENGTH: '3' }, { body: 'abcdef' }));
    expect(d.last.received).toBe('abc');
    expect(d.last.bodyState).toBe('ended');
  });

  it('G-63 whose body is shorter than CONTENT_LENGTH fails to read it', () => {
    const d = new Driver().feed(request(1, { CONTENT_LENGTH: '9' }, { body: 'abcdef' }));
    expect(d.last.received).toBe('abcdef');
    expect(d.last.bodyState).toBe(400);
  });

  it('G-174 without CONTENT_LENGTH has the body that its stream has', () => {
    const d = new Driver().feed(request(1, { CONTENT_LENGTH: '' }, { body: 'abc' }));
    expect(d.last.received).toBe('abc');
    expect(d.last.bodyState).toBe('ended');
  });

  it('G-174 long responses travel in records of at most 65535 bytes', () => {
    const d = new Driver().feed(request(1));
    d.last.start();
    d.last.data('x'.repeat(200_000));
    d.last.end();
    d.last.done();
    const records = d.records();
    expect(contentOf(records, STDOUT, 1)).toBe(`Status: 200 OK\r\n\r\n${'x'.repeat(200_000)}`);
    expect(records.filter(({ type }) => type === STDOUT).length).toBeGreaterThan(4);
  });
});

const BEGIN = 1;

describe('G-174 several requests on one connection', () => {
  it('are refused with CANT_MPX_CONN while one is under way, which goes on', () => {
    const d = new Driver().feed(begin(1) + stream(PARAMS, 1, pairs({ ...VARIABLES, CONTENT_LENGTH: '2' })));
    d.feed(request(2) + record(STDIN, 1, 'a'));
    expect(d.records()).toEqual([{ type: END_REQUEST, id: 2, content: CANT_MULTIPLEX }]);
    expect(d.requests).toHaveLength(1);
    d.feed(record(STDIN, 1, 'b') + record(STDIN, 1));
    expect(d.last.received).toBe('ab');
    d.last.answer();
    expect(contentOf(d.records(), STDOUT, 1)).toBe(OK);
  });

  it('are refused within the parameters of another, which stay whole', () => {
    const variables = pairs(VARIABLES);
    const d = new Driver().feed(begin(1) + record(PARAMS, 1, variables.slice(0, 20)) + begin(2));
    d.feed(record(PARAMS, 1, variables.slice(20)) + record(PARAMS, 1));
    expect(d.records()).toEqual([{ type: END_REQUEST, id: 2, content: CANT_MULTIPLEX }]);
    expect(d.last.head).toContain('PATH_INFO/');
  });

  it('the next one waits until the body of the answered one is closed', () => {
    const d = new Driver().feed(request(1));
    const first = d.last;
    first.start(2);
    first.data('ok');
    first.end();
    expect(contentOf(d.records(), STDOUT, 1)).toBe(OK);
    d.feed(request(2));
    expect(d.requests).toHaveLength(1);
    expect(d.paused).toBe(true);
    first.done();
    expect(d.requests).toHaveLength(2);
    expect(d.paused).toBe(false);
    d.last.answer();
    expect(contentOf(d.records(), STDOUT, 2)).toBe(OK);
  });

  it('one that waits for that is dropped with the connection', () => {
    const d = new Driver().feed(request(1));
    const first = d.last;
    first.start(0);
    first.end();
    d.feed(request(2));
    d.connection.closed();
    d.connection.invariant();
    first.done();
    expect(d.connection.waitingFor).toBe(WAIT_REQUEST);
    expect(d.requests).toHaveLength(1);
  });
});

describe('G-174 the end of a request by its client', () => {
  it('ABORT_REQUEST is a disconnect; END_REQUEST follows when the application is through', () => {
    const d = new Driver().feed(request(1) + record(ABORT_REQUEST, 1));
    expect(d.last.gone).toBe(true);
    expect(d.records()).toEqual([]);
    expect(d.last.data('ignored')).toBe(true);
    d.last.done();
    expect(d.records()).toEqual([{ type: END_REQUEST, id: 1, content: COMPLETE }]);
    d.feed(request(2));
    expect(d.requests).toHaveLength(2);
  });

  it('ABORT_REQUEST within the parameters ends the request at once', () => {
    const d = new Driver().feed(begin(1) + record(PARAMS, 1, 'abc') + record(ABORT_REQUEST, 1));
    expect(d.records()).toEqual([{ type: END_REQUEST, id: 1, content: COMPLETE }]);
    d.feed(request(1));
    expect(d.requests).toHaveLength(1);
  });

  it('a closed connection is a disconnect', () => {
    const d = new Driver().feed(request(1));
    d.connection.closed();
    expect(d.last.gone).toBe(true);
    d.last.done();
    expect(d.finishedStatuses).toEqual([0]);
  });

  it('a connection that ends within the body fails the read', () => {
    const d = new Driver().feed(begin(1) + stream(PARAMS, 1, pairs({ ...VARIABLES, CONTENT_LENGTH: '5' })));
    d.feed(record(STDIN, 1, 'ab'));
    d.connection.ended();
    expect(d.last.bodyState).toBe(0);
  });

  it('G-141 a response that breaks off ends in what no front server takes for its end', () => {
    const d = new Driver().feed(request(1));
    d.last.start();
    d.last.data('half');
    d.connection.breakResponse(d.last.exchange);
    const { records, rest } = readRecords(d.take());
    expect(contentOf(records, STDOUT, 1)).toBe('Status: 200 OK\r\n\r\nhalf');
    expect(records.some(({ type }) => type === END_REQUEST)).toBe(false);
    expect(rest).toBe('\0'.repeat(8));
    // What is still in the socket goes ahead of the end; a client that takes none of it is dropped.
    expect([d.fin, d.destroyed]).toEqual([true, 'no']);
    d.connection.expired();
    expect(d.destroyed).not.toBe('no');
  });
});

describe('G-174 the error stream', () => {
  const text = Buffer.from('Grüße\n');

  it('is STDERR of the request', () => {
    const d = new Driver().feed(request(5));
    expect(d.connection.takesErrors).toBe(true);
    expect(d.connection.errors(d.last.exchange, text)).toBe(true);
    expect(d.records()).toEqual([{ type: STDERR, id: 5, content: text.toString('latin1') }]);
  });

  it('is another after the request, and where the front server does not read', () => {
    const d = new Driver().feed(request(5));
    d.last.start();
    d.writable = false;
    d.turn();
    expect(d.connection.errors(d.last.exchange, text)).toBe(false);
    d.writable = true;
    d.connection.drained();
    d.last.end();
    expect(d.connection.errors(d.last.exchange, text)).toBe(false);
  });
});

describe('G-174 management', () => {
  it('GET_VALUES is answered with what is asked and known', () => {
    const d = new Driver().feed(record(GET_VALUES, 0, pairs({ FCGI_MPXS_CONNS: '', FCGI_NO_SUCH: '' })));
    expect(d.records()).toEqual([{ type: GET_VALUES_RESULT, id: 0, content: pairs({ FCGI_MPXS_CONNS: '0' }) }]);
    d.feed(record(GET_VALUES, 0));
    expect(d.records()).toEqual([{ type: GET_VALUES_RESULT, id: 0, content: '' }]);
  });

  it('unknown types get UNKNOWN_TYPE, and the connection goes on', () => {
    const d = new Driver().feed(record(77, 0, 'whatever', 5) + record(12, 0));
    expect(d.records()).toEqual([
      { type: UNKNOWN_TYPE, id: 0, content: 'M\0\0\0\0\0\0\0' },
      { type: UNKNOWN_TYPE, id: 0, content: '\x0c\0\0\0\0\0\0\0' },
    ]);
    d.feed(request(1));
    expect(d.requests).toHaveLength(1);
  });

  it('G-65 a peer that asks on and on and reads nothing is dropped', () => {
    const d = new Driver();
    d.writable = false;
    d.feed(record(GET_VALUES, 0));
    expect(d.destroyed).toBe('no');
    d.feed(record(GET_VALUES, 0));
    expect(d.destroyed).toBe('reset');
  });

  it('roles other than responder are refused', () => {
    const d = new Driver().feed(begin(1, { role: 2 }) + stream(PARAMS, 1, pairs(VARIABLES)));
    expect(d.records()).toEqual([{ type: END_REQUEST, id: 1, content: UNKNOWN_ROLE }]);
    expect(d.requests).toHaveLength(0);
    expect(d.fin).toBe(false);
    expect(new Driver().feed(begin(1, { role: 3, keep: false })).fin).toBe(true);
  });

  it('records of requests that nobody knows are passed over', () => {
    const d = new Driver().feed(stream(STDIN, 9, 'abc') + stream(PARAMS, 9, 'abc') + record(ABORT_REQUEST, 9));
    expect(d.records()).toEqual([]);
    d.feed(request(1));
    expect(d.last.received).toBe('');
  });

  it('a stream of DATA, which responders have none of, is unknown', () => {
    expect(new Driver().feed(record(DATA, 1, 'x')).records()).toEqual([
      { type: UNKNOWN_TYPE, id: 0, content: '\x08\0\0\0\0\0\0\0' },
    ]);
  });
});

describe('G-174 what cannot be read', () => {
  it.each([
    ['another version', `\x02${begin(1).slice(1)}`],
    ['a BEGIN_REQUEST of the wrong size', record(BEGIN, 1, '\0\x01\x01')],
    ['the id 0', begin(0)],
    ['a pair that ends early', begin(1) + stream(PARAMS, 1, '\x05\x05abc')],
    ['a length that ends early', begin(1) + stream(PARAMS, 1, '\x80\0')],
  ])('%s drops the connection', (_, text) => {
    const d = new Driver().feed(text);
    expect(d.requests).toHaveLength(0);
    expect(d.destroyed).not.toBe('no');
  });

  it.each([
    ['no method', { REQUEST_METHOD: '' }, '400 Bad Request'],
    ['a method that is none', { REQUEST_METHOD: 'G ET' }, '400 Bad Request'],
    ['a length that is none', { CONTENT_LENGTH: '+5' }, '400 Bad Request'],
    ['a body that is too large', { CONTENT_LENGTH: '1048577' }, '413 Payload Too Large'],
    ['too large variables', { HTTP_X: 'x'.repeat(70_000) }, '431 Request Header Fields Too Large'],
    [
      'too many variables',
      Object.fromEntries(Array.from({ length: 101 }, (__, i) => [`HTTP_${i}`, ''])),
      '431 Request Header Fields Too Large',
    ],
  ])('%s is answered, and the connection ends', (_, variables, status) => {
    const d = new Driver().feed(request(1, variables as { [name: string]: string }));
    expect(d.requests).toHaveLength(0);
    expect(contentOf(d.records(), STDOUT, 1)).toMatch(new RegExp(`^Status: ${status}\r\n`));
    expect(d.fin).toBe(true);
  });

  it('G-65 endless parameters take no memory, and their deadline ends them', () => {
    const d = new Driver().feed(begin(1));
    for (let i = 0; i < 50; i++) d.feed(record(PARAMS, 1, 'x'.repeat(60_000)));
    expect(d.connection.waitingFor).toBe(WAIT_HEAD);
    const { progress } = d.connection;
    d.feed(record(PARAMS, 1, 'x'));
    expect(d.connection.progress).toBe(progress);
    d.connection.expired();
    expect(d.destroyed).toBe('destroyed');
  });

  it('G-65 a body beyond the limit fails the read', () => {
    const d = new Driver({ limitBody: 4 }).feed(request(1, { CONTENT_LENGTH: '' }, { body: 'abcdef' }));
    expect(d.last.bodyState).toBe(413);
    d.last.answer();
    expect(d.fin).toBe(true);
  });

  it('any bytes leave the connection open, or drop it, and never throw', () => {
    const soup = fc.array(
      fc.oneof(
        fc.constantFrom(begin(1), begin(2), request(1), request(2, {}, { body: 'abc' }), record(ABORT_REQUEST, 1)),
        fc.string({ maxLength: 12, unit: fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)) }),
        fc
          .tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 3 }), fc.string({ maxLength: 20 }))
          .map(([type, id, content]) => record(type, id, Buffer.from(content).toString('latin1').slice(0, 20))),
      ),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(soup, fc.boolean(), (parts, answers) => {
        const d = new Driver();
        if (answers) d.onRequest = (recorder) => recorder.answer();
        for (const part of parts) d.feed(part);
        d.connection.closed();
        for (const recorder of d.requests) if (recorder.exchange.owner !== null) recorder.done();
        expect(d.finishedStatuses.length).toBeGreaterThanOrEqual(d.requests.length);
      }),
    );
  });
});

describe('backpressure', () => {
  it('G-65 body bytes that the application has no room for stop the reading', () => {
    const d = new Driver();
    d.onRequest = (recorder) => {
      recorder.room = 2;
    };
    d.feed(request(1, {}, { body: 'abcdef' }));
    expect(d.last.received).toBe('ab');
    expect(d.paused).toBe(true);
    expect(d.connection.waitingFor).toBe(WAIT_APPLICATION);
    d.last.room = 100;
    d.connection.wantBody(d.last.exchange);
    expect(d.last.received).toBe('abcdef');
    expect(d.last.bodyState).toBe('ended');
    expect(d.paused).toBe(false);
  });

  it('G-148 a request that waits for room too long gets 503, and the connection goes on', () => {
    const d = new Driver();
    d.accepting = false;
    d.feed(request(1));
    d.connection.expired();
    expect(d.take()).toMatch(/Status: 503 [\s\S]*\r\nRetry-After: 1\r\n/);
    d.accepting = true;
    d.connection.retry();
    expect(d.requests).toHaveLength(0);
    d.feed(request(2));
    expect(d.requests).toHaveLength(1);
  });

  it('a request that nobody has room for waits, with what follows it', () => {
    const d = new Driver();
    d.accepting = false;
    d.feed(request(1, {}, { body: 'abc' }));
    expect(d.requests).toHaveLength(0);
    expect(d.connection.waitingFor).toBe(WAIT_ROOM);
    d.connection.retry();
    expect(d.requests).toHaveLength(0);
    d.accepting = true;
    d.connection.retry();
    expect(d.last.received).toBe('abc');
    d.last.answer();
    expect(contentOf(d.records(), STDOUT, 1)).toBe(OK);
  });

  it('G-105 a front server that does not read stops the application', () => {
    const d = new Driver().feed(request(1));
    d.last.start();
    d.writable = false;
    expect(d.last.data('x'.repeat(100_000))).toBe(false);
    expect(d.connection.waitingFor).toBe(WAIT_CLIENT);
    d.writable = true;
    d.connection.drained();
    expect(d.last.drains).toBe(1);
  });

  it('slow bodies have a deadline', () => {
    const d = new Driver().feed(begin(1) + stream(PARAMS, 1, pairs({ ...VARIABLES, CONTENT_LENGTH: '5' })));
    expect(d.connection.waitingFor).toBe(WAIT_BODY);
    d.connection.expired();
    expect(d.last.bodyState).toBe(408);
  });
});

describe('the end of a connection', () => {
  it('L-12 an idle one ends at once when the server stops, another with its response', () => {
    const idle = new Driver();
    idle.connection.shutdown();
    expect(idle.fin).toBe(true);
    const busy = new Driver().feed(request(1));
    busy.connection.shutdown();
    expect(busy.fin).toBe(false);
    busy.last.answer();
    expect(contentOf(busy.records(), STDOUT, 1)).toBe(OK);
    expect(busy.fin).toBe(true);
  });

  it('L-41 an idle one ends with its next response when the server is to stop', () => {
    const d = new Driver().feed(request(1));
    d.last.answer();
    d.connection.drain();
    expect(d.fin).toBe(false);
    d.feed(request(2));
    d.last.answer();
    expect(d.fin).toBe(true);
  });

  it('an idle one has a deadline', () => {
    const d = new Driver().feed(request(1));
    d.last.answer();
    expect(d.connection.waitingFor).toBe(WAIT_REQUEST);
    d.connection.expired();
    expect(d.fin).toBe(true);
  });

  it('G-147 an application that gave up before its head gets a page, afterwards a broken response', () => {
    const d = new Driver().feed(request(1));
    d.last.done();
    expect(contentOf(d.records(), STDOUT, 1)).toMatch(/^Status: 503 /);
    const broken = new Driver().feed(request(1));
    broken.last.start();
    broken.last.done();
    expect(readRecords(broken.take()).rest).toBe('\0'.repeat(8));
  });
});

it('G-174 names and values have lengths of one byte or four', () => {
  const some = fc.dictionary(fc.string({ minLength: 1, maxLength: 200 }), fc.string({ maxLength: 300 }));
  fc.assert(
    fc.property(some, (variables) => {
      const native = Object.fromEntries(
        Object.entries(variables).map(([name, value]) => [
          Buffer.from(name).toString('latin1'),
          Buffer.from(value).toString('latin1'),
        ]),
      );
      expect({ ...readPairs(Buffer.from(pairs(native), 'latin1')) }).toEqual(native);
    }),
  );
});
