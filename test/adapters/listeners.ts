/** Listeners for node:http, and requests to them, whose responses must be the same wherever they run (B-68). */
import { IncomingMessage, type RequestListener, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';

/** A request as it stands on the wire, but for Host and Connection. */
export interface WireRequest {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  /** Latin-1. */
  body?: string;
  version?: '1.0' | '1.1';
}

export interface ListenerCase extends WireRequest {
  title: string;
  listener: RequestListener;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  request.setEncoding('latin1');
  let text = '';
  for await (const piece of request) text += piece;
  return text;
}

const HEX = 'abcdef0123456789';

export const LISTENERS: readonly ListenerCase[] = [
  { title: 'end with text', listener: (_request, response) => void response.end('hello') },
  { title: 'end with nothing', listener: (_request, response) => void response.end() },
  { title: 'end with bytes', listener: (_request, response) => void response.end(Buffer.from([0, 128, 255])) },
  {
    title: 'several writes, in several encodings',
    listener: (_request, response) => {
      response.write('caf\u00e9');
      response.write('caf\u00e9', 'latin1');
      response.write('caf\u00e9', 'utf16le');
      response.write(HEX, 'hex');
      response.write('YWJj', 'base64');
      response.write(Buffer.alloc(100_000, 'x'));
      response.end('\u20ac');
    },
  },
  {
    title: 'writes in several turns',
    listener: async (_request, response) => {
      for (const part of ['one', 'two', 'three']) {
        response.write(part);
        await new Promise((resolve) => setImmediate(resolve));
      }
      response.end();
    },
  },
  {
    title: 'writeHead with a message and an object',
    listener: (_request, response) =>
      void response.writeHead(418, 'Short And Stout', { 'X-A': 'b', 'x-n': 5 }).end('tea'),
  },
  {
    title: 'writeHead with a raw array',
    listener: (_request, response) => {
      response.setHeader('X-Before', 'kept');
      response.writeHead(200, ['X-a', '1', 'x-A', '2', 'SET-cookie', 'c=1', 'set-COOKIE', 'd=2']);
      response.end('raw');
    },
  },
  {
    title: 'setHeader, appendHeader, removeHeader, and what is read of them',
    listener: (_request, response) => {
      response.setHeader('Set-Cookie', ['a=1', 'b=2']);
      response.setHeader('X-Gone', 'x').setHeader('X-Number', 7).setHeader('X-Empty', '');
      response.appendHeader('X-List', 'one').appendHeader('X-List', ['two', 'three']);
      response.removeHeader('x-gone');
      const { headersSent, sendDate: _, writableEnded, finished, statusCode } = response;
      response.end(
        JSON.stringify([
          response.getHeaderNames(),
          response.getHeaders(),
          headersSent,
          writableEnded,
          finished,
          statusCode,
        ]),
      );
    },
  },
  {
    title: 'a status and a message of its own, with obs-text',
    listener: (_request, response) => {
      response.statusCode = 444;
      response.statusMessage = 'No \u00e9nd';
      response.setHeader('X-Latin', '\u00e9\u00ff');
      response.end(Buffer.from('x'));
    },
  },
  { title: 'an empty reason', listener: (_request, response) => void response.writeHead(200, '').end('x') },
  {
    title: 'an empty statusMessage',
    listener: (_request, response) => {
      response.statusMessage = '';
      response.end('x');
    },
  },
  {
    title: 'what is there of the socket, and what can be set on it',
    listener: ({ socket }, response) => {
      const before = ['encrypted' in socket, socket.readyState, socket.destroyed, socket.connecting, socket.pending];
      socket.setKeepAlive(true, 1000).setNoDelay(true).setTimeout(60_000).ref().unref();
      const timeout = socket.timeout;
      socket.setTimeout(0);
      const odd = Object.assign(socket, { encrypted: true, authorized: true, servername: 'a', user: 7, parser2: null });
      const methods = ['resetAndDestroy', 'destroySoon', 'address', 'cork', 'end', 'pause', 'resume', 'setEncoding'];
      const missing = methods.filter((name) => typeof Reflect.get(socket, name) !== 'function');
      response.end(JSON.stringify([before, timeout, odd.encrypted, odd.authorized, odd.servername, missing]));
    },
  },
  {
    title: 'bytesWritten, in the turn of the write and when it is out',
    listener: (_request, response) => {
      const { socket } = response;
      const counts = () => Number(socket?.bytesWritten);
      response.setHeader('Content-Length', 300);
      response.sendDate = false;
      response.removeHeader('Connection');
      response.flushHeaders();
      const head = counts();
      response.write('x'.repeat(100));
      const written = counts() - head;
      response.write('y'.repeat(50), () => {
        const out = counts() - head;
        response.end(JSON.stringify([head > 0, written, out]).padEnd(150));
      });
    },
  },
  {
    title: 'bytes, and a socket that is destroyed in the same turn',
    listener: (_request, response) => {
      response.writeHead(200, { 'Content-Length': 10 });
      response.end('half');
      response.socket?.destroy();
    },
  },
  {
    title: 'a head, and a response that is destroyed in the same turn',
    listener: (_request, response) => {
      response.writeHead(200, { 'Content-Length': 10, 'X-A': 'b' }).flushHeaders();
      response.destroy();
    },
  },
  {
    title: 'a response written to the socket itself',
    listener: ({ socket }) =>
      void socket.end('HTTP/1.1 200 By Hand\r\nX-A: b\r\nConnection: close\r\nContent-Length: 4\r\n\r\nhand'),
  },
  {
    title: 'a latin-1 field before text, which Node writes in UTF-8',
    listener: (_request, response) => void response.setHeader('X-Latin', '\u00e9').end('text'),
  },
  {
    title: 'flushHeaders, then a body',
    listener: (_request, response) => {
      response.writeHead(202, { 'X-A': 'b' });
      response.flushHeaders();
      setImmediate(() => response.end('late'));
    },
  },
  {
    title: 'trailers',
    listener: (_request, response) => {
      response.writeHead(200, { Trailer: 'X-Sum', 'X-A': 'b' });
      response.write('sum');
      response.addTrailers({ 'X-Sum': '6' });
      response.end('med');
    },
  },
  {
    title: 'a Transfer-Encoding of its own',
    listener: (_request, response) => void response.writeHead(200, { 'transfer-encoding': 'chunked' }).end('proxied'),
  },
  {
    title: 'no Transfer-Encoding, by its own wish',
    listener: (_request, response) => {
      response.removeHeader('Transfer-Encoding');
      response.write('up to ');
      response.end('the end');
    },
  },
  {
    title: 'fields of the connection',
    listener: (_request, response) =>
      void response.writeHead(200, { Connection: 'keep-alive', 'Keep-Alive': 'timeout=9', 'X-A': 'b' }).end('x'),
  },
  {
    title: 'interim responses',
    listener: (_request, response) => {
      response.writeProcessing();
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.end('final');
    },
  },
  {
    title: 'cork and uncork',
    listener: (_request, response) => {
      response.cork();
      response.write('a');
      response.write('b');
      process.nextTick(() => {
        response.uncork();
        response.end('c');
      });
    },
  },
  { title: '204 with a body', listener: (_request, response) => void response.writeHead(204).end('no') },
  { title: '304 with fields', listener: (_request, response) => void response.writeHead(304, { ETag: '"a"' }).end() },
  { title: 'HEAD', method: 'HEAD', listener: (_request, response) => void response.end('hello') },
  {
    title: 'HEAD with a length, in writes',
    method: 'HEAD',
    listener: (_request, response) => {
      response.setHeader('Content-Length', 10);
      response.write('hello');
      response.end('world');
    },
  },
  {
    title: 'HTTP/1.0',
    version: '1.0',
    listener: (request, response) => {
      response.write(request.httpVersion);
      response.end();
    },
  },
  {
    title: 'less than its Content-Length, and a broken connection',
    listener: (_request, response) => {
      response.writeHead(200, { 'Content-Length': 10 });
      response.write('half', () => response.destroy());
    },
  },
  {
    title: 'the request: target, method, fields',
    method: 'PUT',
    path: '/a%2Fb//c/../%C3%A9?x=%20&y=?z',
    headers: { 'X-Mixed-Case': 'a  b', cookie: 'a=1; b=2', Accept: '*/*', 'Content-Length': '0', 'X-Empty': '' },
    listener: (request, response) => {
      const { method, url, headers, httpVersion, httpVersionMajor, complete } = request;
      response.end(
        JSON.stringify({
          method,
          url,
          headers: Object.entries(headers).toSorted(),
          httpVersion,
          httpVersionMajor,
          complete,
        }),
      );
    },
  },
  {
    title: 'the request body, with a length',
    method: 'POST',
    body: 'x'.repeat(300_000),
    listener: async (request, response) => void response.end(String((await bodyOf(request)).length)),
  },
  {
    title: 'the request body, chunked',
    method: 'POST',
    headers: { 'Transfer-Encoding': 'chunked' },
    body: '3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n',
    listener: async (request, response) => {
      const body = await bodyOf(request);
      const { 'transfer-encoding': coding, 'content-length': length } = request.headers;
      response.end(JSON.stringify({ body, coding, length, trailers: request.trailers, ended: request.readableEnded }));
    },
  },
  {
    title: 'the request body, piped back',
    method: 'POST',
    body: '0123456789'.repeat(50_000),
    listener: (request, response) => void request.pipe(response),
  },
  {
    title: 'an upload that is not read',
    method: 'POST',
    body: 'ignored',
    listener: (_request, response) => void response.writeHead(413).end('too large'),
  },
  {
    title: 'Expect: 100-continue',
    method: 'POST',
    headers: { Expect: '100-continue' },
    body: 'expected',
    listener: async (request, response) => void response.end(`${request.headers.expect} ${await bodyOf(request)}`),
  },
  {
    title: 'a stream, piped, with drain',
    listener: (_request, response) => void Readable.from(Array(40).fill(Buffer.alloc(16_384, 'y'))).pipe(response),
  },
  {
    title: 'the order of events',
    method: 'POST',
    body: 'abc',
    listener: (request, response) => {
      const events: string[] = [];
      for (const name of ['resume', 'data', 'end', 'close', 'aborted'])
        request.on(name, () => events.push(`request ${name}`));
      for (const name of ['pipe', 'finish', 'close', 'drain']) response.on(name, () => events.push(`response ${name}`));
      request.on('end', () => response.write('x', () => setImmediate(() => response.end(events.join()))));
    },
  },
  {
    title: 'messages whose prototypes are exchanged before they are used',
    method: 'POST',
    body: 'x'.repeat(70_000),
    listener: async (request, response) => {
      Object.setPrototypeOf(request, Object.create(IncomingMessage.prototype, { shouted: { value: 'GET' } }));
      Object.setPrototypeOf(response, Object.create(ServerResponse.prototype, { json: { value: JSON.stringify } }));
      const body = await bodyOf(request);
      response.setHeader('X-Length', body.length);
      response.write(Reflect.get(request, 'shouted'));
      response.end(Reflect.get(response, 'json')([request.headers['content-length']]));
    },
  },
  {
    title: 'fields of a Map, and their names as they are spelt',
    listener: (_request, response) => {
      response.setHeaders(
        new Map<string, number | readonly string[]>([
          ['X-One', 1],
          ['set-cookie', ['a=1', 'b=2']],
        ]),
      );
      response.end(JSON.stringify([response.getHeaderNames(), response.hasHeader('x-one'), response.headersSent]));
    },
  },
  {
    title: 'a cookie of a request in a response, in a list',
    listener: (_request, response) => void response.writeHead(200, { Cookie: ['a=1', 'b=2'] }).end(),
  },
  {
    title: 'a file name in Latin-1',
    listener: (_request, response) => {
      response.setHeader('Content-Disposition', 'attachment; filename="caf\u00e9"');
      response.end(Buffer.from('x'));
    },
  },
  {
    title: 'what is refused, and how',
    listener: (_request, response) => {
      const codes: unknown[] = [];
      const attempt = (action: () => unknown) => {
        try {
          action();
        } catch (error) {
          codes.push(Reflect.get(error as Error, 'code'));
        }
      };
      response.setHeader('Trailer', 'X-Sum').setHeader('Content-Length', 3);
      attempt(() => response.writeHead(200));
      response.removeHeader('Trailer');
      attempt(() => response.writeHead(200, { 'X-A': 'b\n' }));
      attempt(() => Reflect.apply(response.write, response, [7]));
      attempt(() => Reflect.apply(response.end, response, [{}]));
      response.setHeader('Content-Length', 300);
      response.strictContentLength = true;
      response.write('x');
      attempt(() => response.write('y'.repeat(300)));
      response.strictContentLength = false;
      attempt(() => response.appendHeader('X-Late', 'c'));
      response.end(codes.join().padEnd(299));
    },
  },
  {
    title: 'what a response tells of itself, before and after its writes',
    listener: (_request, response) => {
      const told = () => {
        const { headersSent, writableEnded, writableFinished, writableLength, writableNeedDrain, destroyed } = response;
        return [headersSent, writableEnded, writableFinished, writableLength, writableNeedDrain, destroyed];
      };
      response.setHeader('Content-Length', 500).flushHeaders();
      const seen = [told()];
      response.write('x'.repeat(100));
      seen.push(told());
      response.write('', () => {
        seen.push(told());
        response.end(JSON.stringify(seen).padEnd(400));
      });
    },
  },
  {
    title: 'the calls of callbacks, in their order',
    listener: (_request, response) => {
      const calls: string[] = [];
      response.on('prefinish', () => calls.push('prefinish'));
      response.setHeader('Content-Length', 106);
      response.write('abc', () => calls.push('first'));
      response.write('def', () => {
        calls.push('second');
        response.end(calls.join().padEnd(100));
      });
      calls.push('written');
    },
  },
];
