// The chunked decoder (RFC 9112, 7.1): one automaton over bytes, with all of its state in registers, so that it can be
// left and taken up at any byte. Payload is moved together in place. Blanks are allowed nowhere in a chunk size line:
// the grammar has them for bad senders only, and readers differ about them.

import { fieldCount, fieldLines, setFieldCount } from './fields';
import {
  CHUNKED_STATE,
  CHUNK_DATA_LENGTH,
  CHUNK_END,
  CHUNK_EXTENSIONS,
  CHUNK_LEFT_LOW,
  CHUNK_LINE,
  CHUNK_PHASE,
  CHUNK_TRAILER_COUNT,
  CHUNK_TRAILER_LENGTH,
  CHUNK_TRAILER_START,
  LIMITS,
  LIMIT_CHUNK_EXTENSIONS,
  LIMIT_CHUNK_LINE,
  LIMIT_FIELDS,
  LIMIT_TRAILER,
  MAX_TRAILERS,
  READ_AREA,
  STATE_PHASE,
  TRAILER_RECORD,
} from './layout';
import {
  CLASSES,
  CLASS_QUOTED,
  CLASS_TOKEN,
  CLASS_VALUE,
  NAME_ROUTING,
  RULE_CHUNK_END,
  RULE_CHUNK_EXTENSION,
  RULE_CHUNK_EXTENSION_TOTAL,
  RULE_CHUNK_LINE_SIZE,
  RULE_CHUNK_SIZE,
  RULE_CHUNK_SIZE_RANGE,
  RULE_TRAILER_SIZE,
} from './tables';

// Values of CHUNK_PHASE.
const SIZE_START = 0;
const SIZE = 1;
const EXTENSION_START = 2;
const EXTENSION_NAME = 3;
const EXTENSION_VALUE_START = 4;
const EXTENSION_VALUE = 5;
const EXTENSION_QUOTED = 6;
const EXTENSION_QUOTED_PAIR = 7;
const EXTENSION_END = 8;
const LINE_FEED = 9;
const DATA = 10;
const DATA_CR = 11;
const DATA_LF = 12;
const TRAILER = 13;
const DONE = 14;

const MAX_SAFE: u64 = 0x1fffffffffffff;

@inline
function register(index: i32): i32 {
  return load<i32>(CHUNKED_STATE + (index << 2));
}

@inline
function setRegister(index: i32, value: usize): void {
  store<i32>(CHUNKED_STATE + (index << 2), <i32>value);
}

/** Value of a hexadecimal digit, or more than 15. */
@inline
function hex(c: u32): u32 {
  const digit = c - 0x30;
  if (digit < 10) return digit;
  const letter = (c | 32) - 0x61;
  return letter < 6 ? letter + 10 : 16;
}

/** The phase after a byte of a chunk size line that is no digit, or minus the rule it breaks. */
function extension(phase: i32, c: u8): i32 {
  const kind = load<u8>(CLASSES + c);
  switch (phase) {
    case SIZE:
    case EXTENSION_END:
      if (c == 0x3b) return EXTENSION_START;
      return c == 0x0d ? LINE_FEED : -RULE_CHUNK_EXTENSION;
    case EXTENSION_START:
      return kind & CLASS_TOKEN ? EXTENSION_NAME : -RULE_CHUNK_EXTENSION;
    case EXTENSION_NAME:
      if (kind & CLASS_TOKEN) return EXTENSION_NAME;
      if (c == 0x3d) return EXTENSION_VALUE_START;
      return extension(EXTENSION_END, c);
    case EXTENSION_VALUE_START:
      if (c == 0x22) return EXTENSION_QUOTED;
      return kind & CLASS_TOKEN ? EXTENSION_VALUE : -RULE_CHUNK_EXTENSION;
    case EXTENSION_VALUE:
      return kind & CLASS_TOKEN ? EXTENSION_VALUE : extension(EXTENSION_END, c);
    case EXTENSION_QUOTED:
      if (c == 0x22) return EXTENSION_END;
      if (c == 0x5c) return EXTENSION_QUOTED_PAIR;
      return kind & CLASS_QUOTED ? EXTENSION_QUOTED : -RULE_CHUNK_EXTENSION;
    case EXTENSION_QUOTED_PAIR:
      return kind & CLASS_VALUE ? EXTENSION_QUOTED : -RULE_CHUNK_EXTENSION;
    default:
      return -RULE_CHUNK_EXTENSION;
  }
}

/** The trailer section. What is unfinished is moved to end at READ_AREA, where the next bytes will join it. */
function trailer(p: usize, to: usize): i32 {
  const before = <usize>register(CHUNK_TRAILER_LENGTH);
  const start = p - before;
  const phase = before ? register(STATE_PHASE) : 0;
  setFieldCount(before ? register(CHUNK_TRAILER_COUNT) : 0);
  const size = load<u32>(LIMITS + (LIMIT_TRAILER << 2));
  const most = min<usize>(load<u32>(LIMITS + (LIMIT_FIELDS << 2)), MAX_TRAILERS);
  const last = <usize>TRAILER_RECORD + (most << 4);
  const after = fieldLines(start, start, to, CHUNKED_STATE, phase, TRAILER_RECORD, last, NAME_ROUTING, size, RULE_TRAILER_SIZE);
  if (after < 0) return after;
  setRegister(CHUNK_TRAILER_COUNT, fieldCount);
  if (!after) {
    memory.copy(<usize>READ_AREA - (to - start), start, to - start);
    setRegister(CHUNK_TRAILER_LENGTH, to - start);
    setRegister(CHUNK_END, to);
    return 0;
  }
  setRegister(CHUNK_TRAILER_LENGTH, 0);
  setRegister(CHUNK_TRAILER_START, start);
  setRegister(CHUNK_END, after);
  setRegister(CHUNK_PHASE, DONE);
  return 1;
}

/** Sets the registers for the first byte of a chunked body. */
export function beginBody(): void {
  setRegister(CHUNK_PHASE, SIZE_START);
  setRegister(CHUNK_EXTENSIONS, 0);
  setRegister(CHUNK_TRAILER_LENGTH, 0);
  setRegister(CHUNK_TRAILER_COUNT, 0);
}

/**
 * Decodes from `from` to `to` and leaves the payload of this run at `from`, CHUNK_DATA_LENGTH bytes; CHUNK_END is the
 * address of the first byte not consumed. Returns 1 at the end of the body, 0 when more bytes are needed (all are
 * consumed then), or minus the rule broken.
 */
export function body(from: usize, to: usize): i32 {
  let p = from;
  let write = from;
  let phase = register(CHUNK_PHASE);
  let left = load<u64>(CHUNKED_STATE + (CHUNK_LEFT_LOW << 2), 0, 4);
  let line: u32 = register(CHUNK_LINE);
  let rule = 0;
  const lineLimit = load<u32>(LIMITS + (LIMIT_CHUNK_LINE << 2));

  while (p < to) {
    if (phase == DATA) {
      const length = <usize>min<u64>(left, to - p);
      if (write != p) memory.copy(write, p, length);
      write += length;
      p += length;
      left -= length;
      if (!left) phase = DATA_CR;
      continue;
    }
    if (phase == TRAILER || phase == DONE) break;
    const c = load<u8>(p++);
    if (phase <= SIZE) {
      const digit = hex(c);
      if (digit < 16) {
        if (phase == SIZE_START) {
          phase = SIZE;
          left = 0;
          line = 0;
        }
        if (++line > lineLimit) rule = RULE_CHUNK_LINE_SIZE;
        else if (left > MAX_SAFE >> 4) rule = RULE_CHUNK_SIZE_RANGE;
        if (rule) break;
        left = (left << 4) | digit;
        continue;
      }
      if (phase == SIZE_START) {
        rule = RULE_CHUNK_SIZE;
        break;
      }
    }
    if (phase < LINE_FEED) {
      phase = extension(phase, c);
      if (phase < 0) {
        rule = -phase;
        break;
      }
      if (phase == LINE_FEED) continue;
      const extensions = register(CHUNK_EXTENSIONS) + 1;
      setRegister(CHUNK_EXTENSIONS, extensions);
      if (++line > lineLimit) rule = RULE_CHUNK_LINE_SIZE;
      else if (<u32>extensions > load<u32>(LIMITS + (LIMIT_CHUNK_EXTENSIONS << 2))) rule = RULE_CHUNK_EXTENSION_TOTAL;
      if (rule) break;
    } else if (phase == LINE_FEED) {
      if (c != 0x0a) {
        rule = RULE_CHUNK_EXTENSION;
        break;
      }
      phase = left ? DATA : TRAILER;
    } else {
      if (c != (phase == DATA_CR ? 0x0d : 0x0a)) {
        rule = RULE_CHUNK_END;
        break;
      }
      phase = phase == DATA_CR ? DATA_LF : SIZE_START;
    }
  }

  setRegister(CHUNK_DATA_LENGTH, write - from);
  if (rule) return -rule;
  setRegister(CHUNK_PHASE, phase);
  store<u64>(CHUNKED_STATE + (CHUNK_LEFT_LOW << 2), left, 0, 4);
  setRegister(CHUNK_LINE, line);
  setRegister(CHUNK_END, p);
  if (phase == DONE) return 1;
  return phase == TRAILER && p < to ? trailer(p, to) : 0;
}
