import net from 'node:net';
import tls from 'node:tls';

/** A response as it stood on the wire. */
export interface WireResponse {
  status: number;
  statusLine: string;
  headers: [name: string, value: string][];
  body: string;
  /** The body ended as its framing says. */
  complete: boolean;
}

export function header(response: WireResponse, name: string): string | undefined {
  return response.headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}

/** A connection that keeps all it receives. Latin-1 text both ways. To https it believes every certificate. */
export class Client {
  readonly socket: net.Socket;
  received = '';
  ended = false;
  error: Error | null = null;
  private wake: (() => void) | null = null;

  constructor(url: string, options: { allowHalfOpen?: boolean } = {}) {
    const target = url.startsWith('unix:')
      ? { path: url.slice(5) }
      : { port: Number(new URL(url).port), host: new URL(url).hostname.replace(/[[\]]/g, '') };
    const settings = { ...target, noDelay: true, allowHalfOpen: options.allowHalfOpen ?? true };
    this.socket = url.startsWith('https:')
      ? tls.connect({ ...settings, rejectUnauthorized: false })
      : net.connect(settings);
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text) => {
      this.received += text;
      this.notify();
    });
    this.socket.on('error', (error) => {
      this.error = error;
    });
    this.socket.on('end', () => {
      this.ended = true;
      this.notify();
    });
    this.socket.on('close', () => {
      this.ended = true;
      this.notify();
    });
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Waits until what was received satisfies `done`, or the server has ended. */
  async until(done: (received: string) => boolean): Promise<string> {
    while (!done(this.received) && !this.ended) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.received;
  }

  /** Everything until the server closes. */
  async all(): Promise<string> {
    const text = await this.stayed();
    this.socket.destroy();
    return text;
  }

  /**
   * As `all`, without closing on this side: a client that goes while the application is still at its body, if only
   * behind the last byte, ends the body early (B-35).
   */
  stayed(): Promise<string> {
    return this.until(() => false);
  }

  private notify(): void {
    const wake = this.wake;
    this.wake = null;
    wake?.();
  }
}

/** Whether nobody takes a connection. */
export function isRefused(url: string): Promise<boolean> {
  const { socket } = new Client(url);
  return new Promise((resolve) => {
    socket.once('connect', () => socket.destroy());
    socket.once('close', (failed) => resolve(failed));
  });
}

/**
 * Sends bytes, ends its side, and returns all that comes back. `pieces`: one write each, in turns of the event loop.
 */
export async function talk(url: string, pieces: string | readonly string[]): Promise<string> {
  const client = new Client(url);
  for (const piece of typeof pieces === 'string' ? [pieces] : pieces) {
    if (client.ended) break;
    client.send(piece);
    if (typeof pieces !== 'string') await new Promise((resolve) => setImmediate(resolve));
  }
  client.socket.end();
  return client.all();
}

/** Cuts what a server sent into responses. `methods`: of the requests, since responses to HEAD have no body. */
export function parseResponses(text: string, methods: readonly string[] = []): WireResponse[] {
  const responses: WireResponse[] = [];
  let rest = text;
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) throw new Error(`no complete head in ${JSON.stringify(rest.slice(0, 200))}`);
    const [statusLine, ...lines] = rest.slice(0, end).split('\r\n');
    rest = rest.slice(end + 4);
    const match = /^HTTP\/1\.1 (\d{3}) [^\r\n]*$/.exec(statusLine);
    if (match === null) throw new Error(`not a status line: ${JSON.stringify(statusLine)}`);
    const status = Number(match[1]);
    const headers = lines.map((line): [string, string] => {
      const colon = line.indexOf(': ');
      if (colon < 1) throw new Error(`not a field line: ${JSON.stringify(line)}`);
      return [line.slice(0, colon), line.slice(colon + 2)];
    });
    const response: WireResponse = { status, statusLine, headers, body: '', complete: true };
    const length = header(response, 'Content-Length');
    if (status < 200 || status === 204 || status === 304 || methods[responses.length] === 'HEAD') {
      // No body.
    } else if (header(response, 'Transfer-Encoding') !== undefined) {
      rest = takeChunks(rest, response);
    } else if (length !== undefined) {
      response.body = rest.slice(0, Number(length));
      response.complete = response.body.length === Number(length);
      rest = rest.slice(Number(length));
    } else {
      response.body = rest;
      rest = '';
    }
    if (status >= 200) responses.push(response);
  }
  return responses;
}

function takeChunks(text: string, response: WireResponse): string {
  let rest = text;
  for (;;) {
    const match = /^([0-9a-f]+)\r\n/i.exec(rest);
    const size = match === null ? Number.NaN : Number.parseInt(match[1], 16);
    const start = match === null ? 0 : match[0].length;
    if (match === null || rest.length < start + size + 2) {
      response.complete = false;
      // Without the end of its line a size is nothing: the server may have sent a zero of it to ask for the client
      // (G-230).
      if (match !== null) response.body += rest.slice(start);
      return '';
    }
    if (size === 0) {
      const end = rest.indexOf('\r\n\r\n', start - 2); // behind the trailers, which are dropped
      response.complete = end >= 0;
      return end < 0 ? '' : rest.slice(end + 4);
    }
    if (rest.slice(start + size, start + size + 2) !== '\r\n') throw new Error('a chunk without CR LF');
    response.body += rest.slice(start, start + size);
    rest = rest.slice(start + size + 2);
  }
}
