/**
 * The header of the PROXY protocol, version 1 or 2, with which a proxy that passes bytes on begins a connection, to say
 * for whom it was made (haproxy.org/download/3.0/doc/proxy-protocol.txt). Strict: behind whatever is no header, nobody
 * knows where the client's bytes begin.
 */
import ipaddr from 'ipaddr.js';
import type { ConnectionInfo } from '../environ/variables.ts';

/** What begins a connection is no such header. */
export class MalformedProxyHeader extends Error {}

/** Version 1 is a line of text of so many bytes at most, its end included. */
const LONGEST_LINE = 107;
const LINE_START = 'PROXY ';
const LINE =
  /^PROXY (?:UNKNOWN(?: [^\r\n]*)?|(TCP[46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4}))\r\n$/;

/** Version 2 begins with these bytes; version with command, family, and the length of what follows, fill up to 16. */
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n');
const FIXED = 16;
/** Bytes that may follow; the longest addresses have 216, and the certificate of a client may come behind. */
const MOST_FOLLOWING = 16_384;
const LOCAL = 0x20;
const PROXY = 0x21;

/** Bytes of both addresses with their ports, and of one address where we can use it, by family and transport. */
const FAMILIES: ReadonlyMap<number, { size: number; address: number }> = new Map([
  [0x00, { size: 0, address: 0 }],
  [0x11, { size: 12, address: 4 }],
  [0x12, { size: 12, address: 4 }],
  [0x21, { size: 36, address: 16 }],
  [0x22, { size: 36, address: 16 }],
  [0x31, { size: 216, address: 0 }],
  [0x32, { size: 216, address: 0 }],
]);

/** A client that the proxy does not know, or that has no address of IP. It is not on a Unix socket of ours. */
const UNKNOWN: Partial<ConnectionInfo> = { remoteAddress: '', remotePort: '', unixSocket: false };
const NOTHING = Buffer.alloc(0);

/** One header, read as it comes: at most 107 bytes of it are kept. */
export class ProxyHeader {
  /** All of it has come. */
  complete = false;
  /**
   * What is other than the socket says of its ends; nothing where the proxy speaks for itself (LOCAL), as in its health
   * checks.
   */
  told: Partial<ConnectionInfo> = {};
  /** What has come, until it can be understood. */
  private held: Buffer = NOTHING;
  /** Bytes of the header from the next one on, once it is understood. */
  private left = 0;

  /**
   * Takes the next bytes of the connection, at least one; returns those behind the header.
   *
   * @throws MalformedProxyHeader
   */
  take(fresh: Buffer): Buffer {
    let bytes = fresh;
    if (this.left === 0) {
      if (this.held.length > 0) bytes = Buffer.concat([this.held, fresh]);
      this.left = bytes[0] === SIGNATURE[0] ? this.readVersion2(bytes) : this.readVersion1(bytes);
      this.held = this.left === 0 ? bytes : NOTHING;
      if (this.left === 0) return NOTHING;
    }
    const end = Math.min(this.left, bytes.length);
    this.left -= end;
    this.complete = this.left === 0;
    return bytes.subarray(end);
  }

  /** The length of the header in bytes; 0 as long as it cannot be understood. */
  private readVersion1(bytes: Buffer): number {
    const text = bytes.toString('latin1', 0, LONGEST_LINE);
    if (!LINE_START.startsWith(text.slice(0, LINE_START.length))) throw new MalformedProxyHeader('it has no header');
    const length = text.indexOf('\n') + 1;
    if (length === 0) {
      if (text.length < LONGEST_LINE) return 0;
      throw new MalformedProxyHeader(`its line is longer than ${LONGEST_LINE} bytes`);
    }
    const [line, family, source, target, sourcePort, targetPort] = LINE.exec(text.slice(0, length)) ?? [];
    if (line === undefined) throw new MalformedProxyHeader('its line is malformed');
    if (family === undefined) {
      this.told = UNKNOWN;
      return length;
    }
    const isAddress = (address: string): boolean =>
      family === 'TCP4' ? ipaddr.IPv4.isValidFourPartDecimal(address) : ipaddr.IPv6.isValid(address);
    if (!isAddress(source) || !isAddress(target)) throw new MalformedProxyHeader('its line has a bad address');
    if (Number(sourcePort) > 65_535 || Number(targetPort) > 65_535) {
      throw new MalformedProxyHeader('its line has a bad port');
    }
    this.told = ends(source, sourcePort, target, targetPort);
    return length;
  }

  /** As `readVersion1`. */
  private readVersion2(bytes: Buffer): number {
    const begun = bytes.subarray(0, SIGNATURE.length);
    if (!begun.equals(SIGNATURE.subarray(0, begun.length))) throw new MalformedProxyHeader('it has no header');
    if (bytes.length < FIXED) return 0;
    const command = bytes[12];
    const following = bytes.readUInt16BE(14);
    if (command !== LOCAL && command !== PROXY) throw new MalformedProxyHeader('its version or command is unknown');
    if (following > MOST_FOLLOWING) {
      throw new MalformedProxyHeader(`its header has ${following} bytes, more than ${MOST_FOLLOWING}`);
    }
    if (command === LOCAL) return FIXED + following;
    const family = FAMILIES.get(bytes[13]);
    if (family === undefined) throw new MalformedProxyHeader('its address family is unknown');
    const { size, address } = family;
    if (following < size) throw new MalformedProxyHeader('its header is too short for the addresses');
    if (address === 0) {
      this.told = UNKNOWN;
      return FIXED + following;
    }
    if (bytes.length < FIXED + size) return 0;
    const target = FIXED + address;
    const ports = target + address;
    this.told = ends(
      addressOf(bytes.subarray(FIXED, target)),
      String(bytes.readUInt16BE(ports)),
      addressOf(bytes.subarray(target, ports)),
      String(bytes.readUInt16BE(ports + 2)),
    );
    return FIXED + following;
  }
}

function addressOf(bytes: Uint8Array): string {
  return ipaddr.fromByteArray([...bytes]).toString();
}

/** @param source addresses that are valid, in any spelling, as are ports */
function ends(source: string, sourcePort: string, target: string, targetPort: string): Partial<ConnectionInfo> {
  return {
    remoteAddress: spelled(source),
    remotePort: sourcePort,
    serverName: spelled(target),
    serverPort: targetPort,
    unixSocket: false,
  };
}

/** As the rest of the house spells it: ::ffff:10.0.0.1 is 10.0.0.1. */
function spelled(address: string): string {
  return ipaddr.process(address).toString();
}
