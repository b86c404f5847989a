// A request head (RFC 9112, 2 to 6): empty lines, request line, field section. Parsed in place in one call; when bytes
// are missing, HEAD_STATE and the head record say where the next call goes on.

import { isAuthority } from './authority';
import { PHASE_NAME, badValue, fieldCount, fieldLines, setFieldCount } from './fields';
import { firstFlags, settle } from './framing';
import {
  FLAG_ESCAPED_PATH,
  FLAG_HTTP_1_0,
  HEAD_AUTHORITY_LENGTH,
  HEAD_AUTHORITY_START,
  HEAD_FIELD_COUNT,
  HEAD_FLAGS,
  HEAD_LENGTH,
  HEAD_METHOD,
  HEAD_METHOD_LENGTH,
  HEAD_PATH_LENGTH,
  HEAD_PATH_START,
  HEAD_QUERY_LENGTH,
  HEAD_QUERY_START,
  HEAD_RECORD,
  HEAD_STATE,
  HEAD_TARGET_LENGTH,
  HEAD_TARGET_START,
  HEAD_WORDS,
  LIMITS,
  LIMIT_FIELDS,
  LIMIT_HEAD,
  LIMIT_LEADING,
  LIMIT_REQUEST_LINE,
  PHASE_LEADING,
  STATE_END,
  STATE_LEADING,
  STATE_PHASE,
  STATE_RESUME,
  STATE_SCAN,
  STATE_START,
} from './layout';
import { scanEscapedPath, scanPath, scanTarget, scanToken, scanValue } from './scan';
import {
  METHOD_CONNECT,
  METHOD_HEAD,
  METHOD_MULTIPLIER,
  METHOD_OPTIONS,
  METHOD_ROWS,
  METHOD_SLOTS,
  NAME_FRAMING,
  RULE_BARE_CR,
  RULE_BARE_LF,
  RULE_HEAD_SIZE,
  RULE_LEADING_LINES,
  RULE_METHOD,
  RULE_REQUEST_LINE,
  RULE_REQUEST_LINE_SIZE,
  RULE_TARGET_ASTERISK,
  RULE_TARGET_AUTHORITY,
  RULE_TARGET_CHARACTER,
  RULE_TARGET_CONNECT,
  RULE_TARGET_FORM,
  RULE_TARGET_SCHEME,
  RULE_VERSION,
  RULE_VERSION_UNSUPPORTED,
} from './tables';

// Phases of a head (values of STATE_PHASE) behind PHASE_LEADING; from PHASE_NAME on they are those of the field
// section.
const PHASE_METHOD = 1;
const PHASE_TARGET = 2;
const PHASE_VERSION = 3;

const FIELDS: usize = HEAD_RECORD + (HEAD_WORDS << 2);
const CRLF: u16 = 0x0a0d;
const HTTP: u32 = 0x70747468; // 'http'
const HTTP_1_1: u64 = 0x312e312f50545448; // 'HTTP/1.1'
const HTTP_1_0: u64 = 0x302e312f50545448;

@inline
function record(index: i32): i32 {
  return load<i32>(HEAD_RECORD + (index << 2));
}

@inline
function setRecord(index: i32, value: usize): void {
  store<i32>(HEAD_RECORD + (index << 2), <i32>value);
}

@inline
function setState(index: i32, value: usize): void {
  store<i32>(HEAD_STATE + (index << 2), <i32>value);
}

/** HEAD_METHOD of a method. */
@inline
function knownMethod(p: usize, length: usize): i32 {
  if (length > 16) return 0;
  const low = load<u64>(p) & (u64.MAX_VALUE >> ((8 - min<usize>(length, 8)) << 3));
  const high = length > 8 ? load<u64>(p + 8) & (u64.MAX_VALUE >> ((16 - length) << 3)) : 0;
  const method = load<u8>(METHOD_SLOTS + <usize>((low * METHOD_MULTIPLIER) >> 57));
  const row = METHOD_ROWS + ((<usize>method) << 4);
  return load<u64>(row) == low && load<u64>(row + 8) == high ? method : 0;
}

/** Splits an absolute-form target: scheme "://" authority, then a path up to `last` (RFC 9112, 3.2.2). */
function absoluteForm(start: usize, target: usize, last: usize, flags: i32): i32 {
  let p = target;
  // A scheme of letters alone, as http and https are; llhttp takes no others either.
  while (p < last && <u32>(load<u8>(p) | 32) - 0x61 < 26) ++p;
  if (p == target || p == last || load<u8>(p) != 0x3a) return RULE_TARGET_FORM;
  if (last - p < 3 || load<u16>(p + 1) != 0x2f2f) return RULE_TARGET_FORM;
  const authority = p + 3;
  let path = authority;
  while (path < last && load<u8>(path) != 0x2f) ++path;
  if (!isAuthority(authority, path, false)) return RULE_TARGET_AUTHORITY;
  // RFC 9110, 7.4. Secured connections end at a gateway in front of this server, so that https may be right; as a
  // scheme it is not taken over.
  const isHttps = p - target == 5 && (load<u8>(target + 4) | 0x20) == 0x73;
  if ((load<u32>(target) | 0x20202020) != HTTP || !(isHttps || p - target == 4)) return RULE_TARGET_SCHEME;
  flags &= ~FLAG_ESCAPED_PATH;
  for (p = path; p < last; ++p) if (load<u8>(p) == 0x25) flags |= FLAG_ESCAPED_PATH;
  setRecord(HEAD_FLAGS, flags);
  setRecord(HEAD_AUTHORITY_START, authority - start);
  setRecord(HEAD_AUTHORITY_LENGTH, path - authority);
  setRecord(HEAD_PATH_START, path - start);
  setRecord(HEAD_PATH_LENGTH, last - path);
  return 0;
}

/**
 * Tells apart the forms of a target that is not origin-form or that comes with CONNECT (RFC 9112, 3.2); `last` is the
 * end of its path, `end` its end. Returns the rule broken, or 0.
 */
function otherForm(start: usize, target: usize, last: usize, end: usize, method: i32, flags: i32): i32 {
  if (method == METHOD_CONNECT) {
    if (!isAuthority(target, end, true)) return RULE_TARGET_CONNECT;
    setRecord(HEAD_AUTHORITY_START, target - start);
    setRecord(HEAD_AUTHORITY_LENGTH, end - target);
    setRecord(HEAD_PATH_LENGTH, 0);
    setRecord(HEAD_FLAGS, flags & ~FLAG_ESCAPED_PATH);
    return 0;
  }
  if (load<u8>(target) == 0x2a) {
    if (end - target != 1) return RULE_TARGET_FORM;
    return method == METHOD_OPTIONS ? 0 : RULE_TARGET_ASTERISK;
  }
  return absoluteForm(start, target, last, flags);
}

/** The rule broken by a version that is not HTTP/1.1 and not HTTP/1.0. */
function badVersion(p: usize, end: usize): i32 {
  for (let q = p; q < end; ++q) if (load<u8>(q) == 0x20) return RULE_REQUEST_LINE;
  if (end - p != 8 || load<u32>(p) != <u32>HTTP_1_1 || load<u8>(p + 4) != 0x2f || load<u8>(p + 6) != 0x2e) return RULE_VERSION;
  if (<u32>load<u8>(p + 5) - 0x30 > 9 || <u32>load<u8>(p + 7) - 0x30 > 9) return RULE_VERSION;
  return RULE_VERSION_UNSUPPORTED;
}

/** Whether the request line is too long at `p`, where a scan has stopped. */
@inline
function isTooLong(start: usize, p: usize): bool {
  return p - start > load<u32>(LIMITS + (LIMIT_REQUEST_LINE << 2));
}

/** Refuses a request line that is broken at `p`. */
function refuse(rule: i32, start: usize, p: usize): i32 {
  return isTooLong(start, p) ? -RULE_REQUEST_LINE_SIZE : -rule;
}

/** Keeps where an incomplete head stopped. */
function suspend(phase: i32, start: usize, p: usize, to: usize): void {
  setState(STATE_PHASE, phase);
  setState(STATE_SCAN, p - start);
  setState(STATE_START, start);
  setState(STATE_END, to);
}

/**
 * Parses the request line from `p` on and fills in its part of the head record. Returns the address of the first field
 * line, 0 when more bytes are needed, or minus the rule broken.
 */
function requestLine(phase: i32, start: usize, p: usize, to: usize): i32 {
  let method = 0;
  let target = p;
  let query: usize = 0; // address after '?'
  let escaped = false;
  let end = p;
  if (phase > PHASE_METHOD) {
    method = record(HEAD_METHOD);
    target = start + record(HEAD_TARGET_START);
    query = record(HEAD_QUERY_START) ? start + record(HEAD_QUERY_START) : 0;
    escaped = record(HEAD_FLAGS) != 0;
    end = target + record(HEAD_TARGET_LENGTH);
  }

  if (phase <= PHASE_METHOD) {
    p = min(scanToken(p, to), to);
    if (p == to) {
      if (isTooLong(start, p)) return -RULE_REQUEST_LINE_SIZE;
      suspend(PHASE_METHOD, start, p, to);
      return 0;
    }
    const c = load<u8>(p);
    if (c != 0x20) return refuse(c == 0x0d || c == 0x0a ? RULE_REQUEST_LINE : RULE_METHOD, start, p);
    if (p == start) return -RULE_METHOD;
    method = knownMethod(start, p - start);
    target = ++p;
    setRecord(HEAD_METHOD, method);
    setRecord(HEAD_METHOD_LENGTH, target - start - 1);
    setRecord(HEAD_TARGET_START, target - start);
  }

  if (phase <= PHASE_TARGET) {
    if (!query) {
      if (!escaped) {
        p = scanPath(p, to);
        escaped = p < to && load<u8>(p) == 0x25;
      }
      if (escaped) p = scanEscapedPath(p, to);
      if (p < to && load<u8>(p) == 0x3f) query = ++p;
    }
    if (query) p = scanTarget(p, to);
    p = min(p, to);
    end = p;
    setRecord(HEAD_QUERY_START, query ? query - start : 0);
    setRecord(HEAD_TARGET_LENGTH, end - target);
    setRecord(HEAD_FLAGS, escaped);
    if (p == to) {
      if (isTooLong(start, p)) return -RULE_REQUEST_LINE_SIZE;
      suspend(PHASE_TARGET, start, p, to);
      return 0;
    }
    const c = load<u8>(p);
    if (c != 0x20) return refuse(c == 0x0d || c == 0x0a ? RULE_REQUEST_LINE : RULE_TARGET_CHARACTER, start, p);
    if (p == target) return refuse(RULE_REQUEST_LINE, start, p);
    ++p;
  }

  const version = end + 1;
  const text = load<u64>(version);
  // The usual line end is compared at once; `p` may be anywhere in the version when a call goes on here.
  if (version + 10 <= to && load<u16>(version + 8) == CRLF && (text == HTTP_1_1 || text == HTTP_1_0)) {
    p = version + 8;
  } else {
    p = min(scanValue(p, to), to);
    if (p == to || (load<u8>(p) == 0x0d && p + 1 == to)) {
      if (isTooLong(start, p)) return -RULE_REQUEST_LINE_SIZE;
      suspend(PHASE_VERSION, start, p, to);
      return 0;
    }
    if (p + 1 == to || load<u16>(p) != CRLF) return refuse(badValue(load<u8>(p)), start, p);
    if (p - version != 8 || (text != HTTP_1_1 && text != HTTP_1_0)) return refuse(badVersion(version, p), start, p);
  }
  if (isTooLong(start, p)) return -RULE_REQUEST_LINE_SIZE;

  const last = query ? query - 1 : end;
  const flags = firstFlags(text == HTTP_1_0, method == METHOD_HEAD, escaped);
  setRecord(HEAD_FLAGS, flags);
  setRecord(HEAD_PATH_START, target - start);
  setRecord(HEAD_PATH_LENGTH, last - target);
  setRecord(HEAD_QUERY_LENGTH, query ? end - query : 0);
  setRecord(HEAD_AUTHORITY_START, 0);
  setRecord(HEAD_AUTHORITY_LENGTH, 0);
  if (method == METHOD_CONNECT || load<u8>(target) != 0x2f) {
    const rule = otherForm(start, target, last, end, method, flags);
    if (rule) return -rule;
  }
  return <i32>(p + 2);
}

/**
 * Skips empty lines, of which `leading` are behind. Returns the address of the first byte after them; or 0 when only a
 * CR is there (then the state is kept), or minus the rule broken.
 */
function emptyLines(p: usize, to: usize, leading: u32): i32 {
  while (p < to) {
    const c = load<u8>(p);
    if (c == 0x0a) return -RULE_BARE_LF;
    if (c != 0x0d) break;
    if (p + 1 == to) {
      setState(STATE_LEADING, leading);
      suspend(PHASE_LEADING, p, p, to);
      return 0;
    }
    if (load<u8>(p + 1) != 0x0a) return -RULE_BARE_CR;
    if (++leading > load<u32>(LIMITS + (LIMIT_LEADING << 2))) return -RULE_LEADING_LINES;
    p += 2;
  }
  setState(STATE_LEADING, leading);
  return <i32>p;
}

/**
 * Parses the request head that begins at `from`; the input ends at `to`. Returns the address after the head, 0 when it
 * is incomplete, or minus the rule it breaks. With STATE_RESUME set, goes on with the head of which HEAD_STATE, the
 * head record and the bytes from `from` on are what the last call left.
 */
export function head(from: usize, to: usize): i32 {
  let phase = PHASE_LEADING;
  let start = from;
  let p = from;
  let leading: u32 = 0;
  setFieldCount(0);
  // For a refusal, whose answer depends on the method.
  setState(STATE_START, start);
  if (load<i32>(HEAD_STATE + (STATE_RESUME << 2))) {
    setState(STATE_RESUME, 0);
    phase = load<i32>(HEAD_STATE + (STATE_PHASE << 2));
    p += load<i32>(HEAD_STATE + (STATE_SCAN << 2));
    leading = load<u32>(HEAD_STATE + (STATE_LEADING << 2));
  }

  if (phase < PHASE_NAME) {
    if (phase == PHASE_LEADING && (leading || p == to || load<u8>(p) <= 0x0d)) {
      const first = emptyLines(p, to, leading);
      if (first <= 0) return first;
      start = p = <usize>first;
      setState(STATE_START, start);
      if (p == to) {
        suspend(PHASE_LEADING, start, p, to);
        return 0;
      }
    }
    const line = requestLine(phase, start, p, to);
    if (line <= 0) return line;
    p = <usize>line;
    phase = 0;
  } else {
    setFieldCount(record(HEAD_FIELD_COUNT));
  }

  const size = load<u32>(LIMITS + (LIMIT_HEAD << 2));
  const last = FIELDS + (<usize>load<u32>(LIMITS + (LIMIT_FIELDS << 2)) << 4);
  const after = fieldLines(start, p, to, HEAD_STATE, phase, FIELDS, last, NAME_FRAMING, size, RULE_HEAD_SIZE);
  if (after < 0) return after;
  setRecord(HEAD_FIELD_COUNT, fieldCount);
  if (!after) {
    setState(STATE_START, start);
    setState(STATE_END, to);
    return 0;
  }
  const rule = settle();
  if (rule) return -rule;
  setRecord(HEAD_LENGTH, <usize>after - start);
  return after;
}
