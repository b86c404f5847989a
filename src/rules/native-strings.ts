/**
 * Native strings: JS strings whose every unit is at most U+00FF, one unit for each byte (PEP 3333, Unicode Issues).
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: the whole range of bytes is meant
const ABOVE_LATIN1 = /[^\x00-\xff]/;

/** The value of a hexadecimal digit by its character code, -1 for any other unit. */
const HEX = new Int8Array(256).fill(-1);
for (let i = 0; i < 16; i++) {
  HEX[i.toString(16).charCodeAt(0)] = i;
  HEX[i.toString(16).toUpperCase().charCodeAt(0)] = i;
}

/** 1 for each unit that RFC 3986, 2.3 calls unreserved. */
const UNRESERVED = new Uint8Array(256);
for (const unit of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~-')
  UNRESERVED[unit.charCodeAt(0)] = 1;

const DIGITS = Buffer.from('0123456789ABCDEF');

/** Whether every unit of `text` is at most U+00FF. */
export function isNativeString(text: string): boolean {
  return !ABOVE_LATIN1.test(text);
}

/**
 * The bytes of a native string (U-50).
 *
 * @throws RangeError for a unit above U+00FF; cutting it to its low byte is how U+010D U+010A becomes CR LF (G-91)
 */
export function latin1Encode(text: string): Uint8Array {
  const found = ABOVE_LATIN1.exec(text);
  if (found !== null) {
    const unit = found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    throw new RangeError(`not a native string: U+${unit} at index ${found.index} is above U+00FF`);
  }
  const bytes = new Uint8Array(text.length);
  Buffer.from(bytes.buffer).write(text, 'latin1');
  return bytes;
}

/** The native string of some bytes (U-50). `TextDecoder('latin1')` is windows-1252 and would not do (G-07). */
export function latin1Decode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** A native string that holds UTF-8, as text; malformed sequences become U+FFFD. */
export function nativeToText(native: string): string {
  // `latin1Encode` has allocated it: not shared.
  return Buffer.from(latin1Encode(native).buffer as ArrayBuffer).toString('utf8');
}

/** Text as a native string that holds its UTF-8. */
export function textToNative(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** `PATH_INFO` as text: its bytes read as UTF-8, malformed sequences as U+FFFD (A-19, U-50). */
export function pathText(environ: { PATH_INFO?: string }): string {
  return nativeToText(environ.PATH_INFO ?? '');
}

/**
 * Percent-decoding of a native string to a native string: `%C3%A9` gives U+00C3 U+00A9. `+` and malformed escapes stay
 * as they are written (G-15, G-16). Linear in the length.
 */
export function percentDecode(text: string): string {
  let at = text.indexOf('%');
  if (at < 0) return text;
  let result = '';
  let from = 0;
  while (at >= 0) {
    const high = at + 2 < text.length ? HEX[text.charCodeAt(at + 1)] : -1;
    const low = high >= 0 ? HEX[text.charCodeAt(at + 2)] : -1;
    if (high >= 0 && low >= 0) {
      result += text.substring(from, at) + String.fromCharCode(high * 16 + low);
      from = at + 3;
      at = text.indexOf('%', from);
    } else {
      at = text.indexOf('%', at + 1);
    }
  }
  return result + text.substring(from);
}

/** As `percentDecode`, to bytes (U-50). */
export function percentDecodeBytes(text: string): Uint8Array {
  return latin1Encode(percentDecode(text));
}

/**
 * Percent-encodes bytes, or the bytes of a native string (U-03, U-50). Letters, digits and `_ . - ~` stay, and so does
 * every character of `safe`.
 *
 * @throws RangeError for a unit above U+00FF
 */
export function percentEncodeBytes(bytes: Uint8Array | string, safe = '/'): string {
  const native = typeof bytes === 'string' ? bytes : latin1Decode(bytes);
  if (ABOVE_LATIN1.test(native)) latin1Encode(native);
  const stays = (at: number): boolean => UNRESERVED[native.charCodeAt(at)] === 1 || safe.includes(native[at]);
  let from = 0;
  while (from < native.length && stays(from)) from++;
  if (from === native.length) return native;
  // Bytes and not a text that grows: one of many small parts takes the collector more than linear time.
  const encoded = Buffer.allocUnsafe(3 * native.length);
  let size = encoded.write(native.substring(0, from), 'latin1');
  for (let at = from; at < native.length; at++) {
    const unit = native.charCodeAt(at);
    if (stays(at)) {
      encoded[size++] = unit;
    } else {
      encoded[size++] = 0x25; // %
      encoded[size++] = DIGITS[unit >> 4];
      encoded[size++] = DIGITS[unit & 15];
    }
  }
  return encoded.toString('latin1', 0, size);
}

/** Text that is a part of a URI, with all that may not stand in one (RFC 3986, 2) percent-encoded, as UTF-8. */
export function percentEncodeRest(text: string): string {
  return text.replace(/[^\x21-\x7e]+/g, (rest) => percentEncodeBytes(textToNative(rest), ''));
}
