// What a request's fields say about its framing (RFC 9112, 6 and 9; RFC 9110, 7.2, 7.6.1, 7.8, 10.1.1). Each of these
// fields is looked at when its line is complete; what depends on several of them is settled at the end of the head.

import { isAuthority } from './authority';
import {
  FLAG_CHUNKED,
  FLAG_CONTENT_LENGTH,
  FLAG_ESCAPED_PATH,
  FLAG_EXPECT_CONTINUE,
  FLAG_HEAD_METHOD,
  FLAG_HTTP_1_0,
  FLAG_KEEP_ALIVE,
  FLAG_UPGRADE,
  HEAD_CONTENT_LENGTH_HIGH,
  HEAD_CONTENT_LENGTH_LOW,
  HEAD_FLAGS,
  HEAD_METHOD,
  HEAD_RECORD,
} from './layout';
import {
  CLASSES,
  CLASS_TOKEN,
  METHOD_CONNECT,
  NAME_CONNECTION,
  NAME_CONTENT_LENGTH,
  NAME_EXPECT,
  NAME_HOST,
  NAME_TRANSFER_ENCODING,
  RULE_CONNECT_CONTENT,
  RULE_CONTENT_LENGTH,
  RULE_CONTENT_LENGTH_REPEATED,
  RULE_CONTENT_LENGTH_SIZE,
  RULE_EXPECTATION,
  RULE_HOST,
  RULE_HOST_MISSING,
  RULE_HOST_REPEATED,
  RULE_TRANSFER_ENCODING,
  RULE_TRANSFER_ENCODING_FINAL,
  RULE_TRANSFER_ENCODING_LENGTH,
  RULE_TRANSFER_ENCODING_UNKNOWN,
  RULE_TRANSFER_ENCODING_VERSION,
} from './tables';

// Bits of HEAD_FLAGS while a head is being parsed, above the public ones.
const HOST_SEEN = 1 << 16;
const CONNECTION_CLOSE = 1 << 17;
const CONNECTION_KEEP_ALIVE = 1 << 18;
const CONNECTION_UPGRADE = 1 << 19;
const UPGRADE_SEEN = 1 << 20;
const CODING_SEEN = 1 << 21;
const CODING_CHUNKED_LAST = 1 << 22; // the last coding so far is chunked
const CODING_CHUNKED = 1 << 23; // one of the codings is chunked
const CODING_CHUNKED_TWICE = 1 << 24;
const CODING_OTHER = 1 << 25;

const PUBLIC = 0xff;
const MAX_SAFE: u64 = 0x1fffffffffffff;

// Words of eight letters at most, compared in lower case.
const CLOSE: u64 = 0x65736f6c63; // 'close'
const CHUNKED: u64 = 0x64656b6e756863; // 'chunked'
const UPGRADE: u64 = 0x65646172677075; // 'upgrade'
const KEEP: u64 = 0x696c612d7065656b; // 'keep-ali'
const ALIVE: u64 = 0x6576; // 've'
const CONTINUE_1: u64 = 0x6e6f632d303031; // '100-con'
const CONTINUE_2: u64 = 0x65756e69746e6f63; // 'continue'
const LOWER: u64 = 0x2020202020202020;

/** The first `length` bytes (1 to 8) in lower case, as a word. */
@inline
function lower(p: usize, length: usize): u64 {
  return (load<u64>(p) | LOWER) & (u64.MAX_VALUE >> ((8 - length) << 3));
}

/** Public and internal bits at the start of a field section. */
export function firstFlags(old: bool, head: bool, escaped: bool): i32 {
  return (old ? FLAG_HTTP_1_0 : 0) | (head ? FLAG_HEAD_METHOD : 0) | (escaped ? FLAG_ESCAPED_PATH : 0);
}

function contentLength(p: usize, to: usize, flags: i32): i32 {
  if (flags & FLAG_CONTENT_LENGTH) return RULE_CONTENT_LENGTH_REPEATED;
  if (p == to) return RULE_CONTENT_LENGTH;
  let length: u64 = 0;
  let large = false;
  for (; p < to; ++p) {
    const digit = <u32>load<u8>(p) - 0x30;
    if (digit > 9) return RULE_CONTENT_LENGTH;
    length = length * 10 + digit;
    if (length > MAX_SAFE) {
      large = true;
      length = 0;
    }
  }
  if (large) return RULE_CONTENT_LENGTH_SIZE;
  store<i32>(HEAD_RECORD + (HEAD_CONTENT_LENGTH_LOW << 2), <i32>length);
  store<i32>(HEAD_RECORD + (HEAD_CONTENT_LENGTH_HIGH << 2), <i32>(length >> 32));
  store<i32>(HEAD_RECORD + (HEAD_FLAGS << 2), flags | FLAG_CONTENT_LENGTH);
  return 0;
}

/** Codings without parameters and with commas between; an empty element is refused, because readers differ about it. */
function transferEncoding(p: usize, to: usize, flags: i32): i32 {
  flags |= CODING_SEEN;
  for (;;) {
    const coding = p;
    while (p < to && load<u8>(CLASSES + load<u8>(p)) & CLASS_TOKEN) ++p;
    const length = p - coding;
    if (!length) return RULE_TRANSFER_ENCODING;
    if (length == 7 && lower(coding, 7) == CHUNKED) {
      if (flags & CODING_CHUNKED) flags |= CODING_CHUNKED_TWICE;
      flags |= CODING_CHUNKED | CODING_CHUNKED_LAST;
    } else {
      flags = (flags | CODING_OTHER) & ~CODING_CHUNKED_LAST;
    }
    while (p < to && (load<u8>(p) == 0x20 || load<u8>(p) == 0x09)) ++p;
    if (p == to) break;
    if (load<u8>(p++) != 0x2c) return RULE_TRANSFER_ENCODING;
    while (p < to && (load<u8>(p) == 0x20 || load<u8>(p) == 0x09)) ++p;
  }
  store<i32>(HEAD_RECORD + (HEAD_FLAGS << 2), flags);
  return 0;
}

function connection(p: usize, to: usize, flags: i32): i32 {
  if (to - p == 10 && lower(p, 8) == KEEP && lower(p + 8, 2) == ALIVE) {
    store<i32>(HEAD_RECORD + (HEAD_FLAGS << 2), flags | CONNECTION_KEEP_ALIVE);
    return 0;
  }
  while (p < to) {
    let c = load<u8>(p);
    if (c == 0x2c || c == 0x20 || c == 0x09) {
      ++p;
      continue;
    }
    const option = p;
    while (p < to && load<u8>(p) != 0x2c) ++p;
    let end = p;
    while (((c = load<u8>(end - 1)), c == 0x20 || c == 0x09)) --end;
    const length = end - option;
    if (length == 5 && lower(option, 5) == CLOSE) flags |= CONNECTION_CLOSE;
    else if (length == 7 && lower(option, 7) == UPGRADE) flags |= CONNECTION_UPGRADE;
    else if (length == 10 && lower(option, 8) == KEEP && lower(option + 8, 2) == ALIVE) flags |= CONNECTION_KEEP_ALIVE;
  }
  store<i32>(HEAD_RECORD + (HEAD_FLAGS << 2), flags);
  return 0;
}

function expectation(p: usize, to: usize, flags: i32): i32 {
  if (flags & FLAG_HTTP_1_0) return 0;
  if (to - p != 12 || lower(p, 7) != CONTINUE_1 || lower(p + 4, 8) != CONTINUE_2) return RULE_EXPECTATION;
  store<i32>(HEAD_RECORD + (HEAD_FLAGS << 2), flags | FLAG_EXPECT_CONTINUE);
  return 0;
}

/** Takes in a field that matters here; returns the rule it breaks, or 0. */
export function takeField(name: u32, p: usize, to: usize): i32 {
  const flags = load<i32>(HEAD_RECORD + (HEAD_FLAGS << 2));
  if (name == NAME_HOST) {
    if (flags & HOST_SEEN) return RULE_HOST_REPEATED;
    if (p != to && !isAuthority(p, to, false)) return RULE_HOST;
    store<i32>(HEAD_RECORD + (HEAD_FLAGS << 2), flags | HOST_SEEN);
    return 0;
  }
  if (name == NAME_CONNECTION) return connection(p, to, flags);
  if (name == NAME_CONTENT_LENGTH) return contentLength(p, to, flags);
  if (name == NAME_TRANSFER_ENCODING) return transferEncoding(p, to, flags);
  if (name == NAME_EXPECT) return expectation(p, to, flags);
  store<i32>(HEAD_RECORD + (HEAD_FLAGS << 2), flags | UPGRADE_SEEN);
  return 0;
}

/** Settles the framing at the end of a head and leaves the public flags; returns the rule broken, or 0. */
export function settle(): i32 {
  let flags = load<i32>(HEAD_RECORD + (HEAD_FLAGS << 2));
  const old = (flags & FLAG_HTTP_1_0) != 0;
  if (!(flags & HOST_SEEN) && !old) return RULE_HOST_MISSING;
  if (flags & CODING_SEEN) {
    if (old) return RULE_TRANSFER_ENCODING_VERSION;
    if (flags & FLAG_CONTENT_LENGTH) return RULE_TRANSFER_ENCODING_LENGTH;
    if (flags & CODING_CHUNKED_TWICE || (flags & CODING_CHUNKED && !(flags & CODING_CHUNKED_LAST))) {
      return RULE_TRANSFER_ENCODING_FINAL;
    }
    if (flags & CODING_OTHER) return RULE_TRANSFER_ENCODING_UNKNOWN;
    flags |= FLAG_CHUNKED;
  }
  // Readers differ about where the content of CONNECT ends.
  if (load<i32>(HEAD_RECORD + (HEAD_METHOD << 2)) == METHOD_CONNECT && flags & (FLAG_CHUNKED | FLAG_CONTENT_LENGTH)) {
    return RULE_CONNECT_CONTENT;
  }
  if (!(flags & CONNECTION_CLOSE) && (!old || flags & CONNECTION_KEEP_ALIVE)) flags |= FLAG_KEEP_ALIVE;
  if (!old && flags & UPGRADE_SEEN && flags & CONNECTION_UPGRADE) flags |= FLAG_UPGRADE;
  store<i32>(HEAD_RECORD + (HEAD_FLAGS << 2), flags & PUBLIC);
  return 0;
}
