/** A response over node:http (G-104, G-105, G-141, G-177). */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ClientDisconnected, QuaichError } from '../../interface/errors.ts';
import { type Final, HEAD_NO_BODY, MORE, type ResponseHead, type Wait } from '../../interface/transport.ts';
import { reset } from '../../protocols/reset.ts';
import { headParts } from '../../rules/head-parts.ts';
import { MountTransport, type TransportOwner } from '../mount-transport.ts';

/** Fields of the host that are added to, not replaced: each is a list to which several may contribute. */
const ADDED_TO = new Set(['set-cookie', 'vary']);

const NOTHING = new Uint8Array(0);
/** RFC 9110, 5.5. */
const OBS_TEXT = /[\x80-\xff]/;

/** What closes responses that wait for those before them on their connection: Node tells them nothing then. */
const QUEUED = new WeakMap<Socket, Set<() => void>>();

/** Calls `closed` when the socket closes. One listener a socket, however many requests a client sends ahead. */
function queueOn(socket: Socket, closed: () => void): void {
  let queued = QUEUED.get(socket);
  if (queued === undefined) {
    const all = new Set<() => void>();
    queued = all;
    QUEUED.set(socket, all);
    socket.on('close', () => {
      for (const close of all) close();
    });
  }
  queued.add(closed);
}

/**
 * Puts the length behind the disposition: Node reads the value of a Content-Disposition that follows a Content-Length
 * as UTF-8, and writes it as Latin-1, which gives other bytes. The order of fields of different names says nothing
 * (RFC 9110, 5.3).
 */
function lengthBehindDisposition(fields: string[]): void {
  const isNamed = (name: string) => (text: string, index: number) => index % 2 === 0 && text.toLowerCase() === name;
  const length = fields.findIndex(isNamed('content-length'));
  if (length < 0 || fields.findLastIndex(isNamed('content-disposition')) < length) return;
  fields.push(...fields.splice(length, 2));
}

/** Writes the head. Fields that the host's own middleware has set stay where the application does not overrule them. */
function writeHead(response: ServerResponse, head: ResponseHead): void {
  const { reason, fields } = headParts(head);
  if (OBS_TEXT.test(head.text)) lengthBehindDisposition(fields);
  if (response.getHeaderNames().length === 0 && response.writeHead === ServerResponse.prototype.writeHead) {
    response.writeHead(head.status, reason, fields); // G-95: order, case and repetition as they are
    return;
  }
  // Node takes the fields of two sources by name only: order and case of the first of a name count, values stay in
  // order. Removing what is not there would tell Node to leave framing fields out.
  if (response.hasHeader('Content-Length')) response.removeHeader('Content-Length');
  const seen = new Map<string, string[]>();
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i].toLowerCase();
    let values = seen.get(name);
    if (values === undefined) {
      const before = ADDED_TO.has(name) ? response.getHeader(name) : undefined;
      values = before === undefined ? [] : Array.isArray(before) ? [...before] : [String(before)];
      seen.set(name, values);
    }
    values.push(fields[i + 1]);
    response.setHeader(fields[i], values.length === 1 ? values[0] : values);
  }
  response.writeHead(head.status, reason);
}

/** Carries one response of an application that runs in a node:http server. */
export class NodeTransport extends MountTransport {
  readonly #response: ServerResponse;
  /** Only the end of the connection ends the body. */
  #closeDelimited = false;
  /** The host's own code has answered: its response is left alone. */
  #foreign = false;
  /** Where the response waits for those before it on its connection: Node tells it nothing then. */
  #queuedOn: Socket | null = null;

  constructor(request: IncomingMessage, response: ServerResponse, owner: TransportOwner) {
    super(owner, request.method);
    this.#response = response;
    response.on('close', this.#closed);
    response.on('error', this.#closed);
    if (response.socket === null && request.socket !== null) {
      this.#queuedOn = request.socket;
      queueOn(request.socket, this.#closed);
    }
  }

  protected get headSent(): boolean {
    return this.#response.headersSent;
  }

  protected get complete(): boolean {
    return this.#response.writableEnded;
  }

  protected carry(head: ResponseHead | null, chunk: Uint8Array | null, final: Final): Wait<true> {
    const response = this.#response;
    if (this.#foreign) return undefined;
    if (head === null ? response.writableEnded : response.headersSent) {
      this.#foreign = true;
      throw new QuaichError('QUAICH_ANSWERED', "the host's own code has answered this request already");
    }
    try {
      if (head !== null) {
        writeHead(response, head);
        this.#closeDelimited = head.length < 0 && !response.chunkedEncoding;
      }
      return this.#write(head, chunk, final);
    } catch (error) {
      // The host's own code may have put itself between. Its response has begun, where it took the head.
      if (response.headersSent) return Promise.reject(error);
      throw error;
    }
  }

  #write(head: ResponseHead | null, chunk: Uint8Array | null, final: Final): Wait<true> {
    const response = this.#response;
    // A copy: Node may hold on to the bytes after the application has its buffer back (G-115).
    const bytes = chunk === null || chunk.byteLength === 0 ? null : Buffer.from(chunk);
    if (final !== MORE) {
      if (bytes === null) response.end();
      else response.end(bytes);
      return undefined;
    }
    // Not `flushHeaders`, which writes the head in UTF-8; only without a body there is nothing else.
    const wanted = response.write(bytes ?? NOTHING);
    if (head !== null && (head.flags & HEAD_NO_BODY) !== 0 && !OBS_TEXT.test(head.text)) response.flushHeaders();
    this.#flush();
    if (wanted || this.gone !== null) return undefined;
    response.once('drain', () => this.gate.release());
    // Ends: with `drain`, or with the `close` or `error` of the response, which rejects.
    return this.gate.wait();
  }

  abort(): void {
    const response = this.#response;
    if (this.#foreign || response.destroyed) return;
    const { socket } = response;
    if (socket === null) {
      // Behind others on its connection: when it is its turn. `destroy()` of such a response leaves the connection
      // hanging on Node 24 and later.
      response.once('socket', () => process.nextTick(() => this.abort()));
    } else if (this.#closeDelimited && !('encrypted' in socket)) {
      reset(socket); // nothing but a reset tells the client that this was not the end
    } else {
      // What was sent before still goes out; Node 26 holds it back in the response until the next turn.
      while (response.writableCorked > 0) response.uncork();
      socket.destroySoon();
    }
  }

  protected breakOff(): void {
    this.abort();
  }

  /** `close` without `finish`: the client is gone. */
  readonly #closed = (): void => {
    if (!this.#response.writableFinished) this.leave(new ClientDisconnected());
  };

  /** Compressing middleware gives the response a `flush` of its own, without which it holds chunks back (G-104). */
  #flush(): void {
    const response: ServerResponse & { flush?: unknown } = this.#response;
    if (Object.hasOwn(response, 'flush') && typeof response.flush === 'function') response.flush();
  }

  protected override finish(): void {
    if (this.#queuedOn !== null) QUEUED.get(this.#queuedOn)?.delete(this.#closed);
    super.finish();
  }
}
