/**
 * Programs that let a server of node:http listen are served in its place: the `listen` of such a server is noted while
 * the module is loaded, and not carried out. The server believes that it listens: it emits 'listening', has an address,
 * and can be closed, since programs and frameworks go on after these.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import cluster from 'node:cluster';
import { type AddressInfo, isIP, Server } from 'node:net';
import { ConfigurationError } from '../interface/errors.ts';

/** Who takes the calls on this thread that belong to no module known; null where servers listen as they say. */
let taker: ListenCalls | null = null;
/** Whose module has led to a call: one that was loaded before may call late. */
const modules = new AsyncLocalStorage<ListenCalls>();
let patched = false;

/** Ends the telling of modules from each other, which makes promises two to three times as slow on Node 20. */
export function forgetModules(): void {
  modules.disable();
}

/** The servers that a module lets listen. */
export class ListenCalls {
  /** What the servers were to listen on: `3000`, `/run/site.sock`. */
  readonly addresses = new Set<string>();
  /** The first of them. */
  server: Server | null = null;
  #called: (server: Server) => void = () => {};
  /** Fulfils with the first of them. */
  readonly first: Promise<Server>;
  readonly #alone: boolean;

  /** @param alone there is no other module to tell its calls from: promises stay fast on Node 20 */
  constructor(alone: boolean) {
    this.#alone = alone;
    // Ends: when the module calls `listen`; who waits for it has another end beside.
    this.first = new Promise((resolve) => {
      this.#called = resolve;
    });
    patch();
    taker = this;
  }

  /** Loads the module. */
  during<T>(load: () => T): T {
    return this.#alone ? load() : modules.run(this, load);
  }

  /** Lets servers listen again. */
  release(): void {
    if (taker === this) taker = null;
  }

  take(server: Server, args: readonly unknown[]): void {
    const address = pretend(server, args);
    this.addresses.add(typeof address === 'string' ? address : String(address.port));
    this.server ??= server;
    this.#called(server);
  }
}

function patch(): void {
  if (patched) return;
  patched = true;
  const { listen } = Server.prototype;
  const taking = function (this: Server, ...args: unknown[]): Server {
    if (taker === null || !isForHttp(this)) return Reflect.apply(listen, this, args);
    (modules.getStore() ?? taker).take(this, args);
    return this;
  };
  Server.prototype.listen = taking as typeof listen; // it has all of its forms
  const { fork } = cluster;
  cluster.fork = (env) => {
    if (taker === null) return fork(env);
    // Each process would be a whole server, which loads the module, which forks.
    throw new ConfigurationError(
      'cluster.fork() is not for here, where --async-workers says how many threads serve: export the application, or ' +
        'name the module that lets it listen',
    );
  };
}

/** Of node:http or https, or of http2 by the event that all of these emit. */
function isForHttp(server: Server): boolean {
  return 'closeIdleConnections' in server || server.listenerCount('request') > 0;
}

/** Makes a server believe that it listens. */
function pretend(server: Server, args: readonly unknown[]): AddressInfo | string {
  const address = addressOf(args);
  const { close } = server;
  let open = true;
  Object.defineProperties(server, {
    listening: { get: () => open, configurable: true },
    address: { value: () => (open ? address : null), configurable: true, writable: true },
    close: {
      value: (done?: () => void): Server => {
        if (open && done !== undefined) server.once('close', () => done());
        const more = open ? [] : [done];
        open = false;
        return Reflect.apply(close, server, more);
      },
      configurable: true,
      writable: true,
    },
  });
  const done = args.at(-1);
  if (typeof done === 'function') server.once('listening', () => Reflect.apply(done, server, []));
  process.nextTick(() => server.emit('listening'));
  return address;
}

/** What `listen` was asked for, in any of its forms. */
function addressOf([first, second]: readonly unknown[]): AddressInfo | string {
  const options: { path?: unknown; port?: unknown; host?: unknown } =
    typeof first === 'object' && first !== null ? first : { port: first, host: second };
  const { path, port, host } = options;
  if (typeof path === 'string') return path;
  // A name of digits is a port, any other the path of a socket.
  if (typeof port === 'string' && !/^\d+$/.test(port)) return port;
  const family = typeof host === 'string' ? isIP(host) : 0;
  return family === 0
    ? { address: '127.0.0.1', family: 'IPv4', port: Number(port ?? 0) }
    : { address: String(host), family: `IPv${family}`, port: Number(port ?? 0) };
}
