/**
 * The way of a listener through Node's own server. It never listens; a request is written into a stream that is given
 * to it as a connection, which Node documents ("any Duplex stream can be passed"), and what it writes there is read
 * again. It needs nothing that Node does not promise, and costs twice as much as messages of our own
 * (`own-messages.ts`), whose reference it is.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AsyncEnviron } from '../interface/types.ts';
import { ListenerSocket } from './listener-socket.ts';
import { eachMessageField, protocolOf } from './request-fields.ts';

const END_OF_CHUNKS = Buffer.from('\r\n0\r\n\r\n', 'latin1');
const EMPTY_BODY = Buffer.from('0\r\n\r\n', 'latin1');

class ServedSocket extends ListenerSocket {
  #head: string;
  /** Whether a chunk of the body has been delivered. */
  #any = false;

  constructor(environ: AsyncEnviron) {
    super(environ);
    let head = `${environ.REQUEST_METHOD} ${this.url} ${protocolOf(environ)}\r\n`;
    eachMessageField(environ, this.bodyLength, (name, value) => {
      head += `${name}: ${value}\r\n`;
    });
    this.#head = `${head}\r\n`;
  }

  override begin(request: IncomingMessage, response: ServerResponse): void {
    super.begin(request, response);
    response.sendDate = false; // the gateway's (G-97)
    // Keep-alive or not, there is one request on a connection. What middleware leaves on a socket stays with its
    // client.
    response.once('close', () => (response.writableFinished ? this.destroySoon() : this.destroy()));
  }

  override deliver(bytes: Uint8Array): void {
    if (this.bodyLength < 0) {
      this.#push(Buffer.from(`${this.#any ? '\r\n' : ''}${bytes.byteLength.toString(16)}\r\n`, 'latin1'));
      this.#any = true;
    }
    this.#push(bytes);
  }

  complete(): void {
    if (this.bodyLength < 0) this.#push(this.#any ? END_OF_CHUNKS : EMPTY_BODY);
  }

  override _read(): void {
    if (this.#head === '') return; // what follows is delivered as it is asked for
    const head = Buffer.from(this.#head, 'latin1');
    this.#head = '';
    this.#push(head);
  }

  #push(bytes: Uint8Array): void {
    super.deliver(bytes);
    this.push(bytes);
  }
}

/** Lets a server make the messages of a request, and emit them as its 'request', in one of the next ticks. */
export function serveConnection(server: Server, environ: AsyncEnviron): ListenerSocket {
  const socket = new ServedSocket(environ);
  server.emit('connection', socket);
  return socket;
}
