/**
 * The way of a listener with messages of our own making: of their text only the head of the response is written and
 * read again.
 *
 * Request and response are of Node's own classes. What Node's server does for them besides is done here, in the same
 * order: it clears the need of a 'drain', finishes and closes request and response, tells of aborts and timeouts,
 * refuses expectations. What a response would write goes another way, by three methods that it calls of itself:
 * `_storeHeader` decides on the framing, `_send` puts the head before the first bytes, `_finish` tells the end. They
 * are replaced in the object, since own properties stay when a framework exchanges the prototype, as Express does.
 *
 * Only this file knows what these classes are inside. `OWN_MESSAGES` says whether a trial has found all as it is
 * expected here, on the Node that runs; if not, `served-socket.ts` is the way.
 */
import { channel } from 'node:diagnostics_channel';
import { errorMonitor } from 'node:events';
import { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { AsyncEnviron } from '../interface/types.ts';
import { trimmed } from '../rules/trimmed.ts';
import { ListenerSocket } from './listener-socket.ts';
import { eachMessageField, protocolOf } from './request-fields.ts';

/** What is inside of an IncomingMessage. */
type OwnRequest = IncomingMessage & {
  upgrade: boolean;
  _consuming: boolean;
  _readableState: { resumeScheduled: boolean };
  _addHeaderLines(namesAndValues: string[], count: number): void;
  _dump(): void;
};

/** For `_flushOutput`: nothing is left to be written. */
const flushed = (): boolean => true;

type Data = string | Uint8Array;
type Encoding = string | null;

/** What is inside of a ServerResponse. */
type OwnResponse = ServerResponse & {
  _header: string | null;
  _headerSent: boolean;
  _closed: boolean;
  _removedConnection: boolean;
  _storeHeader(firstLine: string, headers: unknown): void;
  _send(data: Data, encoding?: Encoding, callback?: unknown, size?: number): boolean;
  _writeRaw(data: Data, encoding?: Encoding, callback?: unknown, size?: number): boolean;
  _finish(): void;
  _flush(): void;
  _flushOutput(): boolean;
};

const Outgoing = ServerResponse.prototype as OwnResponse; // the trial finds out
/** The method that takes `request.signal` off the connection; undefined on Node 20, whose requests have no signal. */
const DETACH_SIGNAL: unknown = Object.getOwnPropertySymbols(IncomingMessage.prototype)
  .filter(({ description }) => description === 'kDetachAbortSignal')
  .map((key) => Reflect.get(IncomingMessage.prototype, key))[0];
const STARTED = channel('http.server.request.start');
const FINISHED = channel('http.server.response.finish');
const BEYOND_ASCII = /[\x80-\uffff]/;
const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i;

class OwnSocket extends ListenerSocket {
  readonly server: Server;
  readonly request: OwnRequest;
  /** The response until it has finished; the name is Node's. */
  declare _httpMessage: OwnResponse | null;
  /** Keeps Node's request from resuming this stream, in which there is nothing to be read. */
  readonly _paused = true;

  constructor(server: Server, environ: AsyncEnviron) {
    super(environ);
    this.server = server;
    this.request = requestOn(this);
  }

  /** Hears what concerns its messages ahead of all listeners. An error that nobody else hears of is no failure. */
  override emit(event: string | symbol, ...parameters: unknown[]): boolean {
    if (event === 'close') this.onClose();
    else if (event === 'drain') this.onDrain();
    const isUnheard = event === 'error' && this.listenerCount('error') === 0;
    return super.emit(isUnheard ? errorMonitor : event, ...parameters);
  }

  /** The client has gone, unless the response has finished. */
  private onClose(): void {
    if (this._httpMessage !== null) this.request.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
  }

  private onDrain(): void {
    const response = this._httpMessage;
    if (!response?.writableNeedDrain) return;
    // Nothing else clears the need of a drain: `_flush` does, when it is told that all is out.
    response._flushOutput = flushed;
    response._flush();
  }

  override setTimeout(milliseconds: number, listener?: () => void): this {
    if (this.timeout === undefined) this.on('timeout', onTimeout);
    return super.setTimeout(milliseconds, listener);
  }

  override deliver(bytes: Uint8Array): void {
    super.deliver(bytes);
    this.request.push(bytes);
  }

  complete(): void {
    this.request.complete = true;
    this.request.push(null);
  }
}

/** As much of a `net.Socket` as Node's messages look at; the trial finds out about the rest. */
function asNetSocket(socket: OwnSocket): Socket {
  return socket as unknown as Socket;
}

function requestOn(socket: OwnSocket): OwnRequest {
  const { environ } = socket;
  const request = new IncomingMessage(asNetSocket(socket)) as OwnRequest; // the trial finds out
  const { REQUEST_METHOD: method } = environ;
  const { url } = socket;
  const fields: string[] = [];
  let size = `${method} ${url} HTTP/1.1\r\n\r\n`.length;
  eachMessageField(environ, socket.bodyLength, (name, value) => {
    fields.push(name, trimmed(value));
    size += name.length + value.length + ': \r\n'.length;
  });
  socket.bytesRead = size;
  request._addHeaderLines(fields, fields.length);
  request.method = method;
  request.url = url;
  request.httpVersionMajor = 1;
  request.httpVersionMinor = protocolOf(environ) === 'HTTP/1.0' ? 0 : 1;
  request.httpVersion = `1.${request.httpVersionMinor}`;
  request.upgrade = false;
  return request;
}

function responseOn(socket: OwnSocket): OwnResponse {
  const response = new ServerResponse<IncomingMessage>(socket.request) as OwnResponse; // the trial finds out
  // The gateway's (G-97): neither `Date` nor `Connection` is written by Node.
  response.sendDate = false;
  response._removedConnection = true;
  response._storeHeader = storeHeader;
  response._send = send;
  response._finish = finish;
  return response;
}

/** Leaves the body without the framing that Node has decided on, and has written into the head. */
function storeHeader(this: OwnResponse, firstLine: string, headers: unknown): void {
  Outgoing._storeHeader.call(this, firstLine, headers);
  this.chunkedEncoding = false;
}

/** Takes the head in place of putting it before the data. */
function send(this: OwnResponse, data: Data, encoding?: Encoding, callback?: unknown, size?: number): boolean {
  const socket: unknown = this.socket;
  if (!(socket instanceof OwnSocket)) return Outgoing._send.call(this, data, encoding, callback, size);
  if (!this._headerSent && this._header !== null) {
    this._headerSent = true;
    if (socket.writable) socket.beginResponse(asWritten(this._header, data, encoding));
  }
  return Outgoing._writeRaw.call(this, data, encoding, callback, size);
}

/** A head as the bytes, each a unit, that Node makes of it: together with a text after it, and in its encoding. */
function asWritten(head: string, data: Data, encoding: Encoding | undefined): string {
  if (!BEYOND_ASCII.test(head)) return head;
  const inUtf8 = typeof data === 'string' && (!encoding || encoding === 'utf8');
  return Buffer.from(head, inUtf8 ? 'utf8' : 'latin1').toString('latin1');
}

function finish(this: OwnResponse): void {
  Outgoing._finish.call(this);
  const socket: unknown = this.socket;
  if (socket instanceof OwnSocket) socket.endResponse();
}

/** On the 'finish' of the response. */
function onFinish(this: OwnResponse): void {
  const socket: unknown = this.socket;
  if (!(socket instanceof OwnSocket)) return;
  const { request, server } = socket;
  if (FINISHED.hasSubscribers) FINISHED.publish({ request, response: this, socket, server });
  if (typeof DETACH_SIGNAL === 'function') Reflect.apply(DETACH_SIGNAL, request, []);
  socket.body?.stop();
  if (!request._consuming && !request._readableState.resumeScheduled) request._dump();
  this.detachSocket(asNetSocket(socket));
  process.nextTick(close, this, socket);
}

/**
 * Keep-alive or not, there is one request on a connection. What middleware leaves on a socket stays with its client.
 */
function close(response: OwnResponse, socket: OwnSocket): void {
  if (!response._closed) {
    response.destroyed = true;
    response._closed = true;
    response.emit('close');
  }
  socket.destroy();
}

/** On the 'timeout' of the socket. */
function onTimeout(this: OwnSocket): void {
  const { request, _httpMessage: response, server } = this;
  const heard = [
    !request.complete && request.emit('timeout', this),
    response?.emit('timeout', this),
    server.emit('timeout', asNetSocket(this)),
  ];
  if (!heard.includes(true)) this.destroy();
}

/** Makes the messages of a request, and lets a server emit them as its 'request'. */
export function serveMessages(server: Server, environ: AsyncEnviron): ListenerSocket {
  const socket = new OwnSocket(server, environ);
  const { request } = socket;
  const response = responseOn(socket);
  if (STARTED.hasSubscribers) STARTED.publish({ request, response, socket, server });
  response.assignSocket(asNetSocket(socket));
  response.on('finish', onFinish);
  const { HTTP_EXPECT: expected } = environ;
  const refused = expected !== undefined && request.httpVersionMinor === 1 && !CONTINUE.test(expected);
  if (refused) response.writeHead(417).end();
  else server.emit('request', request, response);
  if (socket.body === null) socket.complete();
  return socket;
}

/** A request that nobody has sent. */
const TRIAL: Partial<AsyncEnviron> = { REQUEST_METHOD: 'POST', PATH_INFO: '/', CONTENT_LENGTH: '0', HTTP_X_A: 'b' };

/** What a listener and its gateway see of a request, where all is as expected. */
const EXPECTED = {
  head: '{"status":"200 OK","headers":[["X-A","b"]]}',
  unframed: true,
  more: false,
  drains: 1,
  last: 'last',
  whole: true,
  socket: null,
  message: null,
  consuming: false,
  signal: 'signal' in IncomingMessage.prototype ? 'function' : 'undefined',
};

/** Tries everything that is not documented. */
function trial(): Record<keyof typeof EXPECTED, unknown> {
  const socket = new OwnSocket(new Server(), TRIAL as AsyncEnviron); // no more of it is looked at
  const { request, response: taken } = socket;
  const response = responseOn(socket);
  response.assignSocket(asNetSocket(socket));
  let drains = 0;
  response.on('finish', onFinish).on('drain', () => drains++);
  response.setHeader('X-A', request.headers['x-a'] ?? '');
  response.cork();
  const size = response.writableHighWaterMark;
  const more = response.write(Buffer.alloc(size));
  response.uncork();
  const unframed = taken.takePiece()?.byteLength === size && !taken.complete;
  socket.release();
  response.end('last');
  const last = String(taken.takePiece());
  socket.release();
  socket.complete();
  return {
    head: JSON.stringify(taken.head),
    unframed,
    more,
    drains,
    last,
    whole: taken.complete,
    socket: response.socket,
    message: socket._httpMessage,
    consuming: request._consuming,
    signal: typeof DETACH_SIGNAL,
  };
}

/** Whether `serveMessages` can be used with this version of Node. */
export const OWN_MESSAGES: boolean = ((): boolean => {
  try {
    return isDeepStrictEqual(trial(), EXPECTED);
  } catch {
    return false;
  }
})();
