// The scanners: the one clever place. Each returns the address of the first byte at or after `p` that is not of the
// class, or an address from `to` on where all bytes are. With SIMD they look at 16 bytes at a time and so read, and
// stop, up to 15 bytes after `to`, which still lie inside the memory; the caller compares, so that what stands there is
// never taken for input.
//
// A class of ASCII characters is exact in two 16-byte tables: the first, indexed by the low half of a byte, has a bit
// set for each high half with which it forms a member; the second turns the high half into that bit (and 8 to 15 into
// none). Constants are loaded, not written out: inside a loop the engine would build each of them anew in every round.

import {
  CLASSES,
  CLASS_HOST,
  CLASS_PATH,
  CLASS_PATH_ESCAPED,
  CLASS_TARGET,
  CLASS_TOKEN,
  CLASS_VALUE,
  NIBBLES_HIGH,
  NIBBLES_HOST,
  NIBBLES_PATH,
  NIBBLES_PATH_ESCAPED,
  NIBBLES_TARGET,
  NIBBLES_TOKEN,
  SPLAT_09,
  SPLAT_0F,
  SPLAT_1F,
  SPLAT_7F,
} from './tables';

@inline
function scalar(p: usize, to: usize, bit: u8): usize {
  while (p < to && load<u8>(CLASSES + load<u8>(p)) & bit) ++p;
  return p;
}

@inline
function ascii(p: usize, to: usize, nibbles: usize): usize {
  const members = v128.load(nibbles);
  const high = v128.load(NIBBLES_HIGH);
  const low = v128.load(SPLAT_0F);
  while (p < to) {
    const block = v128.load(p);
    const bits = v128.and(
      i8x16.swizzle(members, v128.and(block, low)),
      i8x16.swizzle(high, v128.and(i16x8.shr_u(block, 4), low)),
    );
    const others = i8x16.bitmask(i8x16.eq(bits, i8x16.splat(0)));
    if (others) return p + ctz(others);
    p += 16;
  }
  return p;
}

/** Token characters: methods, field names. */
@inline
export function scanToken(p: usize, to: usize): usize {
  if (ASC_FEATURE_SIMD) return ascii(p, to, NIBBLES_TOKEN);
  return scalar(p, to, CLASS_TOKEN);
}

/** A path up to its query or its first escape. */
export function scanPath(p: usize, to: usize): usize {
  if (ASC_FEATURE_SIMD) return ascii(p, to, NIBBLES_PATH);
  return scalar(p, to, CLASS_PATH);
}

/** The rest of a path that has escapes. */
export function scanEscapedPath(p: usize, to: usize): usize {
  if (ASC_FEATURE_SIMD) return ascii(p, to, NIBBLES_PATH_ESCAPED);
  return scalar(p, to, CLASS_PATH_ESCAPED);
}

/** The rest of a target that has a query. */
export function scanTarget(p: usize, to: usize): usize {
  if (ASC_FEATURE_SIMD) return ascii(p, to, NIBBLES_TARGET);
  return scalar(p, to, CLASS_TARGET);
}

/** A host name without escapes. */
@inline
export function scanHost(p: usize, to: usize): usize {
  if (ASC_FEATURE_SIMD) return ascii(p, to, NIBBLES_HOST);
  return scalar(p, to, CLASS_HOST);
}

/** Field values: everything but control characters, of which HTAB is allowed. */
@inline
export function scanValue(p: usize, to: usize): usize {
  if (ASC_FEATURE_SIMD) {
    const tab = v128.load(SPLAT_09);
    const lastControl = v128.load(SPLAT_1F);
    const del = v128.load(SPLAT_7F);
    while (p < to) {
      const block = v128.load(p);
      const others = i8x16.bitmask(
        v128.or(v128.andnot(i8x16.le_u(block, lastControl), i8x16.eq(block, tab)), i8x16.eq(block, del)),
      );
      if (others) return p + ctz(others);
      p += 16;
    }
    return p;
  }
  return scalar(p, to, CLASS_VALUE);
}
