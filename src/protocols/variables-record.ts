/** Carries CGI variables to the applications in the place of a parsed head (G-176). */
import {
  CARRY_SIZE,
  FIELD_NAME,
  FIELD_NAME_START,
  FIELD_VALUE_LENGTH,
  FIELD_VALUE_START,
  FIELD_WORDS,
  FLAG_CHUNKED,
  FLAG_CONTENT_LENGTH,
  FLAG_HEAD_METHOD,
  FLAG_HTTP_1_0,
  FLAG_VARIABLES,
  HEAD_CONTENT_LENGTH_HIGH,
  HEAD_CONTENT_LENGTH_LOW,
  HEAD_FIELD_COUNT,
  HEAD_FLAGS,
  HEAD_LENGTH,
  HEAD_METHOD,
  HEAD_METHOD_LENGTH,
  HEAD_PATH_LENGTH,
  HEAD_PATH_START,
  HEAD_TARGET_LENGTH,
  HEAD_TARGET_START,
  HEAD_WORDS,
  INPUT_AREA,
  MAX_FIELDS,
} from '../../assembly/layout.ts';
import '../rules/latin1.ts';
import type { Variables } from '../environ/cgi-variables.ts';
import { PARSED_HEAD } from '../environ/head-record.ts';
import { RefusedRequest } from '../rules/refused-request.ts';
import type { Parser } from './http/parser.ts';
import { FIELD_NAMES, METHODS } from './http/wasm/tables.ts';

/** Number of the field REMOTE_ADDR, which every request is asked for. No field of a head has it. */
export const REMOTE_ADDRESS = FIELD_NAMES.length;
/** Variables that the gateway looks for by the number of their field. */
const NUMBERS: Readonly<Record<string, number>> = {
  REMOTE_ADDR: REMOTE_ADDRESS,
  HTTP_FORWARDED: FIELD_NAMES.indexOf('forwarded'),
  HTTP_X_FORWARDED_FOR: FIELD_NAMES.indexOf('x-forwarded-for'),
};

/** Limits of a request's variables. */
export interface VariableLimits {
  /** Bytes of names and values together. */
  size: number;
  count: number;
}

/**
 * Writes repaired variables where the parser puts a head: record and text, as `Gateway.request` and the rings take
 * them. Without CONTENT_LENGTH the body is as long as its sender says at its end.
 *
 * @returns FLAG_* bits of the record
 * @throws RefusedRequest when there are too many
 */
export function writeVariables(parser: Parser, variables: Variables, limits: VariableLimits): number {
  const { words } = parser;
  const method = variables.REQUEST_METHOD;
  let text = method; // first, as in a head
  let count = 0;
  words.fill(0, PARSED_HEAD, PARSED_HEAD + HEAD_WORDS);
  const most = Math.min(limits.count, MAX_FIELDS);
  for (const name in variables) {
    if (count === most || name.length > 0xffff) throw new RefusedRequest('too many variables', 431);
    const value = variables[name];
    const field = PARSED_HEAD + HEAD_WORDS + FIELD_WORDS * count++;
    words[field + FIELD_NAME_START] = text.length;
    words[field + FIELD_NAME] = name.length | ((NUMBERS[name] ?? 0) << 16);
    words[field + FIELD_VALUE_START] = text.length + name.length;
    words[field + FIELD_VALUE_LENGTH] = value.length;
    if (name === 'REQUEST_URI') {
      words[PARSED_HEAD + HEAD_TARGET_START] = text.length + name.length;
      words[PARSED_HEAD + HEAD_TARGET_LENGTH] = value.length;
    } else if (name === 'PATH_INFO') {
      words[PARSED_HEAD + HEAD_PATH_START] = text.length + name.length;
      words[PARSED_HEAD + HEAD_PATH_LENGTH] = value.length;
    }
    text += name + value;
  }
  if (text.length > Math.min(limits.size, CARRY_SIZE)) throw new RefusedRequest('the variables are too large', 431);
  parser.bytes.latin1Write(text, INPUT_AREA, text.length);
  parser.headStart = INPUT_AREA;

  let flags = FLAG_VARIABLES;
  if (method === 'HEAD') flags |= FLAG_HEAD_METHOD;
  if (variables.SERVER_PROTOCOL === 'HTTP/1.0') flags |= FLAG_HTTP_1_0;
  if (variables.CONTENT_LENGTH === undefined) {
    flags |= FLAG_CHUNKED;
  } else {
    const length = Number(variables.CONTENT_LENGTH);
    flags |= FLAG_CONTENT_LENGTH;
    words[PARSED_HEAD + HEAD_CONTENT_LENGTH_LOW] = length | 0;
    words[PARSED_HEAD + HEAD_CONTENT_LENGTH_HIGH] = Math.floor(length / 4294967296);
  }
  words[PARSED_HEAD + HEAD_LENGTH] = text.length;
  words[PARSED_HEAD + HEAD_FLAGS] = flags;
  words[PARSED_HEAD + HEAD_METHOD] = Math.max(0, METHODS.indexOf(method));
  words[PARSED_HEAD + HEAD_METHOD_LENGTH] = method.length;
  words[PARSED_HEAD + HEAD_FIELD_COUNT] = count;
  return flags;
}
