/** FastCGI as a front server speaks it: latin-1 text, a unit a byte. */
export const BEGIN_REQUEST = 1;
export const ABORT_REQUEST = 2;
export const END_REQUEST = 3;
export const PARAMS = 4;
export const STDIN = 5;
export const STDOUT = 6;
export const STDERR = 7;
export const DATA = 8;
export const GET_VALUES = 9;
export const GET_VALUES_RESULT = 10;
export const UNKNOWN_TYPE = 11;

export interface Record {
  type: number;
  id: number;
  content: string;
}

const bytes = (...values: number[]): string => String.fromCharCode(...values);

export function record(type: number, id: number, content = '', padding = 0): string {
  const header = bytes(1, type, id >> 8, id & 255, content.length >> 8, content.length & 255, padding, 0);
  return header + content + 'p'.repeat(padding);
}

export function begin(id: number, { role = 1, keep = true } = {}): string {
  return record(BEGIN_REQUEST, id, bytes(role >> 8, role & 255, keep ? 1 : 0, 0, 0, 0, 0, 0));
}

function length(value: number): string {
  return value < 128 ? bytes(value) : bytes((value >>> 24) | 128, (value >> 16) & 255, (value >> 8) & 255, value & 255);
}

export function pairs(variables: { [name: string]: string }): string {
  return Object.entries(variables)
    .map(([name, value]) => length(name.length) + length(value.length) + name + value)
    .join('');
}

/** A stream in records of at most `size` bytes, with the empty one at its end. */
export function stream(type: number, id: number, content: string, size = 65535): string {
  let text = '';
  for (let at = 0; at < content.length; at += size) text += record(type, id, content.slice(at, at + size));
  return text + record(type, id);
}

export const VARIABLES = {
  REQUEST_METHOD: 'GET',
  SCRIPT_NAME: '',
  PATH_INFO: '/',
  QUERY_STRING: '',
  REQUEST_URI: '/',
  SERVER_NAME: 'front',
  SERVER_PORT: '80',
  SERVER_PROTOCOL: 'HTTP/1.1',
  REMOTE_ADDR: '192.0.2.1',
};

/** A whole request. */
export function request(
  id: number,
  variables: { [name: string]: string } = {},
  { body = '', keep = true }: { body?: string; keep?: boolean } = {},
): string {
  const all: { [name: string]: string } = { ...VARIABLES, CONTENT_LENGTH: String(body.length), ...variables };
  return begin(id, { keep }) + stream(PARAMS, id, pairs(all)) + stream(STDIN, id, body);
}

/** The whole records at the start of what came back, and the text behind them. */
export function readRecords(text: string): { records: Record[]; rest: string } {
  const records: Record[] = [];
  let at = 0;
  const byte = (offset: number): number => text.charCodeAt(at + offset);
  while (at + 8 <= text.length && byte(0) === 1) {
    const size = byte(4) * 256 + byte(5);
    const end = at + 8 + size + byte(6);
    if (end > text.length) break;
    records.push({ type: byte(1), id: byte(2) * 256 + byte(3), content: text.slice(at + 8, at + 8 + size) });
    at = end;
  }
  return { records, rest: text.slice(at) };
}

/** The content of a stream of one request. */
export function contentOf(records: readonly Record[], type: number, id: number): string {
  return records
    .filter((one) => one.type === type && one.id === id)
    .map((one) => one.content)
    .join('');
}
