// A field section (RFC 9112, 5), of a head or of a trailer: field lines up to the empty line, resumable at any byte.

import { takeField } from './framing';
import {
  FIELD_NAME,
  FIELD_NAME_START,
  FIELD_VALUE_LENGTH,
  FIELD_VALUE_START,
  LIMITS,
  LIMIT_FIELDS,
  LIMIT_FIELD_LINE,
  MAX_FIELDS,
  MAX_TRAILERS,
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
} from './tables';

// Phases of a field section (values of STATE_PHASE). Those of a request line are smaller (see request-head.ts).
export const PHASE_NAME = 8;
export const PHASE_VALUE = 9;
export const PHASE_FOLD = 10; // in a line that begins with a blank, which is refused at its end

const CRLF: u16 = 0x0a0d;

/** Number of fields found so far in the section; survives the end of the call. */
export let fieldCount: i32 = 0;

/** Index of a known field name, or 0. The two bytes before a short name are always CR LF. */
// @ts-ignore: decorator
@inline
function knownName(p: usize, length: usize): u32 {
  const tail: u32 = load<u32>(p + length - 4) | 0x20202020;
  const ends = <u32>length + ((<u32>load<u8>(p) | 0x20) << 8);
  const slot = ((tail + ends * 0x01000193) * NAME_MULTIPLIER) >> 23;
  const name: u32 = load<u8>(NAME_SLOTS + slot);
  if (load<u8>(NAME_LENGTHS + name) != length) return 0;
  // Letters, digits and hyphens are what a token can hold whose bytes with 0x20 set are those of a known name.
  let row = NAME_ROWS + (name << 5);
  let left = length;
  while (left >= 8) {
    if ((load<u64>(p) | 0x2020202020202020) != load<u64>(row)) return 0;
    p += 8;
    row += 8;
    left -= 8;
  }
  const mask: u64 = ((<u64>1) << (left << 3)) - 1;
  return ((load<u64>(p) | 0x2020202020202020) & mask) == load<u64>(row) ? name : 0;
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

/**
 * Parses field lines from `line` (or from where `state` says, unless `phase` is 0) to the empty line and records them
 * from `records` on, with offsets from `start`. At most `size` bytes from `start` belong to the section; `sizeRule` is
 * broken by more. Returns the address after the empty line, 0 when more bytes are needed (`state` says where to go on),
 * or minus the rule broken. A limit is judged where a scan stops, so that the pieces in which bytes arrive make no
 * difference.
 */
export function fieldLines(
  start: usize,
  line: usize,
  to: usize,
  state: usize,
  phase: i32,
  records: usize,
  size: usize,
  sizeRule: i32,
  head: bool,
): i32 {
  const most = min(load<u32>(LIMITS + (LIMIT_FIELDS << 2)), <u32>(head ? MAX_FIELDS : MAX_TRAILERS));
  const longest = <usize>load<i32>(LIMITS + (LIMIT_FIELD_LINE << 2));
  let p = line;
  let colon = line;
  let rule = 0;
  let count: u32 = fieldCount;
  let field = records + (count << 4);
  if (phase) {
    p = start + load<i32>(state + (STATE_SCAN << 2));
    line = start + load<i32>(state + (STATE_LINE << 2));
    colon = start + load<i32>(state + (STATE_COLON << 2));
  } else {
    phase = PHASE_NAME;
  }
  for (;;) {
    if (phase == PHASE_NAME) {
      p = scanToken(p, to);
      if (p == to) break;
      const c = load<u8>(p);
      if (c == 0x3a && p != line) {
        colon = p++;
      } else if (p == line && c == 0x0d) {
        if (p + 1 == to) break;
        if (load<u8>(p + 1) != 0x0a) {
          rule = RULE_BARE_CR;
          break;
        }
        if (p + 2 - start > size) {
          rule = sizeRule;
          break;
        }
        fieldCount = count;
        return <i32>(p + 2);
      } else if (p == line && (c == 0x20 || c == 0x09)) {
        phase = PHASE_FOLD;
      } else {
        rule = badName(c, p == line);
        break;
      }
    }
    p = scanValue(p, to);
    if (p + 2 > to) {
      if (p < to && load<u8>(p) != 0x0d) rule = badValue(load<u8>(p));
      if (phase == PHASE_NAME) phase = PHASE_VALUE;
      break;
    }
    if (load<u16>(p) != CRLF) {
      rule = badValue(load<u8>(p));
      break;
    }
    if (phase == PHASE_FOLD) {
      rule = RULE_FIELD_FOLD;
      break;
    }
    if (p - line > longest || p - start > size) break;
    if (count == most) {
      rule = RULE_FIELD_COUNT;
      break;
    }
    let value = colon + 1;
    let end = p;
    let c: u32 = 0;
    while (value < end && ((c = load<u8>(value)), c == 0x20 || c == 0x09)) ++value;
    while (end > value && ((c = load<u8>(end - 1)), c == 0x20 || c == 0x09)) --end;
    const length = colon - line;
    const name = knownName(line, length);
    store<i32>(field + (FIELD_NAME_START << 2), <i32>(line - start));
    store<i32>(field + (FIELD_NAME << 2), <i32>(length | (name << 16)));
    store<i32>(field + (FIELD_VALUE_START << 2), <i32>(value - start));
    store<i32>(field + (FIELD_VALUE_LENGTH << 2), <i32>(end - value));
    field += 16;
    ++count;
    if (head && name - 1 < NAME_FRAMING) {
      rule = takeField(name, value, end);
      if (rule) break;
    }
    line = p = p + 2;
    phase = PHASE_NAME;
  }
  if (p - line > longest && start + size >= line + longest) return -RULE_FIELD_SIZE;
  if (p - start > size) return -sizeRule;
  if (rule) return -rule;
  fieldCount = count;
  store<i32>(state + (STATE_PHASE << 2), phase);
  store<i32>(state + (STATE_SCAN << 2), <i32>(p - start));
  store<i32>(state + (STATE_LINE << 2), <i32>(line - start));
  store<i32>(state + (STATE_COLON << 2), <i32>(colon - start));
  return 0;
}

/** Says how many fields of the section are already there. */
export function setFieldCount(count: i32): void {
  fieldCount = count;
}
