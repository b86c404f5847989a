/** The records of FastCGI 1.0 (specification, sections 3 and 8). */

export const VERSION = 1;
export const HEADER_SIZE = 8;
/** Content of one record, in bytes: the most there may be. */
export const LARGEST = 65535;

// Types of records.
export const BEGIN_REQUEST = 1;
export const ABORT_REQUEST = 2;
const END_REQUEST = 3;
export const PARAMS = 4;
export const STDIN = 5;
export const STDOUT = 6;
export const STDERR = 7;
export const GET_VALUES = 9;
export const GET_VALUES_RESULT = 10;
const UNKNOWN_TYPE = 11;

export const ROLE_RESPONDER = 1;
/** Flag of BEGIN_REQUEST: the connection stays open after the request. */
export const KEEP_CONN = 1;

// Protocol status of END_REQUEST.
export const REQUEST_COMPLETE = 0;
export const CANT_MPX_CONN = 1;
export const UNKNOWN_ROLE = 3;

/** The header of a record without padding, one unit a byte. */
export function header(type: number, id: number, length: number): string {
  return String.fromCharCode(VERSION, type, id >> 8, id & 0xff, length >> 8, length & 0xff, 0, 0);
}

export function endRequest(id: number, protocolStatus: number): string {
  return `${header(END_REQUEST, id, 8)}\0\0\0\0${String.fromCharCode(protocolStatus)}\0\0\0`;
}

export function unknownType(type: number): string {
  return `${header(UNKNOWN_TYPE, 0, 8)}${String.fromCharCode(type)}\0\0\0\0\0\0\0`;
}

/** Name-value pairs as text, a unit a byte; names and values of at most 127 bytes. */
export function shortPairs(pairs: readonly (readonly [string, string])[]): string {
  return pairs.map(([name, value]) => String.fromCharCode(name.length, value.length) + name + value).join('');
}

/**
 * Reads name-value pairs (section 3.4): native strings, in an object with null prototype; of a name that comes twice
 * the last value. Null where the bytes end within a pair.
 */
export function readPairs(bytes: Buffer): Record<string, string> | null {
  const pairs: Record<string, string> = Object.create(null);
  let at = 0;
  const length = (): number => {
    if (at >= bytes.length) return -1;
    if (bytes[at] < 0x80) return bytes[at++];
    if (at + 4 > bytes.length) return -1;
    at += 4;
    return bytes.readUInt32BE(at - 4) & 0x7fffffff;
  };
  while (at < bytes.length) {
    const nameLength = length();
    const valueLength = length();
    if (nameLength < 0 || valueLength < 0 || at + nameLength + valueLength > bytes.length) return null;
    const value = at + nameLength;
    pairs[bytes.latin1Slice(at, value)] = bytes.latin1Slice(value, value + valueLength);
    at = value + valueLength;
  }
  return pairs;
}
