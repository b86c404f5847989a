import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  isNativeString,
  latin1Decode,
  latin1Encode,
  nativeToText,
  pathText,
  percentDecode,
  percentDecodeBytes,
  percentEncodeBytes,
  textToNative,
} from '../../src/rules/native-strings.ts';

const anyBytes = fc.uint8Array({ maxLength: 300 });

describe('U-50 native strings', () => {
  test('every byte string survives the way there and back', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(latin1Encode(latin1Decode(bytes))).toEqual(bytes);
      }),
    );
  });

  test('the 0x80 to 0x9F range is not windows-1252 (G-07)', () => {
    expect(latin1Decode(Uint8Array.of(0x80, 0x9f))).toBe('\x80\x9f');
  });

  test('a unit above U+00FF throws, naming unit and place (G-91)', () => {
    expect(() => latin1Encode('ab\u010d')).toThrow(/U\+010D at index 2/);
    expect(isNativeString('\xff\0')).toBe(true);
    expect(isNativeString('\u0100')).toBe(false);
    expect(isNativeString('😀')).toBe(false);
  });

  test('the bytes have a buffer of their own', () => {
    expect(latin1Encode('abc').buffer.byteLength).toBe(3);
  });

  test('A-19 pathText reads the bytes of PATH_INFO as UTF-8', () => {
    expect(pathText({ PATH_INFO: '/\xc3\xa9' })).toBe('/é');
    expect(pathText({ PATH_INFO: '/\xe9' })).toBe('/\ufffd');
    expect(pathText({})).toBe('');
  });

  test('text survives the way to a native string and back', { timeout: 30_000 }, () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(nativeToText(textToNative(text))).toBe(text);
      }),
    );
  });

  test('percent-encoding and decoding are inverse for all bytes', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(percentDecodeBytes(percentEncodeBytes(bytes))).toEqual(bytes);
      }),
    );
  });

  test.each([
    ['/sp\u00e4m', '/sp%E4m'],
    ['/a b', '/a%20b'],
    ['a_.~-Z9/', 'a_.~-Z9/'],
    ['%', '%25'],
    ['@', '%40'],
  ])('U-03 %j is encoded as %s', (native, encoded) => {
    expect(percentEncodeBytes(native)).toBe(encoded);
  });

  test('U-03 safe characters stay, a unit above U+00FF throws', () => {
    expect(percentEncodeBytes('/;=,', ';=,')).toBe('%2F;=,');
    expect(() => percentEncodeBytes('€')).toThrow(RangeError);
  });

  test('G-16 malformed escapes stay as they are', () => {
    for (const text of ['%', '%4', '%zz', '%4g', 'a%', '%%', '+']) expect(percentDecode(text)).toBe(text);
    expect(percentDecode('%41%4')).toBe('A%4');
    expect(percentDecode('%4%41')).toBe('%4A');
  });

  test('G-15 decoding agrees with a plain model', () => {
    const part = fc.constantFrom('%', '4', '1', 'e', 'E', '9', 'g', '%C3', '/');
    fc.assert(
      fc.property(
        fc.array(part).map((parts) => parts.join('')),
        (text) => {
          const model = text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
          expect(percentDecode(text)).toBe(model);
        },
      ),
    );
  });

  test('decoding takes linear time', () => {
    expect(percentDecode('%41'.repeat(200_000))).toHaveLength(200_000);
    expect(percentDecode('%'.repeat(200_000))).toHaveLength(200_000);
  });
});
