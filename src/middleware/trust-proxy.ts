/**
 * Address, scheme and host of the client as proxies report them (G-39): only from proxies that are trusted by name, and
 * only as far back as trust goes.
 */
import parseForwarded from 'forwarded-parse';
import ipaddr from 'ipaddr.js';
import { ConfigurationError } from '../interface/errors.ts';
import { middleware } from './define.ts';
import type { AnyEnviron, Middleware } from './types.ts';

export interface TrustProxyOptions {
  /**
   * Addresses of proxies: single ones, CIDR blocks (`10.0.0.0/8`, `fd00::/8`), or `loopback`, `linklocal`,
   * `uniquelocal` for those ranges, `unix` for peers on a Unix socket, which have no address.
   */
  trusted: readonly string[];
  /**
   * The family of fields that the proxies set, and clear of what clients send: `x-forwarded` (`X-Forwarded-For`,
   * `-Proto`, `-Host`, `-Port`), the default, or `forwarded` (RFC 7239). Never both: a proxy that knows one lets the
   * other through.
   */
  fields?: 'x-forwarded' | 'forwarded';
  /** Takes `X-Forwarded-Prefix` as the mount point: it goes in front of SCRIPT_NAME. Off by default. */
  prefix?: boolean;
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

const RANGES: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/** Every field that could be taken for a proxy's. */
const FIELDS = [
  'HTTP_FORWARDED',
  'HTTP_X_FORWARDED_FOR',
  'HTTP_X_FORWARDED_PROTO',
  'HTTP_X_FORWARDED_HOST',
  'HTTP_X_FORWARDED_PORT',
  'HTTP_X_FORWARDED_PREFIX',
] as const;

/** Host and port, in the characters of RFC 3986, 3.2.2 that occur in host names and addresses. */
const HOST = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?$/;
/** A path of visible characters, as it may stand in SCRIPT_NAME. */
const PREFIX = /^(?:\/[\x21-\x2e\x30-\x7e]+)+$/;

/** Elements of a field that are looked at. */
const MOST_HOPS = 64;
/** Commas of `Forwarded` that are looked at: each costs a look at what follows it. */
const MOST_COMMAS = 2 * MOST_HOPS;

/** A port as a proxy wrote it; null for what is none. */
function parsePort(text: string | undefined): string | null {
  return text !== undefined && /^[0-9]{1,5}$/.test(text) && Number(text) <= 65535 ? text : null;
}

function parseAddress(text: string): Address | null {
  // `isValid` also takes 127.1 and 0x7f000001; a proxy writes neither.
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return null;
  return ipaddr.process(text); // ::ffff:10.0.0.1 is 10.0.0.1
}

function parseBlock(text: string): [Address, number] {
  try {
    if (text.includes('/')) {
      const [address, bits] = ipaddr.parseCIDR(text);
      return [address, bits];
    }
    const address = parseAddress(text);
    if (address !== null) return [address, address.kind() === 'ipv4' ? 32 : 128];
  } catch {
    // Reported below.
  }
  throw new ConfigurationError(`trustProxy: ${JSON.stringify(text)} is no address, CIDR block or name of a range`);
}

/** One hop: who sent the request to the proxy that wrote it down, and what it said. */
interface Hop {
  address: Address | null;
  port: string | null;
  proto?: string;
  host?: string;
}

/** `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`; anything else, such as `unknown`, has no address. */
function parseNode(text: string): { address: Address | null; port: string | null } {
  const bracketed = /^\[([^\]]+)\](?::([0-9]{1,5}))?$/.exec(text);
  if (bracketed !== null) return { address: parseAddress(bracketed[1]), port: parsePort(bracketed[2]) };
  const dotted = /^([0-9.]+)(?::([0-9]{1,5}))?$/.exec(text);
  if (dotted !== null) return { address: parseAddress(dotted[1]), port: parsePort(dotted[2]) };
  return { address: parseAddress(text), port: null };
}

function list(field: string | undefined): string[] {
  return field === undefined ? [] : field.split(',').map((element) => element.replace(/^[ \t]+|[ \t]+$/g, ''));
}

/** One element of `Forwarded`; null where it is malformed, or says something twice (RFC 7239, 4). */
function forwardedHop(text: string): Hop | null {
  try {
    const elements = parseForwarded(text);
    if (elements.length !== 1) return null;
    const [element] = elements;
    const pairs = text.replace(/"(?:[^"\\]|\\.)*"/g, '').split(';').length;
    if (Object.keys(element).length !== pairs) return null;
    return { ...parseNode(element.for ?? ''), proto: element.proto, host: element.host };
  } catch {
    return null;
  }
}

/**
 * The hops of `Forwarded`, as far as it can be read from the right. What a client sent stands at the left of what proxies
 * wrote: whatever it is, and be it an open quote, it must not keep from reading what is at the right of it.
 */
function forwardedHops(environ: AnyEnviron): Hop[] {
  const field = environ.HTTP_FORWARDED ?? '';
  const hops: Hop[] = [];
  let end = field.length;
  let looked = 0;
  for (let comma = end; comma >= 0 && hops.length < MOST_HOPS && looked < MOST_COMMAS; looked++) {
    comma = comma === 0 ? -1 : field.lastIndexOf(',', comma - 1);
    const text = field.slice(comma + 1, end).replace(/^[ \t]+|[ \t]+$/g, '');
    const hop = text === '' ? null : forwardedHop(text);
    if (hop !== null) hops.unshift(hop);
    else if (text.includes('"'))
      continue; // the comma may stand in a quoted string
    else if (text !== '') break;
    end = comma;
  }
  return hops;
}

/**
 * The hops of `X-Forwarded-*`. Some proxies append to each field, some set one value: lists of the same length belong
 * together, of any other list the last value counts, which the nearest proxy wrote.
 */
function xForwardedHops(environ: AnyEnviron): Hop[] {
  const addresses = list(environ.HTTP_X_FORWARDED_FOR);
  const protos = list(environ.HTTP_X_FORWARDED_PROTO);
  const hosts = list(environ.HTTP_X_FORWARDED_HOST);
  const nth = (values: string[], index: number) =>
    values.length === addresses.length ? values[index] : values[values.length - 1];
  // A proxy that only speaks of scheme and host.
  if (addresses.length === 0 && protos.length + hosts.length > 0) {
    return [{ address: null, port: null, proto: protos.at(-1), host: hosts.at(-1) }];
  }
  return addresses.map((text, index) => ({
    ...parseNode(text),
    proto: nth(protos, index),
    host: nth(hosts, index),
  }));
}

/**
 * Replaces `REMOTE_ADDR`, `REMOTE_PORT`, `wsgi.url_scheme`, `HTTPS`, `HTTP_HOST`, `SERVER_NAME` and `SERVER_PORT` by what
 * trusted proxies say. The addresses are read from right to left, beginning with the peer itself, and the first that is
 * not trusted is the client; what stands further left could be anybody's invention. The fields are removed from requests
 * whose peer is not trusted, and those of the other family always, so that nothing further in takes them at their word.
 * The peer's own address is kept as `quaich.peer_address`.
 *
 * @throws ConfigurationError
 */
export function trustProxy(options: TrustProxyOptions): Middleware {
  const { trusted, fields = 'x-forwarded', prefix = false } = options;
  const unix = trusted.includes('unix');
  const blocks = trusted
    .filter((name) => name !== 'unix')
    .flatMap((name) => (Object.hasOwn(RANGES, name) ? RANGES[name] : [name]))
    .map(parseBlock);
  if (trusted.length === 0) throw new ConfigurationError('trustProxy: trusted names at least one proxy');

  const isTrusted = (address: Address): boolean =>
    blocks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));

  function peerTrusted(environ: AnyEnviron): boolean {
    const text = environ.REMOTE_ADDR;
    // An address that is missing says nothing of the peer: another gateway may not know it (G-182).
    if (text === undefined || text === '') return unix && environ['quaich.unix_socket'] === true;
    const address = parseAddress(text.replace(/%.*$/, '')); // fe80::1%eth0
    return address !== null && isTrusted(address);
  }

  /** The hop that tells about the client: the one furthest left that a trusted proxy wrote. */
  function clientHop(environ: AnyEnviron): Hop | null {
    const hops = (fields === 'forwarded' ? forwardedHops(environ) : xForwardedHops(environ)).slice(-MOST_HOPS);
    let client: Hop | null = null;
    for (let i = hops.length - 1; i >= 0; i--) {
      const hop = hops[i];
      // A hidden or malformed address ends what can be known; its scheme and host are still a trusted proxy's word.
      if (hop.address === null) return { ...hop, address: client?.address ?? null, port: client?.port ?? null };
      client = hop;
      if (!isTrusted(hop.address)) break;
    }
    return client;
  }

  function apply(environ: AnyEnviron, hop: Hop): void {
    if (hop.address !== null) {
      environ.REMOTE_ADDR = hop.address.toString();
      if (hop.port === null) delete environ.REMOTE_PORT;
      else environ.REMOTE_PORT = hop.port;
    }
    const proto = hop.proto?.toLowerCase();
    if (proto === 'http' || proto === 'https') {
      environ['wsgi.url_scheme'] = proto;
      if (proto === 'https') environ.HTTPS = 'on';
      else delete environ.HTTPS;
    }
    const defaultPort = environ['wsgi.url_scheme'] === 'https' ? '443' : '80';
    const host = hop.host === undefined ? null : HOST.exec(hop.host);
    if (host !== null && (host[2] === undefined || parsePort(host[2]) !== null)) {
      environ.HTTP_HOST = host[0];
      environ.SERVER_NAME = host[1];
      environ.SERVER_PORT = host[2] ?? defaultPort;
    } else if (proto === 'http' || proto === 'https') {
      const own = HOST.exec(environ.HTTP_HOST ?? '');
      if (own !== null) environ.SERVER_PORT = own[2] ?? defaultPort;
    }
  }

  /** `X-Forwarded-Port` and `-Prefix`, which have one value: that of the nearest proxy. */
  function applySingle(environ: AnyEnviron): void {
    const port = parsePort(list(environ.HTTP_X_FORWARDED_PORT).at(-1));
    if (port !== null) environ.SERVER_PORT = port;
    const script = prefix ? list(environ.HTTP_X_FORWARDED_PREFIX).at(-1)?.replace(/\/+$/, '') : undefined;
    if (script !== undefined && PREFIX.test(script)) environ.SCRIPT_NAME = script + (environ.SCRIPT_NAME ?? '');
  }

  return middleware({
    name: 'trustProxy',
    request(environ) {
      const all: AnyEnviron = environ;
      const peer = all.REMOTE_ADDR;
      const believed = peerTrusted(all);
      if (believed) {
        const hop = clientHop(all);
        if (hop !== null) apply(all, hop);
        if (fields === 'x-forwarded') applySingle(all);
      }
      for (const name of FIELDS) {
        if (!believed || (name === 'HTTP_FORWARDED') !== (fields === 'forwarded')) delete all[name];
      }
      if (peer !== undefined) all['quaich.peer_address'] = peer;
      return undefined;
    },
  });
}
