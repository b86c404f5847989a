// uri-host [ ":" port ] (RFC 9110, 4.2.3 and 7.2; RFC 3986, 3.2.2), for the Host field and for targets.

import { scanHost } from './scan';
import { CLASSES, CLASS_HOST } from './tables';

function isHex(c: u32): bool {
  return c - 0x30 < 10 || (c | 32) - 0x61 < 6;
}

/** Decimal octets without leading zeros, four of them with dots between. */
function isIpv4(p: usize, to: usize): bool {
  let octets = 0;
  while (p < to) {
    const first = p;
    let octet: u32 = 0;
    while (p < to && <u32>load<u8>(p) - 0x30 < 10 && p - first < 3) octet = octet * 10 + load<u8>(p++) - 0x30;
    if (p == first || octet > 255 || (p - first > 1 && load<u8>(first) == 0x30)) return false;
    ++octets;
    if (p == to) return octets == 4;
    if (load<u8>(p++) != 0x2e) return false;
  }
  return false;
}

/**
 * RFC 3986, IPv6address: groups of up to four digits, one `::` for any number of them, an IPv4 address for the last
 * two.
 */
function isIpv6(p: usize, to: usize): bool {
  let groups = 0;
  let compressed = false;
  if (to - p >= 2 && load<u16>(p) == 0x3a3a) {
    compressed = true;
    p += 2;
    if (p == to) return true;
  }
  for (;;) {
    const first = p;
    while (p < to && isHex(load<u8>(p))) ++p;
    if (p < to && load<u8>(p) == 0x2e) {
      if (!isIpv4(first, to)) return false;
      groups += 2;
      break;
    }
    if (p == first || p - first > 4) return false;
    ++groups;
    if (p == to) break;
    if (load<u8>(p++) != 0x3a || p == to) return false;
    if (load<u8>(p) == 0x3a) {
      if (compressed) return false;
      compressed = true;
      if (++p == to) break;
    }
  }
  return compressed ? groups <= 7 : groups == 8;
}

/** RFC 3986, IPvFuture: "v", a hexadecimal version, ".", then characters of names and colons. */
function isIpFuture(p: usize, to: usize): bool {
  const version = ++p;
  while (p < to && isHex(load<u8>(p))) ++p;
  if (p == version || p == to || load<u8>(p++) != 0x2e || p == to) return false;
  while (p < to && (load<u8>(CLASSES + load<u8>(p)) & CLASS_HOST || load<u8>(p) == 0x3a)) ++p;
  return p == to;
}

/** The address after an IP literal in brackets, or 0. */
function afterLiteral(p: usize, to: usize): usize {
  const address = p + 1;
  while (p < to && load<u8>(p) != 0x5d) ++p;
  if (p == to || address == p) return 0;
  return ((load<u8>(address) | 32) == 0x76 ? isIpFuture(address, p) : isIpv6(address, p)) ? p + 1 : 0;
}

/** Whether the bytes are a host that is not empty, and a port: any, or with `port` one with digits. */
export function isAuthority(p: usize, to: usize, port: bool): bool {
  const first = p;
  p = scanHost(p, to);
  if (p < to && load<u8>(p) != 0x3a) {
    if (p == first && load<u8>(p) == 0x5b) {
      p = afterLiteral(p, to);
      if (!p) return false;
    }
    while (p < to && load<u8>(p) == 0x25) {
      if (to - p < 3 || !isHex(load<u8>(p + 1)) || !isHex(load<u8>(p + 2))) return false;
      p = scanHost(p + 3, to);
    }
  }
  if (p >= to) return !port && first < to;
  if (p == first || load<u8>(p++) != 0x3a) return false;
  if (p == to) return !port;
  while (p < to && <u32>load<u8>(p) - 0x30 < 10) ++p;
  return p == to;
}
