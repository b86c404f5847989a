import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { afterEach, describe, expect, it } from 'vitest';
import { ClientDisconnected, ConfigurationError, markAsync, RequestBodyError } from '../../src/index.ts';
import { compose, errorPage } from '../../src/middleware/index.ts';
import { tracing } from '../../src/middleware/tracing.ts';
import { AsyncTestClient } from '../../src/testing/index.ts';
import { bytes, call, hello, KINDS, type Plain, streamed, syncEnviron } from './drive.ts';
import { spans, tracer } from './spans.ts';

const wrap = tracing({ tracer });
const ids = { trace: '0af7651916cd43dd8448eb211c80319c', parent: 'b7ad6b7169203331' };
const traceparent = (sampled: boolean) => `00-${ids.trace}-${ids.parent}-0${Number(sampled)}`;
const error = new RangeError('expected');

const fail = (): never => {
  throw error;
};

/** The one span that has ended. */
function span() {
  const ended = spans();
  expect(ended).toHaveLength(1);
  return ended[0];
}

afterEach(() => expect(spans()).toEqual([]));

describe.each(KINDS)('a span, %s', (kind) => {
  it('M-26 has what the conventions want of a request and its response', async () => {
    await call(kind, wrap, hello(), {
      script: '/shop',
      path: '/caf\u00c3\u00a9/1',
      query: 'a=1&sig=secret',
      headers: { 'User-Agent': 'test/1' },
      environ: {
        HTTP_HOST: 'example.com:8443',
        REQUEST_URI: '/shop/caf%C3%A9/1?a=1&sig=secret',
        'quaich.queue_time': 1.5,
      },
    });
    const { name, kind: of, attributes, status, events, parentSpanContext } = span();
    expect({ name, of, attributes, status, events, parentSpanContext }).toStrictEqual({
      name: 'GET /shop',
      of: SpanKind.SERVER,
      attributes: {
        'http.request.method': 'GET',
        'http.route': '/shop',
        'http.response.status_code': 200,
        'url.scheme': 'http',
        'url.path': '/shop/caf%C3%A9/1',
        'url.query': 'a=1&sig=REDACTED',
        'server.address': 'example.com',
        'server.port': 8443,
        'network.protocol.version': '1.1',
        'client.address': '127.0.0.1',
        'user_agent.original': 'test/1',
        'quaich.queue_time': 1.5,
      },
      status: { code: SpanStatusCode.UNSET },
      events: [],
      parentSpanContext: undefined,
    });
  });

  it('M-26 takes other facts where the usual ones are missing', async () => {
    await call(kind, wrap, hello(), {
      method: 'BREW',
      path: '/a b',
      environ: { HTTP_HOST: '[::1]', 'wsgi.url_scheme': 'https', SERVER_PROTOCOL: 'HTTP/2.0', REMOTE_ADDR: undefined },
    });
    const { name, attributes } = span();
    expect(name).toBe('HTTP');
    expect(attributes).toStrictEqual({
      'http.request.method': '_OTHER',
      'http.request.method_original': 'BREW',
      'http.response.status_code': 200,
      'url.scheme': 'https',
      'url.path': '/a%20b',
      'server.address': '::1',
      'server.port': 443,
      'network.protocol.version': '2',
    });
    await call(kind, wrap, hello(), { environ: { HTTP_HOST: undefined } });
    expect(span().attributes).toMatchObject({ 'server.address': 'localhost', 'server.port': 8000 });
  });

  it('M-26 has the route that its owner tells at the end', async () => {
    const routed = tracing({ tracer, route: (environ) => environ['example.route'] as string | undefined });
    const app: Plain = (environ, startResponse) => {
      if (environ.PATH_INFO !== '/') environ['example.route'] = '/users/{id}';
      return hello()(environ, startResponse);
    };
    await call(kind, routed, app, { path: '/users/1' });
    expect(span()).toMatchObject({ name: 'GET /users/{id}', attributes: { 'http.route': '/users/{id}' } });
    await call(kind, routed, app, { script: '/shop', path: '/' });
    expect(span()).toMatchObject({ name: 'GET /shop', attributes: { 'http.route': '/shop' } });
  });

  it('M-26 ends once, also where what its owner gives throws', async () => {
    const reply = await call(kind, tracing({ tracer, route: fail }), hello());
    expect([reply.code, reply.errors]).toEqual([200, expect.stringContaining('expected')]);
    expect(span().attributes).toMatchObject({ 'http.response.status_code': 200 });
  });

  it('M-27 continues the trace of the client', async () => {
    await call(kind, wrap, hello(), { headers: { Traceparent: traceparent(true), Tracestate: 'a=b' } });
    const ended = span();
    expect(ended.spanContext().traceId).toBe(ids.trace);
    expect(ended.parentSpanContext).toMatchObject({ traceId: ids.trace, spanId: ids.parent, isRemote: true });
    expect(ended.parentSpanContext?.traceState?.get('a')).toBe('b');
  });

  it('M-27 is active in the call, in each step and in the close', async () => {
    const seen: string[] = [];
    const at = (place: string) => seen.push(`${place} ${trace.getActiveSpan()?.spanContext().spanId}`);
    await call(kind, wrap, (_environ, startResponse) => {
      at('call');
      startResponse('200 OK', []);
      return {
        *[Symbol.iterator]() {
          at('first');
          yield bytes('a');
          at('second');
          yield bytes('b');
        },
        close: () => void at('close'),
      };
    });
    const { spanId } = span().spanContext();
    expect(seen).toEqual(['call', 'first', 'second', 'close'].map((place) => `${place} ${spanId}`));
    expect(trace.getActiveSpan()).toBe(undefined);
  });

  it('M-27 passes on a trace that the client does not record', async () => {
    let active: string | undefined;
    await call(
      kind,
      wrap,
      (environ, startResponse) => {
        active = trace.getActiveSpan()?.spanContext().traceId;
        return hello()(environ, startResponse);
      },
      { headers: { Traceparent: traceparent(false) } },
    );
    expect(active).toBe(ids.trace);
  });

  it('M-27 is a child of a span that is active already', async () => {
    const outer = tracer.startSpan('host');
    await context.with(trace.setSpan(context.active(), outer), () =>
      call(kind, wrap, hello(), { headers: { Traceparent: traceparent(true) } }),
    );
    expect(span().parentSpanContext?.spanId).toBe(outer.spanContext().spanId);
    outer.end();
    span();
  });

  it.each<[string, number, Plain]>([
    ['in its call', 500, fail],
    [
      'ahead of the first chunk',
      500,
      function* (_environ, startResponse) {
        startResponse('200 OK', []);
        yield bytes('');
        fail();
      },
    ],
    [
      'within the body',
      200,
      function* (_environ, startResponse) {
        startResponse('200 OK', []);
        yield bytes('part');
        fail();
      },
    ],
    [
      'in the close of an array',
      200,
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return Object.assign([bytes('whole')], { close: fail });
      },
    ],
    [
      'in the close of a body',
      200,
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return { *[Symbol.iterator]() {}, close: fail };
      },
    ],
  ])('M-28 tells of an application that fails %s', async (_where, code, app) => {
    const reply = await call(kind, wrap, app);
    expect([reply.code, reply.errors.includes('expected')]).toEqual([code, true]);
    const { attributes, status, events } = span();
    expect(attributes).toMatchObject({ 'http.response.status_code': code, 'error.type': 'RangeError' });
    expect(status.code).toBe(SpanStatusCode.ERROR);
    expect(events.map(({ name, attributes }) => [name, attributes?.['exception.message']])).toEqual([
      ['exception', 'expected'],
    ]);
  });

  it.each([
    ['502 Bad Gateway', SpanStatusCode.ERROR, '502'],
    ['404 Not Found', SpanStatusCode.UNSET, undefined],
  ])('M-28 takes %s for what it is', async (answer, code, type) => {
    await call(kind, wrap, (_environ, startResponse) => {
      startResponse(answer, []);
      return [];
    });
    const { attributes, status } = span();
    expect([attributes['http.response.status_code'], attributes['error.type'], status.code]).toEqual([
      Number(answer.slice(0, 3)),
      type,
      code,
    ]);
  });

  it('M-28 tells of an error that was answered inside', async () => {
    const reply = await call(kind, compose([wrap, errorPage({ development: false })]), fail);
    expect(reply.code).toBe(500);
    const { attributes, status, events } = span();
    expect(attributes).toMatchObject({ 'http.response.status_code': 500, 'error.type': 'RangeError' });
    expect([status.code, events.length]).toEqual([SpanStatusCode.ERROR, 1]);
  });

  it('M-28 takes what the client has done wrong for no error', async () => {
    await call(kind, wrap, () => {
      throw new RequestBodyError('too large', 413);
    });
    const { attributes, status, events } = span();
    expect(attributes['http.response.status_code']).toBe(413);
    expect([status.code, events, attributes['error.type']]).toEqual([SpanStatusCode.UNSET, [], undefined]);
  });

  it('M-28 shows whatever was thrown', async () => {
    const hostile = Object.defineProperty(new Error('x'), 'name', { get: fail });
    for (const [thrown, type] of [
      ['text', 'string'],
      [undefined, 'undefined'],
      [hostile, 'Error'],
    ] as const) {
      await call(kind, wrap, () => {
        throw thrown;
      });
      expect(span().attributes['error.type']).toBe(type);
    }
  });

  it('M-26 M-28 ends, without an error, where the client leaves', async () => {
    const reply = await call(kind, wrap, streamed(['a', 'b', 'c']), {
      disconnectAt: 1,
      environ: { 'quaich.client_disconnected': () => true },
    });
    expect(reply.sends).toEqual(['a']);
    const { attributes, status, events } = span();
    expect(attributes).toMatchObject({ 'quaich.disconnected': true, 'http.response.status_code': 200 });
    expect([status.code, events]).toEqual([SpanStatusCode.UNSET, []]);
    await call(kind, wrap, () => {
      throw new ClientDisconnected();
    });
    expect(span().attributes).toMatchObject({ 'quaich.disconnected': true });
  });
});

it('M-27 is active behind each wait of an async application', async () => {
  const seen: (string | undefined)[] = [];
  const at = () => seen.push(trace.getActiveSpan()?.spanContext().spanId);
  const client = new AsyncTestClient(
    wrap(
      markAsync(async function* (_environ, startResponse) {
        await turn();
        at();
        startResponse('200 OK', []);
        yield bytes('a');
        await turn();
        at();
        yield bytes('b');
      }),
    ),
  );
  expect((await client.get('/')).text).toBe('ab');
  const { spanId } = span().spanContext();
  expect(seen).toEqual([spanId, spanId]);
});

it('M-28 takes a call that the signal has ended for no error', async () => {
  const client = new AsyncTestClient(
    wrap(
      markAsync(async (environ, startResponse) => {
        startResponse('200 OK', []);
        return sleep(60_000, [], { signal: environ['quaich.signal'] });
      }),
    ),
  );
  await client.open({}).disconnect();
  const { attributes, status, events } = span();
  expect(attributes['quaich.disconnected']).toBe(true);
  expect(attributes['http.response.status_code']).toBe(undefined);
  expect([status.code, events]).toEqual([SpanStatusCode.UNSET, []]);
});

it('M-26 refuses a route that is no function', () => {
  expect(() => tracing({ route: '/users' as never })).toThrow(ConfigurationError);
});

it('M-26 leaves an application alone where nobody has set up tracing', () => {
  const body = [bytes('as it is')];
  const calls: unknown[] = [];
  const app = tracing()((...args) => {
    calls.push(...args);
    return body;
  });
  const environ = syncEnviron();
  const startResponse = () => () => {};
  expect(app(environ, startResponse)).toBe(body);
  expect(calls).toEqual([environ, startResponse]);
});
