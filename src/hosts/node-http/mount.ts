/** A Quaich application as a listener of node:http, and as middleware of what is built on it (G-177, G-178). */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Server, type Socket } from 'node:net';
import { AsyncInput } from '../../engine/async-input.ts';
import type { RequestLine } from '../../environ/mount-environs.ts';
import { connectionInfo, isGone, isUnixSocket } from '../../environ/peer.ts';
import { type EncryptedSocket, tlsVariables } from '../../environ/tls.ts';
import type { ConnectionInfo } from '../../environ/variables.ts';
import type { Application, AsyncApplication, AsyncEnviron } from '../../interface/types.ts';
import { isClusterWorker } from '../../rules/cluster.ts';
import { behindPrefix } from '../../rules/prefix.ts';
import { RefusedRequest } from '../../rules/refused-request.ts';
import { Mount, type MountLifespan, type MountOptions } from '../mount.ts';
import { checkHost, type Target } from '../target.ts';
import { BytesBody, collectedBytes, isUntouched, NodeBody } from './body.ts';
import { type FrameworkRequest, targetOf } from './target.ts';
import { NodeTransport } from './transport.ts';

/** Options of `toNodeListener`. */
export type NodeListenerOptions = MountOptions;

/**
 * Handles a request. `next` is called, where there is one, for a path outside of the `prefix` option; else such a
 * request gets 404.
 */
export interface NodeListener extends MountLifespan {
  (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void;
  /**
   * For `server.on('checkContinue', ...)`: sends 100 Continue when the application first reads (G-67). Without it Node
   * sends that before the application is called.
   */
  checkContinue(request: IncomingMessage, response: ServerResponse): void;
}

/** What Node keeps in sockets that it has accepted, as far as it is asked. */
type AcceptedSocket = Socket & EncryptedSocket & { encrypted?: unknown; server?: unknown };

function lookAt(socket: AcceptedSocket): ConnectionInfo {
  const { server } = socket;
  const unixSocket = server instanceof Server && server.listening && isUnixSocket(server);
  if (socket.encrypted !== true) return connectionInfo(socket, unixSocket, 'http');
  return { ...connectionInfo(socket, unixSocket, 'https'), tls: tlsVariables(socket) };
}

class NodeMount extends Mount {
  /** What the system tells of a connection is asked once. */
  readonly #connections = new WeakMap<object, ConnectionInfo>();

  constructor(app: Application | AsyncApplication, options: NodeListenerOptions) {
    super(app, { multiprocess: isClusterWorker(), ...options });
  }

  handle(
    request: FrameworkRequest,
    response: ServerResponse,
    next: ((error?: unknown) => void) | undefined,
    awaitsContinue: boolean,
  ): void {
    const shown = `${request.method ?? '-'} ${JSON.stringify(request.originalUrl ?? request.url ?? '')}`;
    if (response.headersSent || response.writableEnded) {
      this.report(shown, 'the request has been answered before it came to the application, which is not called');
      return;
    }
    let target: Target;
    try {
      target = targetOf(request);
    } catch (error) {
      this.refuse(shown, new NodeTransport(request, response, this), error);
      return;
    }
    const path = behindPrefix(target.path, this.prefix);
    if (path === null && next !== undefined) {
      next();
      return;
    }
    const transport = new NodeTransport(request, response, this);
    if (path === null) {
      transport.answer(404);
    } else if (this.admits(shown, transport)) {
      const line: RequestLine = {
        ...target,
        method: request.method ?? 'GET',
        scriptName: target.scriptName + this.prefix,
        path,
        protocol: `HTTP/${request.httpVersion}`,
      };
      try {
        this.#run(request, transport, line, awaitsContinue ? response : null);
      } catch (error) {
        this.refuse(shown, transport, error);
      }
    }
  }

  /** @param awaited the response, where the client waits for 100 Continue */
  #run(request: FrameworkRequest, transport: NodeTransport, line: RequestLine, awaited: ServerResponse | null): void {
    const info = this.#connection(request.socket);
    if (isGone(info)) request.socket.destroy();
    if (request.socket.destroyed) return; // nobody would tell of the disconnect
    let collected: Uint8Array | null = null;
    if (request.httpVersionMajor !== 1) throw new RefusedRequest('this mount speaks HTTP/1.0 and 1.1', 505);
    const environ = this.environs.build(line, info, request.rawHeaders, (announced) => {
      if (announced !== null && announced > this.limitBody)
        throw new RefusedRequest('the request body is too large', 413);
      if (announced === null || announced === 0) return new AsyncInput(null); // RFC 9112, 6.3 (G-55)
      if (isUntouched(request)) {
        transport.body = new NodeBody(request, this.limitBody, awaited);
        return new AsyncInput(transport.body);
      }
      collected = collectedBytes(request);
      if (collected === null) {
        throw new RefusedRequest(
          'another middleware has read the request body, and left no bytes in req.rawBody or req.body: mount the ' +
            'application before the body parser, or use one that keeps the bytes, such as express.raw() (G-178)',
          500,
        );
      }
      return new AsyncInput(new BytesBody(collected));
    });
    // G-33: repeated ones are refused by the environ.
    if (environ.HTTP_HOST !== undefined) checkHost(environ.HTTP_HOST);
    else if (line.protocol !== 'HTTP/1.0') throw new RefusedRequest('an HTTP/1.1 request has no Host field (G-33)');
    if (collected !== null) presentCollected(environ, collected);
    this.run(environ, transport);
  }

  #connection(socket: Socket): ConnectionInfo {
    let known = this.#connections.get(socket);
    if (known === undefined) {
      known = lookAt(socket);
      this.#connections.set(socket, known);
    }
    return known;
  }
}

/**
 * Tells the application the size of a body that another middleware has collected (G-62). Where that has undone a
 * content coding, the application must not do it again.
 *
 * @throws RefusedRequest where that cannot be told
 */
function presentCollected(environ: AsyncEnviron, bytes: Uint8Array): void {
  const coding = environ.HTTP_CONTENT_ENCODING;
  const announced = environ.CONTENT_LENGTH;
  if (coding !== undefined && coding !== '' && coding !== 'identity') {
    if (announced === undefined) {
      throw new RefusedRequest(
        'another middleware has read the request body, and whether it has undone the content coding ' +
          `${coding} cannot be told (G-178)`,
        500,
      );
    }
    if (Number(announced) !== bytes.byteLength) delete environ.HTTP_CONTENT_ENCODING;
  }
  environ.CONTENT_LENGTH = String(bytes.byteLength);
}

/**
 * A listener for `http.createServer`, and middleware for Express and Connect, that runs a Quaich application. An async
 * application runs as it does under the server. A **sync** one needs a place where it may block:
 * `syncToAsync('./module.js:app')` runs it on threads; `where: 'here'` on the event loop, behind its whole request
 * body.
 *
 * @throws ConfigurationError for options that are wrong, and for a sync application without a place (B-20)
 */
export function toNodeListener(app: AsyncApplication, options?: NodeListenerOptions): NodeListener;
export function toNodeListener(app: Application, options?: NodeListenerOptions): NodeListener;
export function toNodeListener(app: Application | AsyncApplication, options?: NodeListenerOptions): NodeListener;
export function toNodeListener(app: Application | AsyncApplication, options: NodeListenerOptions = {}): NodeListener {
  const inside = new NodeMount(app, options);
  const listener = (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void =>
    inside.handle(request, response, next, false);
  return Object.assign(listener, {
    checkContinue: (request: IncomingMessage, response: ServerResponse): void =>
      inside.handle(request, response, undefined, true),
    startup: () => inside.startup(),
    shutdown: (timeout?: number) => inside.shutdown(timeout),
  });
}
