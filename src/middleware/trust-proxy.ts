/**
 * Address, scheme and host of the client as proxies report them (G-39): only from proxies that are trusted by name, and
 * only as far back as trust goes.
 */
import parseForwarded from 'forwarded-parse';
import ipaddr from 'ipaddr.js';
import { ConfigurationError } from '../interface/errors.ts';
import { defaultPort, isPort } from '../rules/grammar.ts';
import { trimmed, withoutFinalSlashes } from '../rules/trimmed.ts';
import { checkSwitches } from './decision.ts';
import { middleware } from './define.ts';
import type { AnyEnviron, Middleware } from './types.ts';

export interface TrustProxyOptions {
  /**
   * Addresses of proxies: single ones, CIDR blocks (`10.0.0.0/8`, `fd00::/8`), or `loopback`, `linklocal`,
   * `uniquelocal` for those ranges, `unix` for peers on a Unix socket, which have no address.
   */
  trusted: readonly string[];
  /**
   * The family of fields that the proxies set, and clear of what clients send: `x-forwarded` (`X-Forwarded-For` and
   * `-Proto`), the default, or `forwarded` (RFC 7239). Never both: a proxy that knows one lets the other through.
   */
  fields?: 'x-forwarded' | 'forwarded';
  /**
   * Takes the host from `X-Forwarded-Host`, or from `host` of `Forwarded`. Off by default, as the next two: a proxy
   * that is not told to set the field passes on what the client wrote, and links are made of it.
   */
  host?: boolean;
  /** Takes the port of the server from `X-Forwarded-Port`. Off by default. */
  port?: boolean;
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

/** Elements of a field that are looked at, counted from its end. */
const MOST_HOPS = 64;
/** Longer than any address with its zone. */
const LONGEST_ADDRESS = 64;

/** A port as a proxy wrote it; null for what is none. */
function parsePort(text: string | undefined): string | null {
  return text !== undefined && isPort(text) ? text : null;
}

function parseAddress(text: string): Address | null {
  if (text.length > LONGEST_ADDRESS) return null;
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

/** One hop as a proxy wrote it down: who sent it the request, and what was asked for. */
interface Hop {
  node: string;
  proto?: string;
  host?: string;
}

/** Who sent a request, as far as it is known. */
interface Sender {
  address: Address | null;
  port: string | null;
}

/** `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`; anything else, such as `unknown`, has no address. */
function parseNode(text: string): Sender {
  const bracketed = /^\[([^\]]+)\](?::([0-9]{1,5}))?$/.exec(text);
  if (bracketed !== null) return { address: parseAddress(bracketed[1]), port: parsePort(bracketed[2]) };
  const dotted = /^([0-9.]+)(?::([0-9]{1,5}))?$/.exec(text);
  if (dotted !== null) return { address: parseAddress(dotted[1]), port: parsePort(dotted[2]) };
  return { address: parseAddress(text), port: null };
}

/** Where the element that ends before `end` begins: behind a comma, or at 0. */
function elementStart(field: string, end: number): number {
  return end === 0 ? 0 : field.lastIndexOf(',', end - 1) + 1;
}

/** The last elements of a list, the very last first. */
function lastElements(field: string | undefined): string[] {
  const elements: string[] = [];
  if (field === undefined) return elements;
  for (let end = field.length; end >= 0 && elements.length < MOST_HOPS; ) {
    const start = elementStart(field, end);
    elements.push(trimmed(field.slice(start, end)));
    end = start - 1;
  }
  return elements;
}

/**
 * The pairs in a text, and whether a quoted string has only one of its ends there. A quote behind a backslash is none.
 */
function scan(text: string): { pairs: number; open: boolean } {
  let pairs = 1;
  let open = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text[i];
    if (unit === '\\') i++;
    else if (unit === '"') open = !open;
    else if (unit === ';' && !open) pairs++;
  }
  return { pairs, open };
}

/** One element of `Forwarded`; null where it is malformed, or says something twice (RFC 7239, 4). */
function forwardedHop(text: string): Hop | null {
  try {
    const elements = parseForwarded(text);
    if (elements.length !== 1) return null;
    const [element] = elements;
    if (Object.keys(element).length !== scan(text).pairs) return null;
    return { node: element.for ?? '', proto: element.proto, host: element.host };
  } catch {
    return null;
  }
}

/**
 * The hops of `Forwarded`, the last first, as far as it can be read from the right. What a client sent stands at the
 * left of what proxies wrote: whatever it is, and be it an open quote, it must not keep from reading what is at the
 * right of it.
 */
function forwardedHops(environ: AnyEnviron): Hop[] {
  const field = environ.HTTP_FORWARDED ?? '';
  const hops: Hop[] = [];
  let end = field.length;
  let open = false;
  for (let before = end; before >= 0 && hops.length < MOST_HOPS; ) {
    const start = elementStart(field, before);
    if (scan(field.slice(start, before)).open) open = !open;
    before = start - 1;
    if (open) continue; // the comma stands in a quoted string
    const text = trimmed(field.slice(start, end));
    end = before;
    if (text === '') continue;
    const hop = forwardedHop(text);
    if (hop === null) break;
    hops.push(hop);
  }
  return hops;
}

/**
 * The hops of `X-Forwarded-*`, the last first. Some proxies append to each field, some set one value: lists of the same
 * length belong together, of any other list the last value counts, which the nearest proxy wrote.
 */
function xForwardedHops(environ: AnyEnviron): Hop[] {
  const nodes = lastElements(environ.HTTP_X_FORWARDED_FOR);
  const protos = lastElements(environ.HTTP_X_FORWARDED_PROTO);
  const hosts = lastElements(environ.HTTP_X_FORWARDED_HOST);
  const nth = (values: string[], index: number) => values[values.length === nodes.length ? index : 0];
  // A proxy that only speaks of scheme and host.
  if (nodes.length === 0 && protos.length + hosts.length > 0) return [{ node: '', proto: protos[0], host: hosts[0] }];
  return nodes.map((node, index) => ({ node, proto: nth(protos, index), host: nth(hosts, index) }));
}

/**
 * Replaces `REMOTE_ADDR`, `REMOTE_PORT`, `wsgi.url_scheme`, `HTTPS` and `SERVER_PORT`, and as far as the options say so
 * `HTTP_HOST`, `SERVER_NAME` and `SCRIPT_NAME`, by what trusted proxies say. The addresses are read from right to left,
 * beginning with the peer itself, and the first that is not trusted is the client; what stands further left could be
 * anybody's invention. The fields are removed from requests whose peer is not trusted, and those that are not taken
 * always, so that nothing further in takes them at their word. The peer's own address is kept as `quaich.peer_address`.
 *
 * @throws ConfigurationError
 */
export function trustProxy(options: TrustProxyOptions): Middleware {
  const { trusted, fields = 'x-forwarded', host = false, port = false, prefix = false } = options;
  checkSwitches('trustProxy', { host, port, prefix });
  const unix = trusted.includes('unix');
  const blocks = trusted
    .filter((name) => name !== 'unix')
    .flatMap((name) => (Object.hasOwn(RANGES, name) ? RANGES[name] : [name]))
    .map(parseBlock);
  if (trusted.length === 0) throw new ConfigurationError('trustProxy: trusted names at least one proxy');

  const taken = new Set<string>(
    fields === 'forwarded'
      ? ['HTTP_FORWARDED']
      : [
          'HTTP_X_FORWARDED_FOR',
          'HTTP_X_FORWARDED_PROTO',
          ...(host ? ['HTTP_X_FORWARDED_HOST'] : []),
          ...(port ? ['HTTP_X_FORWARDED_PORT'] : []),
          ...(prefix ? ['HTTP_X_FORWARDED_PREFIX'] : []),
        ],
  );

  const isTrusted = (address: Address): boolean =>
    blocks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));

  function peerTrusted(environ: AnyEnviron): boolean {
    const text = environ.REMOTE_ADDR;
    // An address that is missing says nothing of the peer: another gateway may not know it (G-182).
    if (text === undefined || text === '') return unix && environ['quaich.unix_socket'] === true;
    const address = parseAddress(text.split('%', 1)[0]); // fe80::1%eth0
    return address !== null && isTrusted(address);
  }

  /**
   * The hop that tells about the client, the one furthest left that a trusted proxy wrote, and the client's address.
   */
  function clientHop(environ: AnyEnviron): { hop: Hop; client: Sender } | null {
    let found: { hop: Hop; client: Sender } | null = null;
    for (const hop of fields === 'forwarded' ? forwardedHops(environ) : xForwardedHops(environ)) {
      const sender = parseNode(hop.node);
      // A hidden or malformed address ends what can be known; its scheme and host are still a trusted proxy's word.
      if (sender.address === null) return { hop, client: found?.client ?? sender };
      found = { hop, client: sender };
      if (!isTrusted(sender.address)) break;
    }
    return found;
  }

  function apply(environ: AnyEnviron, hop: Hop, client: Sender): void {
    if (client.address !== null) {
      environ.REMOTE_ADDR = client.address.toString();
      if (client.port === null) delete environ.REMOTE_PORT;
      else environ.REMOTE_PORT = client.port;
    }
    const proto = hop.proto?.toLowerCase();
    if (proto === 'http' || proto === 'https') {
      environ['wsgi.url_scheme'] = proto;
      if (proto === 'https') environ.HTTPS = 'on';
      else delete environ.HTTPS;
    }
    const usualPort = defaultPort(environ['wsgi.url_scheme']);
    const given = host && hop.host !== undefined ? HOST.exec(hop.host) : null;
    if (given !== null && (given[2] === undefined || parsePort(given[2]) !== null)) {
      environ.HTTP_HOST = given[0];
      environ.SERVER_NAME = given[1];
      environ.SERVER_PORT = given[2] ?? usualPort;
    } else if (proto === 'http' || proto === 'https') {
      const own = HOST.exec(environ.HTTP_HOST ?? '');
      if (own !== null) environ.SERVER_PORT = own[2] ?? usualPort;
    }
  }

  /** `X-Forwarded-Port` and `-Prefix`, which have one value: that of the nearest proxy. */
  function applySingle(environ: AnyEnviron): void {
    const given = port ? parsePort(lastElements(environ.HTTP_X_FORWARDED_PORT)[0]) : null;
    if (given !== null) environ.SERVER_PORT = given;
    const script = prefix ? withoutFinalSlashes(lastElements(environ.HTTP_X_FORWARDED_PREFIX)[0] ?? '') : '';
    if (PREFIX.test(script)) environ.SCRIPT_NAME = script + (environ.SCRIPT_NAME ?? '');
  }

  return middleware({
    name: 'trustProxy',
    request(environ) {
      const all: AnyEnviron = environ;
      const peer = all.REMOTE_ADDR;
      const believed = peerTrusted(all);
      if (believed) {
        const found = clientHop(all);
        if (found !== null) apply(all, found.hop, found.client);
        if (fields === 'x-forwarded') applySingle(all);
      }
      for (const name of FIELDS) if (!believed || !taken.has(name)) delete all[name];
      if (peer !== undefined) all['quaich.peer_address'] = peer;
      return undefined;
    },
  });
}
