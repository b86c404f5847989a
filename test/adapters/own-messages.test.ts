/** B-68: what Node's server does for its messages, done for those of our own making. */

import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, IncomingMessage, type RequestListener, Server, ServerResponse } from 'node:http';
import { isPromise } from 'node:util/types';
import { describe, expect, it, vi } from 'vitest';
import { fromNodeListener } from '../../src/adapters/index.ts';
import { OWN_MESSAGES } from '../../src/adapters/own-messages.ts';
import type { AsyncApplication } from '../../src/interface/index.ts';
import { AsyncTestClient } from '../../src/testing/index.ts';
import { validator } from '../../src/validate/index.ts';

const client = (listener: RequestListener) => new AsyncTestClient(validator(fromNodeListener(listener)));

describe('messages of our own making', () => {
  it('B-68 are used with this version of Node', () => expect(OWN_MESSAGES).toBe(true));

  it("B-68 are of Node's own classes", async () => {
    const found: unknown[] = [];
    await client((request, response) => {
      found.push(Object.getPrototypeOf(request), Object.getPrototypeOf(response), request.socket === response.socket);
      response.writeHead(204).end();
    }).get('/');
    expect(found).toEqual([IncomingMessage.prototype, ServerResponse.prototype, true]);
  });

  it('B-68 finish and close in the order of node:http, off the socket', async () => {
    const events: unknown[] = [];
    const listener: RequestListener = (request, response) => {
      const { socket } = response;
      const push = (event: string) => events.push([event, response.socket === null, response.writableFinished]);
      for (const event of ['end', 'close']) request.on(event, () => push(`request ${event}`));
      for (const event of ['finish', 'close']) response.on(event, () => push(`response ${event}`));
      response.on('prefinish', () => events.push('prefinish'));
      response.writeHead(200, { 'Content-Type': 'text/plain' });
      response.end('x', () => push('end'));
      expect(socket?.writable).toBe(true);
    };
    await client(listener).get('/');
    await expect.poll(() => events.length).toBe(6);
    const ours = events.splice(0);
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address === 'object') await (await fetch(`http://127.0.0.1:${address?.port}/`)).text();
    server.close();
    await expect.poll(() => events.length).toBe(6);
    expect(ours).toEqual(events);
  });

  it('B-68 make no promise for a response that is complete when the listener returns', async () => {
    const promises: boolean[] = [];
    const app = fromNodeListener((request, response) => {
      if (request.url === '/now') response.end('now');
      else setImmediate(() => response.end('later'));
    });
    const looking: AsyncApplication = async (environ, startResponse) => {
      const body = app(environ, startResponse);
      promises.push(isPromise(body));
      return body;
    };
    const asking = new AsyncTestClient(looking);
    expect([(await asking.get('/now')).text, (await asking.get('/later')).text]).toEqual(['now', 'later']);
    expect(promises).toEqual([false, true]);
  });

  it('B-68 refuse an expectation that nobody knows, where middleware has made one', async () => {
    const calls: unknown[] = [];
    const app = fromNodeListener((request, response) => {
      calls.push(request.headers.expect);
      response.writeHead(204).end();
    });
    const statuses: number[] = [];
    for (const expectation of ['tea', '100-Continue']) {
      const expecting: AsyncApplication = async (environ, startResponse) =>
        app(Object.assign(environ, { HTTP_EXPECT: expectation }), startResponse);
      statuses.push((await new AsyncTestClient(expecting).get('/')).status);
    }
    expect([statuses, calls]).toEqual([[417, 204], ['100-Continue']]);
  });

  it('B-68 take writes whose response is complete by its length', async () => {
    const events: string[] = [];
    const response = await client((_request, answer) => {
      answer.on('finish', () => events.push('finish'));
      answer.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 3 }).write('abc');
      setTimeout(() => {
        answer.write('more', () => events.push('more'));
        answer.end();
      }, 5);
    }).get('/');
    await expect.poll(() => events).toEqual(['more', 'finish']);
    expect(response.text).toBe('abc');
  });

  it('B-68 end with what is written while the gateway takes what was before', async () => {
    const exchange = client((_request, answer) => {
      answer.writeHead(200, { 'Content-Type': 'text/plain' });
      answer.write('one', () => answer.end('three'));
      answer.uncork();
      answer.write('two');
    }).open({ path: '/' });
    let text = '';
    for (let chunk = await exchange.next(); chunk !== null; chunk = await exchange.next()) text += Buffer.from(chunk);
    expect([text, (await exchange.finished).broken]).toEqual(['onetwothree', false]);
  });

  it('B-68 are told of on the channels of node:http', async () => {
    const told: unknown[] = [];
    const names = ['http.server.request.start', 'http.server.response.finish'];
    const onMessage = (message: unknown, name: string | symbol) => {
      const { request, response, socket, server } = message as Record<string, { url?: string; statusCode?: number }>;
      told.push([name, request.url, response.statusCode, socket === Reflect.get(request, 'socket')]);
      expect([server instanceof Server, Reflect.get(socket, 'server')]).toEqual([true, server]);
    };
    for (const name of names) subscribe(name, onMessage);
    await client((_request, response) => response.writeHead(201, { 'Content-Type': 'text/plain' }).end('x')).get('/a');
    for (const name of names) unsubscribe(name, onMessage);
    expect(told).toEqual([
      ['http.server.request.start', '/a', 200, true],
      ['http.server.response.finish', '/a', 201, true],
    ]);
    expect(channel(names[0]).hasSubscribers).toBe(false);
  });

  it("B-68 come by the 'request' of a server, where tracers look for them", async () => {
    const { emit } = Server.prototype;
    const seen: unknown[] = [];
    Server.prototype.emit = function (this: Server, ...event: Parameters<typeof emit>) {
      seen.push(event[0]);
      return Reflect.apply(emit, this, event);
    } as typeof emit;
    await client((_request, response) => response.writeHead(204).end()).get('/');
    Server.prototype.emit = emit;
    expect(seen).toEqual(['request']);
  });

  it('B-68 hear of a timeout: request, response and socket, and nobody', async () => {
    const heard: string[] = [];
    const response = await client((request, answer) => {
      request.setTimeout(5, () => heard.push('request'));
      answer.on('timeout', () => heard.push('response'));
      request.socket.on('timeout', () => {
        heard.push('socket');
        answer.writeHead(204).end();
      });
    }).post('/', { body: 'x' });
    expect([response.status, heard]).toEqual([204, ['request', 'response', 'socket']]);
  });

  it.skipIf(!('signal' in IncomingMessage.prototype))('B-68 abort their signal with the client only', async () => {
    const signals: AbortSignal[] = [];
    const app = client((request, response) => {
      signals.push(Reflect.get(request, 'signal'));
      if (request.url === '/') response.writeHead(204).end();
    });
    let closed = false;
    await app.get('/');
    const exchange = app.open({ path: '/wait' });
    await expect.poll(() => signals.length).toBe(2);
    signals[1].addEventListener('abort', () => {
      closed = true;
    });
    await exchange.disconnect();
    await expect.poll(() => closed).toBe(true);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
  });

  it('B-68 leave a response on another socket to Node', async () => {
    const written: unknown[] = [];
    const other = {
      writable: true,
      on() {},
      cork() {},
      uncork() {},
      _writableState: {},
      write: (text: string) => written.push(text),
    };
    const response = await client((_request, answer) => {
      const { socket } = answer;
      if (socket !== null) answer.detachSocket(socket);
      Reflect.apply(answer.assignSocket, answer, [other]);
      answer.end('elsewhere');
      socket?.end('HTTP/1.1 204 No Content\r\n\r\n');
    }).get('/');
    expect([response.status, written.join('')]).toEqual([204, expect.stringMatching(/^HTTP\/1.1 200 OK.*elsewhere$/s)]);
  });
});

describe('a Node whose messages are otherwise inside', () => {
  it.each(['_flush', '_writeRaw', '_storeHeader', 'end'])('B-68 is found out: %s does nothing', async (method) => {
    Object.defineProperty(ServerResponse.prototype, method, { value() {}, configurable: true });
    vi.resetModules();
    const own = await import('../../src/adapters/own-messages.ts');
    Reflect.deleteProperty(ServerResponse.prototype, method);
    expect(own.OWN_MESSAGES).toBe(false);
  });
});
