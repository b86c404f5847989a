/**
 * Applications written for node:http: Express, Koa, Fastify, Connect, or a plain request listener (B-68).
 *
 * They are called by the 'request' of a server of node:http that never listens. Its messages are of our own making
 * (`own-messages.ts`), or made by the server itself of a connection that is none (`served-socket.ts`).
 */
import { createServer, METHODS, type RequestListener, type Server } from 'node:http';
import { isPromise } from 'node:util/types';
import { report } from '../engine/report.ts';
import { ApplicationError, ConfigurationError } from '../interface/errors.ts';
import { markAsync } from '../interface/kind.ts';
import { markOriginal } from '../interface/original.ts';
import type {
  AsyncApplication,
  AsyncBody,
  AsyncEnviron,
  AsyncStartResponse,
  AsyncWrite,
  HeaderField,
  Lifespan,
} from '../interface/types.ts';
import { isBelow } from '../rules/prefix.ts';
import { describeError, shownRequest } from '../rules/show.ts';
import { ListenerSocket } from './listener-socket.ts';
import { OWN_MESSAGES, serveMessages } from './own-messages.ts';
import { requestTarget } from './request-target.ts';
import type { ParsedHead } from './response-parser.ts';
import { serveConnection } from './served-socket.ts';

/** What Node's server emits 'request' to; another server serves as the list of its listeners. */
export interface RequestEmitter {
  emit(event: 'request', ...parameters: Parameters<RequestListener>): boolean;
}

/** Hooks of the application (L-01): where a framework connects to its databases, and leaves them. */
export interface NodeListenerOptions extends Pick<Lifespan, 'startup' | 'shutdown'> {
  /**
   * Puts the mount in front of a `Location` that is a path outside of it: for listeners that know nothing of mounts,
   * and mean their own paths. False by default.
   */
  mountRedirects?: boolean;
}

const NOTHING = new Uint8Array(0);
const NOT_IMPLEMENTED: HeaderField[] = [['Content-Type', 'text/plain; charset=utf-8']];
/** Methods that Node's parser knows; CONNECT asks for a tunnel, and is never given to listeners. */
const KNOWN_METHODS: ReadonlySet<string> = new Set(METHODS.filter((method) => method !== 'CONNECT'));
/** The gateway has limited the head already (G-31). */
const MOST_HEAD_BYTES = 2 ** 30;

/** The body of a response that did not come in one piece. */
class ListenerBody implements AsyncIterableIterator<Uint8Array> {
  readonly #socket: ListenerSocket;

  constructor(socket: ListenerSocket) {
    this.#socket = socket;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    const socket = this.#socket;
    // What was given before has been taken.
    if (!socket.response.hasPiece) socket.release();
    for (;;) {
      if (socket.failed && !socket.cut) throw socket.reason;
      const value = socket.takePiece();
      if (value !== null) return { done: false, value };
      if (socket.failed) throw socket.reason;
      if (socket.response.complete) {
        socket.release();
        return { done: true, value: undefined };
      }
      await socket.change();
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.close();
    return { done: true, value: undefined };
  }

  close(): void {
    this.#socket.abandon();
  }
}

/** The fields of a response, with a `Location` below the mount where that is a path (RFC 9110, 10.2.2). */
function redirectedBelow(environ: AsyncEnviron, headers: HeaderField[]): HeaderField[] {
  const { script } = requestTarget(environ);
  if (script === '') return headers;
  return headers.map(([name, value]) => {
    const path = value.split(/[?#]/, 1)[0];
    const isOutside = value.startsWith('/') && !value.startsWith('//') && !isBelow(path, script);
    return name.toLowerCase() === 'location' && isOutside ? [name, script + value] : [name, value];
  });
}

/** Gives a request to the listener. What it throws, or rejects with, fails the request and nothing else. */
function call(listen: RequestListener, socket: ListenerSocket, ...parameters: Parameters<RequestListener>): void {
  try {
    const result: unknown = listen(...parameters);
    if (isPromise(result)) result.then(undefined, (error) => threw(socket, error));
  } catch (error) {
    threw(socket, error);
  }
}

function threw(socket: ListenerSocket, error: unknown): void {
  if (socket.response.complete) {
    const { 'wsgi.errors': errors, REQUEST_METHOD: method, SCRIPT_NAME: script, PATH_INFO: path } = socket.environ;
    const what = 'the listener failed after its response was complete';
    report(errors, shownRequest(method, script, path), what, describeError(error));
  }
  socket.fail(error);
}

/** The server that runs a listener. */
function serverFor(listen: RequestListener): Server {
  const server = createServer({ requireHostHeader: false, maxHeaderSize: MOST_HEAD_BYTES, keepAliveTimeout: 0 });
  server.maxHeadersCount = 0;
  server.on('request', (request, response) => {
    const socket: unknown = request.socket;
    if (!(socket instanceof ListenerSocket)) throw new TypeError('a connection that is none of ours');
    socket.begin(request, response);
    call(listen, socket, request, response);
  });
  // Without this listener the server would write an answer of its own.
  server.on('clientError', (error, socket) => {
    socket.destroy(error);
  });
  return server;
}

function listenerOf(target: RequestListener | RequestEmitter): RequestListener {
  if (typeof target === 'function') return target;
  if (typeof target !== 'object' || target === null || typeof target.emit !== 'function') {
    throw new ConfigurationError(
      'fromNodeListener: expected a request listener, (request, response) => ..., or a server',
    );
  }
  return (request, response) => {
    if (!target.emit('request', request, response))
      throw new ApplicationError('the server has no listener for requests');
  };
}

/**
 * An async application of a listener for node:http: `fromNodeListener(express())`, `fromNodeListener(koa.callback())`,
 * `fromNodeListener(fastify.routing)` after `await fastify.ready()`, or a server whose 'request' listeners are called
 * (B-68).
 *
 * Request and response are Node's own and behave as they do under its server; `request.socket` is a stream that has the
 * addresses and `encrypted`. `request.url` is the part below the mount; Express finds the mount in `baseUrl`, and the
 * whole in `originalUrl`. Interim responses, trailers, fields of the connection and upgrades go no further. A client
 * that leaves shows as 'aborted' and 'close'; a listener that throws, rejects or destroys the response fails its
 * request, not the process. A method that Node does not know is answered with 501.
 *
 * @throws ConfigurationError for anything else than a listener or a server
 */
export function fromNodeListener(
  listener: RequestListener | RequestEmitter,
  options: NodeListenerOptions = {},
): AsyncApplication {
  return listenerApplication(OWN_MESSAGES ? serveMessages : serveConnection, listener, options);
}

/** Has a server emit the 'request' of an environ, at once or soon. */
type Serve = (server: Server, environ: AsyncEnviron) => ListenerSocket;

/** `fromNodeListener` by one of the two ways. */
export function listenerApplication(
  serve: Serve,
  listener: RequestListener | RequestEmitter,
  options: NodeListenerOptions,
): AsyncApplication {
  const server = serverFor(listenerOf(listener));

  const app: AsyncApplication = markAsync((environ: AsyncEnviron, startResponse: AsyncStartResponse) => {
    if (!KNOWN_METHODS.has(environ.REQUEST_METHOD)) {
      startResponse('501 Not Implemented', NOT_IMPLEMENTED);
      return [Buffer.from('501 Not Implemented\n')];
    }
    const signal = environ['quaich.signal'];
    signal?.throwIfAborted();
    const socket = serve(server, environ);
    const start: Start = ({ status, headers }) =>
      startResponse(status, options.mountRedirects ? redirectedBelow(environ, headers) : headers);
    const { head, complete } = socket.response;
    return head !== null && complete ? whole(socket, head, start) : awaited(socket, start, signal);
  });
  markOriginal(app, { interface: 'node:http', target: listener });
  if (options.startup !== undefined) app.startup = options.startup;
  if (options.shutdown !== undefined) app.shutdown = options.shutdown;
  return app;
}

/** Calls `startResponse` for a head. */
type Start = (head: ParsedHead) => AsyncWrite;

/** Answers with a response that is complete: nothing has to be waited for, so no promise is made. */
function whole(socket: ListenerSocket, head: ParsedHead, start: Start): AsyncBody {
  try {
    start(head);
    const body = socket.takeBody();
    socket.release();
    return body;
  } catch (error) {
    socket.fail(error);
    throw error;
  }
}

/** Answers with a response that is still to come, or goes on. */
async function awaited(socket: ListenerSocket, start: Start, signal: AbortSignal | undefined): Promise<AsyncBody> {
  const { response } = socket;
  try {
    socket.endWith(signal);
    const head = response.head ?? (await headOf(socket));
    if (response.complete) return whole(socket, head, start);
    const write = start(head);
    // `flushHeaders`: the head goes ahead of the body (G-81).
    if (!socket.ready || (socket.cut && !response.hasPiece)) await write(NOTHING);
    return new ListenerBody(socket);
  } catch (error) {
    socket.fail(error);
    throw error;
  }
}

/** Waits for the head of the response. Rejects when there will be none. */
async function headOf(socket: ListenerSocket): Promise<ParsedHead> {
  const { response } = socket;
  while (response.head === null) {
    if (socket.failed) throw socket.reason;
    await socket.change();
  }
  return response.head;
}
