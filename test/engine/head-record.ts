/** Head records as the parser would leave them, from a head written out: for tests of the environ without wasm. */
import {
  FIELD_NAME,
  FIELD_NAME_START,
  FIELD_VALUE_LENGTH,
  FIELD_VALUE_START,
  FIELD_WORDS,
  FLAG_CHUNKED,
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
  HEAD_TARGET_LENGTH,
  HEAD_TARGET_START,
  HEAD_WORDS,
} from '../../assembly/layout.ts';

export const METHODS: readonly string[] = ['', 'DELETE', 'GET', 'HEAD', 'POST', 'OPTIONS'];

export const FIELD_NAMES: readonly string[] = [
  '',
  'host',
  'content-length',
  'transfer-encoding',
  'content-type',
  'cookie',
  'accept',
  'user-agent',
  'proxy',
];

export interface HeadRecord {
  text: string;
  textStart: number;
  words: Int32Array;
  record: number;
}

/**
 * @param head request line and field lines, separated by newlines
 * @param before native text in front of the head, as when several requests share one string
 * @param names of the fields that the record knows by number
 */
export function headRecord(head: string, before = '', names = FIELD_NAMES): HeadRecord {
  const lines = head.split('\n');
  const [method, target, version] = lines[0].split(' ');
  const fields = lines.slice(1);
  const at = 3; // records need not begin at 0
  const words = new Int32Array(at + HEAD_WORDS + fields.length * FIELD_WORDS);
  const text = `${before}${lines.join('\r\n')}\r\n\r\n`;
  words[at + HEAD_LENGTH] = text.length - before.length;
  words[at + HEAD_METHOD] = Math.max(0, METHODS.indexOf(method));
  words[at + HEAD_METHOD_LENGTH] = method.length;
  const targetStart = method.length + 1;
  words[at + HEAD_TARGET_START] = targetStart;
  words[at + HEAD_TARGET_LENGTH] = target.length;
  let pathStart = 0;
  if (target.startsWith('http')) {
    const authority = target.indexOf('//') + 2;
    pathStart = target.slice(authority).search(/[/?]|$/) + authority;
    words[at + HEAD_AUTHORITY_START] = targetStart + authority;
    words[at + HEAD_AUTHORITY_LENGTH] = pathStart - authority;
  }
  const query = target.indexOf('?');
  const pathEnd = query < 0 ? target.length : query;
  words[at + HEAD_PATH_START] = targetStart + pathStart;
  words[at + HEAD_PATH_LENGTH] = pathEnd - pathStart;
  if (query >= 0) {
    words[at + HEAD_QUERY_START] = targetStart + query + 1;
    words[at + HEAD_QUERY_LENGTH] = target.length - query - 1;
  }
  let flags = version === 'HTTP/1.0' ? FLAG_HTTP_1_0 : 0;
  if (target.slice(pathStart, pathEnd).includes('%')) flags |= FLAG_ESCAPED_PATH;
  let start = lines[0].length + 2;
  fields.forEach((line, i) => {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '');
    const known = Math.max(0, names.indexOf(name.toLowerCase()));
    if (name.toLowerCase() === 'transfer-encoding') flags |= FLAG_CHUNKED;
    const word = at + HEAD_WORDS + i * FIELD_WORDS;
    words[word + FIELD_NAME_START] = start;
    words[word + FIELD_NAME] = (known << 16) | name.length;
    words[word + FIELD_VALUE_START] = value === '' ? start + colon + 1 : start + line.indexOf(value, colon + 1);
    words[word + FIELD_VALUE_LENGTH] = value.length;
    start += line.length + 2;
  });
  words[at + HEAD_FLAGS] = flags;
  words[at + HEAD_FIELD_COUNT] = fields.length;
  return { text, textStart: before.length, words, record: at };
}
