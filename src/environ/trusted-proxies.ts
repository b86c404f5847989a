/**
 * Address, scheme and host of the client as proxies report them (G-39): only from proxies that are trusted by name, and
 * only as far back as trust goes.
 */
import ipaddr from 'ipaddr.js';
import { ConfigurationError } from '../interface/errors.ts';
import { defaultPort, isPort } from '../rules/grammar.ts';
import { withoutFinalSlashes } from '../rules/trimmed.ts';
import { cutToHops, type Family, hopsOf, lastElements, type PartialEnviron, type ProxyHop } from './forwarded-hops.ts';

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
  fields?: Family;
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

/** @throws ConfigurationError, with `setting` at its beginning */
function parseBlock(text: string, setting: string): [Address, number] {
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
  throw new ConfigurationError(`${setting}: ${JSON.stringify(text)} is no address, CIDR block or name of a range`);
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

/** The client that proxies tell of. */
interface ToldClient {
  /** The hop furthest left that a trusted proxy wrote, and its place from the right, beginning with 1. */
  readonly hop: ProxyHop;
  readonly place: number;
  readonly sender: Sender;
}

/** The proxies that are believed, and what is taken from them: the one rule, of the server and of `trustProxy`. */
export class TrustedProxies {
  private readonly unix: boolean;
  private readonly blocks: readonly [Address, number][];
  private readonly family: Family;
  private readonly host: boolean;
  private readonly port: boolean;
  private readonly prefix: boolean;
  /** Variables that stay, where the peer is trusted. */
  private readonly taken: ReadonlySet<string>;

  /** @throws ConfigurationError, with the name of the `setting` that lists the proxies at its beginning */
  constructor(setting: string, options: TrustProxyOptions) {
    const { trusted, fields = 'x-forwarded', host = false, port = false, prefix = false } = options;
    this.unix = trusted.includes('unix');
    this.blocks = trusted
      .filter((name) => name !== 'unix')
      .flatMap((name) => (Object.hasOwn(RANGES, name) ? RANGES[name] : [name]))
      .map((text) => parseBlock(text, setting));
    this.family = fields;
    this.host = host;
    this.port = port;
    this.prefix = prefix;
    const extended = [
      'HTTP_X_FORWARDED_FOR',
      'HTTP_X_FORWARDED_PROTO',
      ...(host ? ['HTTP_X_FORWARDED_HOST'] : []),
      ...(port ? ['HTTP_X_FORWARDED_PORT'] : []),
      ...(prefix ? ['HTTP_X_FORWARDED_PREFIX'] : []),
    ];
    this.taken = new Set(fields === 'forwarded' ? ['HTTP_FORWARDED'] : extended);
  }

  /**
   * Whether a peer is one of them.
   *
   * @param address as REMOTE_ADDR has it; one that is missing says nothing of the peer: another gateway may not know it
   * (G-182)
   * @param unixSocket the peer is known to be on a Unix socket
   */
  isTrusted(address: string | undefined, unixSocket: boolean): boolean {
    if (address === undefined || address === '') return this.unix && unixSocket;
    const parsed = parseAddress(address.split('%', 1)[0]); // fe80::1%eth0
    return parsed !== null && this.covers(parsed);
  }

  /**
   * Replaces `REMOTE_ADDR`, `REMOTE_PORT`, `wsgi.url_scheme`, `HTTPS` and `SERVER_PORT`, and as far as the options say
   * so `HTTP_HOST`, `SERVER_NAME` and `SCRIPT_NAME`, by what trusted proxies say. The addresses are read from right to
   * left, beginning with the peer itself, and the first that is not trusted is the client; what stands further left
   * could be anybody's invention, and is removed. So are the fields of requests whose peer is not trusted, and always
   * those that are not taken, so that nothing further in takes them at their word. The peer's own address is kept as
   * `quaich.peer_address`.
   */
  apply(environ: Record<string, unknown>): void {
    // Whoever makes an environ sets these variables to what the type says, or not at all.
    const variables = environ as PartialEnviron;
    const peer = variables.REMOTE_ADDR;
    const believed = this.isTrusted(peer, variables['quaich.unix_socket'] === true);
    if (believed) this.believe(variables);
    for (const name of FIELDS) if (!believed || !this.taken.has(name)) delete variables[name];
    if (peer !== undefined) variables['quaich.peer_address'] = peer;
  }

  private covers(address: Address): boolean {
    return this.blocks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));
  }

  private believe(environ: PartialEnviron): void {
    const { family } = this;
    const hops = hopsOf(environ, family);
    const client = this.findClient(hops);
    if (client !== null) this.setClient(environ, client);
    if (family === 'x-forwarded') this.setSingle(environ);
    cutToHops(environ, family, hops, client?.place ?? 0);
  }

  private findClient(hops: readonly ProxyHop[]): ToldClient | null {
    let found: ToldClient | null = null;
    for (const [index, hop] of hops.entries()) {
      const place = index + 1;
      const sender = parseNode(hop.node);
      // A hidden or malformed address ends what can be known; its scheme and host are still a trusted proxy's word.
      if (sender.address === null) return { hop, place, sender: found?.sender ?? sender };
      found = { hop, place, sender };
      if (!this.covers(sender.address)) break;
    }
    return found;
  }

  private setClient(environ: PartialEnviron, { hop, sender }: ToldClient): void {
    if (sender.address !== null) {
      environ.REMOTE_ADDR = sender.address.toString();
      if (sender.port === null) delete environ.REMOTE_PORT;
      else environ.REMOTE_PORT = sender.port;
    }
    const proto = hop.proto?.toLowerCase();
    if (proto === 'http' || proto === 'https') {
      environ['wsgi.url_scheme'] = proto;
      if (proto === 'https') environ.HTTPS = 'on';
      else delete environ.HTTPS;
    }
    const usualPort = defaultPort(environ['wsgi.url_scheme'] ?? 'http');
    const given = this.host && hop.host !== undefined ? HOST.exec(hop.host) : null;
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
  private setSingle(environ: PartialEnviron): void {
    const given = this.port ? parsePort(lastElements(environ.HTTP_X_FORWARDED_PORT)[0]) : null;
    if (given !== null) environ.SERVER_PORT = given;
    const script = this.prefix ? withoutFinalSlashes(lastElements(environ.HTTP_X_FORWARDED_PREFIX)[0] ?? '') : '';
    if (PREFIX.test(script)) environ.SCRIPT_NAME = script + (environ.SCRIPT_NAME ?? '');
  }
}
