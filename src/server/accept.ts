import net from 'node:net';
import type { Duplex } from 'node:stream';
import { READ_SIZE } from '../../assembly/layout.ts';
import { copyBytes } from '../rules/bytes.ts';
import { nothing } from '../rules/promises.ts';

/** What a connection hears from its socket. */
export interface SocketEvents {
  /** `length` bytes lie at the start of `readArea`. */
  read(length: number): void;
  /** The peer has ended its side. */
  ended(): void;
  /** The socket is below its high-water mark again. */
  drained(): void;
  /** All that was written is out, and the end behind it. */
  flushed(): void;
  /** The socket is gone. */
  closed(): void;
}

/** What a connection reads and writes: a socket, or a stream of HTTP/2, of which the system knows nothing. */
export type Wire = Duplex & Partial<Pick<net.Socket, 'bytesRead' | 'bytesWritten' | 'remoteAddress' | 'setKeepAlive'>>;

/** Who hears from a socket. Functions for each socket would be a tenth of what an idle connection takes. */
const EVENTS = Symbol('events');

interface HeardSocket extends Duplex {
  [EVENTS]: SocketEvents;
}

function hear(socket: Duplex, events: SocketEvents): HeardSocket {
  return Object.assign(socket, { [EVENTS]: events })
    .on('end', onEnd)
    .on('drain', onDrain)
    .on('finish', onFinish)
    .on('error', onError)
    .on('close', onClose);
}

function onEnd(this: HeardSocket): void {
  // A paused stream tells of its end all the same: it comes behind bytes that its reader has put aside.
  if (this.isPaused()) this.once('resume', onEnd);
  else this[EVENTS].ended();
}

function onDrain(this: HeardSocket): void {
  this[EVENTS].drained();
}

function onFinish(this: HeardSocket): void {
  this[EVENTS].flushed();
}

function onError(this: HeardSocket): void {
  this.destroy();
}

function onClose(this: HeardSocket): void {
  this[EVENTS].closed();
}

/** What Node keeps in a socket without documenting it. Each reader below asks whether it is there. */
interface SocketInternals {
  _handle: {
    readonly bytesWritten?: unknown;
    readonly writeQueueSize?: unknown;
    readonly getpeername?: unknown;
  } | null;
  _server?: unknown;
}

function internalsOf(socket: Duplex): SocketInternals {
  return socket as unknown as SocketInternals;
}

/** The TCP socket below one of TLS. */
const BELOW = Symbol('below');

/** Makes the TCP socket known on which a socket of TLS goes. */
export function goesOver(socket: net.Socket, tcp: net.Socket): void {
  Object.assign(socket, { [BELOW]: tcp });
}

/** What the system knows a socket by: the TCP socket below one of TLS, else the socket itself. */
export function transportOf(socket: Wire & { [BELOW]?: net.Socket }): Wire {
  return socket[BELOW] ?? socket;
}

/**
 * Bytes that were written and that the system has not taken yet. Under TLS a number that changes with them: the system
 * gets the encrypted bytes in parts, and those of the part on its way count twice.
 */
export function unsentBytes(socket: Wire): number {
  const { _handle: handle } = internalsOf(socket);
  const transport = transportOf(socket);
  const below = transport === socket ? 0 : unsentBytes(transport);
  // What Node's own time-out of a socket looks at. `writableLength` tells less: it changes with whole blocks only.
  return (typeof handle?.writeQueueSize === 'number' ? handle.writeQueueSize : socket.writableLength) + below;
}

/** Bytes that were written and that the system has taken. */
export function takenBytes(socket: Wire): number {
  const { _handle: handle } = internalsOf(transportOf(socket));
  // Bytes that Node still keeps count for `bytesWritten` of the socket, and not for that of the handle.
  if (typeof handle?.bytesWritten !== 'number' || typeof handle.writeQueueSize !== 'number') {
    return (socket.bytesWritten ?? 0) - socket.writableLength;
  }
  return handle.bytesWritten - handle.writeQueueSize;
}

/**
 * Whether the connection of a socket was reset. Node looks out for that as long as it reads or writes, and no longer
 * once the peer has ended its side. Never true of a Unix socket.
 */
export function isForgotten(socket: Wire): boolean {
  const { _handle: handle } = internalsOf(transportOf(socket));
  // What `remoteAddress` asks, and remembers.
  return typeof handle?.getpeername === 'function' && Reflect.apply(handle.getpeername, handle, [{}]) !== 0;
}

/**
 * Reading an accepted socket straight into memory of our own saves an allocation and a copy for each read (about a
 * tenth of the cost of a small request). Node offers it for sockets that are made, not for those that are accepted:
 * the documented `onread` option together with the undocumented `handle` option. This module is the only place that
 * knows; where the feature test fails, under TLS, and behind a PROXY header, sockets are read by 'data' events, as
 * streams of HTTP/2 are.
 */
export class Acceptor {
  /** Whether sockets are read straight into `readArea`. */
  readonly direct: boolean;
  private readonly readArea: Buffer;

  private constructor(readArea: Buffer, direct: boolean) {
    this.readArea = readArea;
    this.direct = direct;
  }

  /** With `direct`, tests over a socket pair of its own on the loopback interface whether direct reads work here. */
  static async create(readArea: Buffer, direct: boolean): Promise<Acceptor> {
    return new Acceptor(readArea, direct && (await directReadsWork()));
  }

  /** Options for `net.createServer` that go with this way of reading. */
  get serverOptions(): net.ServerOpts {
    return { allowHalfOpen: true, noDelay: true, pauseOnConnect: this.direct };
  }

  /** Takes over an accepted socket and starts to read. Use the returned socket, not the given one. */
  adopt(accepted: Wire, events: SocketEvents): Wire {
    // What the handle of a TLS socket gives is not what was sent; and one that was read from may keep bytes of its own.
    const isFresh = transportOf(accepted) === accepted && accepted.bytesRead === 0;
    if (this.direct && isFresh && accepted instanceof net.Socket) return adoptHandle(accepted, this.readArea, events);
    hear(accepted, events).on('data', (chunk: Buffer) => {
      for (let at = 0; at < chunk.length; at += READ_SIZE) {
        const end = Math.min(at + READ_SIZE, chunk.length);
        copyBytes(this.readArea, 0, chunk, at, end);
        events.read(end - at);
      }
    });
    return accepted.resume();
  }
}

function adoptHandle(accepted: net.Socket, readArea: Buffer, events: SocketEvents): net.Socket {
  const internals = internalsOf(accepted);
  const handle = internals._handle;
  const server = internals._server;
  internals._handle = null;
  const socket = new net.Socket({
    handle,
    allowHalfOpen: true,
    onread: {
      buffer: readArea,
      callback: (length: number) => {
        events.read(length);
        return true;
      },
    },
    // The types do not know `handle`.
  } as net.SocketConstructorOpts);
  // The server counts its connections by this property; without it `close` would never call back.
  internalsOf(socket)._server = server;
  hear(socket, events).read(0);
  return socket;
}

/** Milliseconds after which the feature test is taken as failed. */
const PROBE_TIMEOUT = 1000;

let tested: Promise<boolean> | undefined;

function directReadsWork(): Promise<boolean> {
  // Ends: after PROBE_TIMEOUT at the latest.
  tested ??= new Promise<boolean>((resolve) => {
    const area = Buffer.from(new SharedArrayBuffer(64));
    const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
    let client: net.Socket | undefined;
    const finish = (works: boolean) => {
      clearTimeout(timer);
      client?.destroy();
      server.close(() => resolve(works));
    };
    const timer = setTimeout(finish, PROBE_TIMEOUT, false);
    server.on('error', () => finish(false));
    server.on('connection', (accepted) => {
      try {
        const socket = adoptHandle(accepted, area, {
          read: (length) => {
            socket.destroy();
            finish(length === 5 && area.latin1Slice(0, 5) === 'probe');
          },
          ended: nothing,
          drained: nothing,
          flushed: nothing,
          closed: () => finish(false),
        });
      } catch {
        accepted.destroy();
        finish(false);
      }
    });
    // Exclusive: in a cluster the primary would share it out.
    server.listen({ port: 0, host: '127.0.0.1', exclusive: true }, () => {
      const { port } = server.address() as net.AddressInfo;
      client = net.connect(port, '127.0.0.1', () => client?.write('probe'));
      client.on('error', () => finish(false));
    });
  });
  return tested;
}
