/** Headers of the PROXY protocol, made by hand. */
import { isIPv4 } from 'node:net';

const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';

export const LOCAL = 0x20;
export const PROXY = 0x21;

/** Version 1: `PROXY TCP4 203.0.113.5 192.0.2.1 4711 443`. */
export function line(source = '203.0.113.5', sourcePort = 4711, target = '192.0.2.1', targetPort = 443): string {
  return `PROXY TCP${isIPv4(source) ? 4 : 6} ${source} ${target} ${sourcePort} ${targetPort}\r\n`;
}

const two = (value: number): string => String.fromCharCode(value >> 8, value & 255);

/** Version 2, as latin-1 text, around the bytes of addresses and what follows them. */
export function binary(command: number, family: number, content = '', length = content.length): string {
  return SIGNATURE + String.fromCharCode(command, family) + two(length) + content;
}

/** The bytes of addresses with their ports, IPv4 (four numbers) or IPv6 (eight groups). */
export function addresses(source: string, target: string, sourcePort = 4711, targetPort = 443): string {
  return packed(source) + packed(target) + two(sourcePort) + two(targetPort);
}

function packed(address: string): string {
  if (isIPv4(address)) return String.fromCharCode(...address.split('.').map(Number));
  return address
    .split(':')
    .map((group) => two(Number.parseInt(group, 16)))
    .join('');
}

export const IPV6 = ['2001:db8:0:0:0:0:0:5', '2001:db8:0:0:0:0:0:1'] as const;

/** What a field of type, length and value looks like: no meaning is taken from it. */
export function tlv(type: number, value: string): string {
  return String.fromCharCode(type) + two(value.length) + value;
}
