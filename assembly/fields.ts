// A field section (RFC 9112, 5), of a head or of a trailer: field lines up to the empty line, resumable at any byte.

import { takeField } from './framing';
import {
  FIELD_NAME,
  FIELD_NAME_START,
  FIELD_VALUE_LENGTH,
  FIELD_VALUE_START,
  LIMITS,
  LIMIT_FIELD_LINE,
  STATE_COLON,
  STATE_LINE,
  STATE_PHASE,
  STATE_SCAN,
} from './layout';
import { scanToken, scanValue } from './scan';
import {
  NAME_FRAMING,
  NAME_LENGTHS,
  NAME_MULTIPLIER,
  NAME_ROWS,
  NAME_SLOTS,
  RULE_BARE_CR,
  RULE_BARE_LF,
  RULE_FIELD_COLON,
  RULE_FIELD_COUNT,
  RULE_FIELD_FOLD,
  RULE_FIELD_NAME,
  RULE_FIELD_NAME_BLANK,
  RULE_FIELD_NAME_EMPTY,
  RULE_FIELD_SIZE,
  RULE_FIELD_VALUE,
  RULE_TRAILER_FIELD,
  SPLAT_20,
} from './tables';

// Phases of a field section (values of STATE_PHASE). Those of a request line are smaller (see request-head.ts).
export const PHASE_NAME = 8;
export const PHASE_VALUE = 9;
export const PHASE_FOLD = 10; // in a line that begins with a blank, which is refused at its end

const CRLF: u16 = 0x0a0d;

/** Number of fields found so far in the section; survives the end of the call. */
export let fieldCount: i32 = 0;

let valueEnd: usize = 0;

/** Index of a known field name, or 0. The two bytes before a short name are always CR LF. */
@inline
function knownName(p: usize, length: usize): u32 {
  const tail: u32 = load<u32>(p + length - 4) | 0x20202020;
  const ends = <u32>length + ((<u32>load<u8>(p) | 0x20) << 8);
  const slot = ((tail + ends * 0x01000193) * NAME_MULTIPLIER) >> 23;
  const name: u32 = load<u8>(NAME_SLOTS + slot);
  if (load<u8>(NAME_LENGTHS + name) != length) return 0;
  // Letters, digits and hyphens are what a token can hold whose bytes with 0x20 set are those of a known name.
  let row = NAME_ROWS + (name << 5);
  if (ASC_FEATURE_SIMD) {
    const lower = v128.load(SPLAT_20);
    const first = i8x16.eq(v128.or(v128.load(p), lower), v128.load(row));
    const second = i8x16.eq(v128.or(v128.load(p, 16), lower), v128.load(row, 16));
    return ctz(~(i8x16.bitmask(first) | (i8x16.bitmask(second) << 16))) == <i32>length ? name : 0;
  }
  for (let left = length; left; --left) if ((load<u8>(p++) | 0x20) != load<u8>(row++)) return 0;
  return name;
}

/** The rule that is broken by a byte that ends a name and is no colon. */
function badName(c: u32, first: bool): i32 {
  if (c == 0x3a) return RULE_FIELD_NAME_EMPTY;
  if (c == 0x0a && first) return RULE_BARE_LF;
  if (c == 0x0d || c == 0x0a) return RULE_FIELD_COLON;
  if (c == 0x20 || c == 0x09) return RULE_FIELD_NAME_BLANK;
  return RULE_FIELD_NAME;
}

/** The rule that is broken by a byte that ends a value and does not begin CR LF. */
export function badValue(c: u32): i32 {
  if (c == 0x0d) return RULE_BARE_CR;
  return c == 0x0a ? RULE_BARE_LF : RULE_FIELD_VALUE;
}

/** Value of the field line that ends at `to`, where blanks around it are not the usual ones; sets `valueEnd`. */
function trim(value: usize, to: usize): usize {
  let c: u32 = 0;
  while (value < to && ((c = load<u8>(value)), c == 0x20 || c == 0x09)) ++value;
  while (to > value && ((c = load<u8>(to - 1)), c == 0x20 || c == 0x09)) --to;
  valueEnd = to;
  return value;
}

/**
 * What it means that the line has not gone on as a field line at `p`: the end of the section (its address), a rule
 * broken (negative), or the end of the input (0).
 */
function interruption(
  start: usize,
  line: usize,
  colon: usize,
  p: usize,
  to: usize,
  state: usize,
  phase: i32,
  longest: usize,
  size: usize,
  sizeRule: i32,
): i32 {
  let rule = 0;
  p = min(p, to);
  if (phase == PHASE_NAME && p < to) {
    const c = load<u8>(p);
    if (p != line || (c != 0x0d && c != 0x20 && c != 0x09)) {
      rule = badName(c, p == line);
    } else if (c != 0x0d) {
      phase = PHASE_FOLD;
    } else if (p + 1 < to) {
      if (load<u8>(p + 1) != 0x0a) rule = RULE_BARE_CR;
      else if (p + 2 - start > size) rule = sizeRule;
      else return <i32>(p + 2);
    }
  } else if (phase == PHASE_VALUE && p < to) {
    if (load<u8>(p) != 0x0d || p + 1 < to) rule = badValue(load<u8>(p));
  }
  if (phase == PHASE_FOLD) {
    p = min(scanValue(p, to), to);
    if (p < to && (load<u8>(p) != 0x0d || p + 1 < to)) {
      rule = p + 1 < to && load<u16>(p) == CRLF ? RULE_FIELD_FOLD : badValue(load<u8>(p));
    }
  }
  // A limit is judged where a scan stops, so that the pieces in which bytes arrive make no difference: a CR that is the
  // last byte so far is judged with the one after it.
  if (p - line > longest && start + size >= line + longest) return -RULE_FIELD_SIZE;
  if (p - start > size) return -sizeRule;
  if (rule) return -rule;
  store<i32>(state + (STATE_PHASE << 2), phase);
  store<i32>(state + (STATE_SCAN << 2), <i32>(p - start));
  store<i32>(state + (STATE_LINE << 2), <i32>(line - start));
  store<i32>(state + (STATE_COLON << 2), <i32>(colon - start));
  return 0;
}

/**
 * Parses field lines from `line` (or from where `state` says, unless `phase` is 0) to the empty line and records them
 * from `records` to `last`, with offsets from `start`; names up to `framing` are taken in, or
 * refused where that is less than NAME_FRAMING. At most `size` bytes from `start` belong to the section; `sizeRule` is
 * broken by more. Returns the address after the empty line, 0 when more bytes are needed (`state` says where to go on),
 * or minus the rule broken.
 */
export function fieldLines(
  start: usize,
  line: usize,
  to: usize,
  state: usize,
  phase: i32,
  records: usize,
  last: usize,
  framing: u32,
  size: usize,
  sizeRule: i32,
): i32 {
  const longest = <usize>load<i32>(LIMITS + (LIMIT_FIELD_LINE << 2));
  let field = records + (<usize>fieldCount << 4);
  let p = line;
  let colon = line;
  if (phase) {
    p = start + load<i32>(state + (STATE_SCAN << 2));
    line = start + load<i32>(state + (STATE_LINE << 2));
    colon = start + load<i32>(state + (STATE_COLON << 2));
  } else {
    phase = PHASE_NAME;
  }
  // Up to here no line can be too long.
  const near = start + min(longest, size);
  while (phase != PHASE_FOLD) {
    if (phase == PHASE_NAME) {
      p = scanToken(p, to);
      // One test a line: the compiler makes better code of that than of a disjunction.
      if (p >= to) break;
      if (load<u8>(p) != 0x3a) break;
      if (p == line) break;
      colon = p;
      // The end of the line is sought from its beginning: that scan need not wait for the one of the name.
      p = line;
      phase = PHASE_VALUE;
    }
    p = scanValue(p, to);
    if (p + 2 > to) break;
    if (load<u16>(p) != CRLF) break;
    if (p + 2 > near) {
      if (p - line > longest) return start + size >= line + longest ? -RULE_FIELD_SIZE : -sizeRule;
      if (p + 2 - start > size) return -sizeRule;
    }
    if (field == last) return -RULE_FIELD_COUNT;
    const length = colon - line;
    const name = knownName(line, length);
    let value = colon + 1;
    if (load<u8>(value) == 0x20) ++value;
    let end = p;
    if (<u32>(load<u8>(value) <= 0x20) | <u32>(load<u8>(end - 1) <= 0x20)) {
      value = trim(value, end);
      end = valueEnd;
    }
    store<i32>(field, <i32>(line - start), FIELD_NAME_START << 2);
    store<i32>(field, <i32>(length | (name << 16)), FIELD_NAME << 2);
    store<i32>(field, <i32>(value - start), FIELD_VALUE_START << 2);
    store<i32>(field, <i32>(end - value), FIELD_VALUE_LENGTH << 2);
    field += 16;
    if (name - 1 < framing) {
      const rule = framing == NAME_FRAMING ? takeField(name, value, end) : RULE_TRAILER_FIELD;
      if (rule) return -rule;
    }
    line = p = p + 2;
    phase = PHASE_NAME;
  }
  fieldCount = <i32>((field - records) >> 4);
  return interruption(start, line, colon, p, to, state, phase, longest, size, sizeRule);
}

/** Says how many fields of the section are already there. */
export function setFieldCount(count: i32): void {
  fieldCount = count;
}
