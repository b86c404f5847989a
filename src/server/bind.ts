import { once } from 'node:events';
import { chmodSync, existsSync, fstatSync, lchownSync, lstatSync, unlinkSync } from 'node:fs';
import { type AddressInfo, connect, isIP, type ListenOptions, type Server } from 'node:net';
import { dirname, isAbsolute, resolve } from 'node:path';
import { ConfigurationError, QuaichError } from '../interface/errors.ts';
import { isClusterWorker } from '../rules/cluster.ts';
import { isPort } from '../rules/grammar.ts';

/** What is spoken on a connection. */
export type Protocol = 'http' | 'https' | 'fastcgi' | 'scgi';

/**
 * A place to listen, and the protocol spoken there; HTTP where it is left out. Where it is `proxied`, each connection
 * begins with a header of the PROXY protocol.
 */
export type Bind = Place & { protocol?: Protocol; proxied?: boolean };

type Place =
  /** `host` is `''` for every address of the machine; port 0 asks for a free one. */
  | { type: 'tcp'; host: string; port: number }
  | { type: 'unix'; path: string }
  /** A listening socket inherited from the process that started this one, such as systemd. */
  | { type: 'fd'; fd: number };

/** Before an address, and before the URL of a server. */
const PROXIED = 'proxy+';

/** Listening failed: a port in use, no right to it, no such address. Not the fault of the configuration alone. */
export class BindError extends QuaichError {
  constructor(message: string, options?: ErrorOptions) {
    super('QUAICH_BIND', message, options);
  }
}

// sockaddr_un.sun_path is 108 bytes on Linux and 104 on macOS and the BSDs, its final NUL included.
const UNIX_PATH_MAX = process.platform === 'linux' ? 107 : 103;

/**
 * Reads `HOST:PORT`, `[IPV6]:PORT`, `:PORT` (every address), `unix:PATH` or `fd://N`; behind `https+`, `fastcgi+` or
 * `scgi+` for these protocols, or with TCP as `https://HOST:PORT`; behind `proxy+`, where the PROXY protocol begins
 * HTTP or TLS.
 *
 * @param directory what a relative socket path is relative to
 * @throws ConfigurationError
 */
export function parseBind(text: string, directory = process.cwd()): Bind {
  const wrong = (reason: string) => new ConfigurationError(`address "${text}": ${reason}`);
  if (text.startsWith(PROXIED)) {
    const bind = parseBind(text.slice(PROXIED.length), directory);
    if (isGateway(bind) || bind.proxied) throw wrong('the PROXY protocol goes before HTTP and https, once');
    return { ...bind, proxied: true };
  }
  const [, protocol, place] = /^(https|fastcgi|scgi)(?:\+|:\/\/)(?!https|fastcgi|scgi|proxy\+)(.*)$/s.exec(text) ?? [];
  if (place !== undefined) {
    const bind = parseBind(place, directory);
    if (protocol === 'https' && bind.type === 'unix') throw wrong('TLS is for TCP: use unix:PATH without it');
    // The expression knows these only.
    return { ...bind, protocol: protocol as Protocol };
  }
  if (text.startsWith('unix:')) {
    const given = text.slice(5);
    if (given === '' || given.includes('\0')) throw wrong('expected unix:PATH');
    const path = isAbsolute(given) ? given : resolve(directory, given);
    if (Buffer.byteLength(path) > UNIX_PATH_MAX) {
      throw wrong(`the path of a Unix socket has at most ${UNIX_PATH_MAX} bytes, this one ${Buffer.byteLength(path)}`);
    }
    return { type: 'unix', path };
  }
  if (text.startsWith('fd:')) {
    if (!/^fd:\/\/\d{1,9}$/.test(text)) throw wrong('expected fd://N with the number of a descriptor');
    return { type: 'fd', fd: Number(text.slice(5)) };
  }
  if (/^https?:/i.test(text)) throw wrong('expected HOST:PORT without a scheme');
  if (/^[a-z]+:\/\//i.test(text)) throw wrong('the protocols are fastcgi, scgi and https, and HTTP without a name');
  if (/^\d+$/.test(text)) throw wrong(`expected HOST:PORT, for example "127.0.0.1:${text}"`);
  if (/^[^[]*:.*:/.test(text)) throw wrong('write an IPv6 address in brackets, as in "[::1]:8000"');
  const colon = text.lastIndexOf(':');
  if (colon < 0 || text.endsWith(']')) throw wrong(`the port is missing, for example "${text}:8000"`);
  const name = text.slice(0, colon);
  const digits = text.slice(colon + 1);
  if (!isPort(digits)) throw wrong(`the port must be a number from 0 to 65535, not "${digits}"`);
  const port = Number(digits);
  if (name.startsWith('[') && name.endsWith(']')) {
    const host = name.slice(1, -1);
    if (isIP(host) !== 6) throw wrong(`"${host}" is not an IPv6 address`);
    return { type: 'tcp', host, port };
  }
  if (name !== '' && !/^[\p{L}\p{N}_.-]+$/u.test(name)) throw wrong(`"${name}" is not a host name`);
  return { type: 'tcp', host: name, port };
}

/** The inverse of `parseBind`. */
export function formatBind(bind: Bind): string {
  const { protocol = 'http', proxied } = bind;
  if (proxied) return `${PROXIED}${formatBind({ ...bind, proxied: false })}`;
  if (protocol !== 'http') {
    const joint = protocol === 'https' && bind.type === 'tcp' ? '://' : '+';
    return `${protocol}${joint}${formatBind({ ...bind, protocol: 'http' })}`;
  }
  if (bind.type === 'unix') return `unix:${bind.path}`;
  if (bind.type === 'fd') return `fd://${bind.fd}`;
  return `${bracketed(bind.host)}:${bind.port}`;
}

/**
 * The address of a listening server as a URL: `http://[::1]:8000`, `unix:/run/site.sock`, `fastcgi://127.0.0.1:9000`,
 * `fastcgi+unix:/run/site.sock`.
 */
export function formatUrl(address: AddressInfo | string | null, protocol: Protocol = 'http'): string {
  if (address === null) throw new TypeError('the server does not listen');
  if (typeof address === 'string') return `${protocol === 'http' ? '' : `${protocol}+`}unix:${address}`;
  return `${protocol}://${bracketed(address.address)}:${address.port}`;
}

/** Whether front servers connect there, and not the clients themselves. */
export function isGateway(bind: Bind): boolean {
  return bind.protocol === 'fastcgi' || bind.protocol === 'scgi';
}

/** Whether TLS is spoken there. */
export function isEncrypted(bind: Bind): boolean {
  return bind.protocol === 'https';
}

/** Whether the PROXY protocol is spoken there. */
export function isProxied(bind: Bind): boolean {
  return bind.proxied === true;
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

interface ListenSettings {
  /** Connections that the kernel keeps waiting; it may cut the number. */
  backlog?: number;
  /** Access rights of a Unix socket, such as 0o660; without it the umask decides. */
  socketMode?: number;
  /** Whose a Unix socket becomes; null: it stays that of this process. */
  owner?: SocketOwner | null;
}

interface SocketOwner {
  readonly uid: number;
  readonly gid: number;
  /** Does something by its rights. */
  act(action: () => void): void;
}

/**
 * Makes a place ready to be listened on: a Unix socket that nobody listens to any more is removed.
 *
 * @throws BindError in one line where it is not to be had
 */
export async function prepareBind(bind: Bind): Promise<void> {
  if (bind.type === 'unix') await removeStaleSocket(bind.path);
  if (bind.type === 'fd') checkDescriptor(bind.fd);
}

/**
 * Gives a Unix socket to its owner, with its access rights.
 *
 * @throws BindError in one line
 */
export function settleBind(bind: Bind, { socketMode, owner = null }: ListenSettings): void {
  if (bind.type !== 'unix') return;
  const { path } = bind;
  const setMode = (): void => {
    if (socketMode !== undefined) chmodSync(path, socketMode);
  };
  try {
    if (owner === null) {
      setMode();
    } else {
      // Neither follows a link that somebody has put in its place further than the owner may.
      lchownSync(path, owner.uid, owner.gid);
      owner.act(setMode);
    }
  } catch (error) {
    throw listenError(error, bind);
  }
}

/**
 * Lets a server listen, and fulfils with the URL under which it is reached once it does. In a process of a cluster the
 * primary listens, and prepares the place: its descriptors are meant.
 *
 * @throws BindError in one line
 */
export async function listen(server: Server, bind: Bind, settings: ListenSettings = {}): Promise<string> {
  try {
    if (!isClusterWorker()) await prepareBind(bind);
    // Ends: with either event, which is what `listen` promises.
    const listening = once(server, 'listening'); // rejects on 'error'
    server.listen(listenOptions(bind, settings.backlog));
    await listening;
    settleBind(bind, settings);
  } catch (error) {
    if (server.listening) server.close();
    throw listenError(error, bind);
  }
  const address = server.address();
  // Of an inherited Unix socket Node does not tell the path.
  if (address === null && bind.type === 'fd') return formatBind(bind);
  return `${bind.proxied ? PROXIED : ''}${formatUrl(address, bind.protocol)}`;
}

function listenOptions(bind: Bind, backlog: number | undefined): ListenOptions & { fd?: number } {
  const common = backlog === undefined ? {} : { backlog };
  if (bind.type === 'unix') return { ...common, path: bind.path };
  if (bind.type === 'fd') return { ...common, fd: bind.fd };
  return bind.host === '' ? { ...common, port: bind.port } : { ...common, host: bind.host, port: bind.port };
}

function listenError(error: unknown, bind: Bind): Error {
  if (error instanceof QuaichError) return error;
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return new BindError(`cannot listen on ${formatBind(bind)}: ${listenReason(code, bind, error)}`, { cause: error });
}

const ANOTHER = 'stop what listens there, or choose another port';

function listenReason(code: unknown, bind: Bind, error: unknown): string {
  switch (code) {
    case 'EADDRINUSE':
      return bind.type === 'unix' ? 'another server listens there' : `the port is in use (EADDRINUSE): ${ANOTHER}`;
    case 'EACCES':
    case 'EPERM':
      if (bind.type === 'tcp' && bind.port < 1024) return `no right to a port below 1024 (${code})`;
      // libuv reports a missing directory of a pipe as EACCES, other calls only what may not be looked into.
      if (bind.type === 'unix' && isFromListen(error) && !existsSync(dirname(bind.path)))
        return `there is no directory ${dirname(bind.path)}`;
      return `permission denied (${code})`;
    case 'EADDRNOTAVAIL':
      return 'this machine does not have that address (EADDRNOTAVAIL)';
    case 'EAFNOSUPPORT':
      return 'this machine does not speak that kind of address (EAFNOSUPPORT)';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the host name has no address (${code})`;
    default:
      return error instanceof Error ? error.message : String(error);
  }
}

/** The primary of a cluster calls it `bind`. */
function isFromListen(error: unknown): boolean {
  return error instanceof Error && /^(?:listen|bind)$/.test(String(Reflect.get(error, 'syscall')));
}

function checkDescriptor(fd: number): void {
  try {
    if (fstatSync(fd).isSocket()) return;
  } catch (error) {
    throw new BindError(`cannot listen on fd://${fd}: no such descriptor was inherited`, { cause: error });
  }
  throw new BindError(`cannot listen on fd://${fd}: the descriptor is not a socket`);
}

async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw new BindError(`cannot listen on unix:${path}: the file exists and is not a socket`);
  // Ends: at once. Behind a Unix socket there is no network; where nobody accepts, the connection waits as an open one.
  const code = await new Promise<string>((settle) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      settle('connected');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
  });
  // Only a refused connection proves that the owner is gone; a full backlog (EAGAIN) does not.
  if (code === 'ECONNREFUSED') {
    try {
      unlinkSync(path);
    } catch (error) {
      throw new BindError(`cannot listen on unix:${path}: no right to remove the socket left there`, { cause: error });
    }
  } else if (code === 'EACCES' || code === 'EPERM') {
    throw new BindError(`cannot listen on unix:${path}: permission denied (${code})`);
  } else if (code !== 'ENOENT') {
    throw new BindError(`cannot listen on unix:${path}: another server listens there`);
  }
}
