/**
 * CGI variables (RFC 3875, 4.1) as front servers send them, made fit for an environ (G-172, G-176), and carried to the
 * applications in the place of a parsed head.
 */
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
  HEAD_RECORD,
  HEAD_TARGET_LENGTH,
  HEAD_TARGET_START,
  HEAD_WORDS,
  INPUT_AREA,
  MAX_FIELDS,
} from '../../assembly/layout.ts';
import '../http/latin1.ts';
import { nameServer } from '../http/environ-variables.ts';
import type { Parser } from '../http/parser.ts';
import { FIELD_NAMES, METHODS } from '../http/wasm/tables.ts';
import { percentDecode } from '../toolbox/native-strings.ts';
import { guessScheme } from '../toolbox/request-uri.ts';
import { withoutFinalSlashes } from '../toolbox/trimmed.ts';
import { RefusedRequest } from './refused.ts';

/** Variables by name: native strings, in an object with null prototype. */
export type Variables = Record<string, string>;

/** Not for applications: httpoxy (G-35, G-172), names that have a variable of their own (G-28), framing (G-36). */
const HIDDEN = ['HTTP_PROXY', 'HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH', 'HTTP_TRANSFER_ENCODING'] as const;
/** Front servers send these empty where the request has none. */
const LEFT_OUT_WHEN_EMPTY = ['CONTENT_TYPE', 'CONTENT_LENGTH', 'HTTPS'] as const;

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const LENGTH = /^[0-9]{1,15}$/;

/**
 * Repairs, in place, what front servers leave out or send in their own way, so that the variables are those of an environ
 * (G-10 to G-36).
 *
 * @throws RefusedRequest for a method or a length that is none
 */
export function repairVariables(variables: Variables): void {
  for (const name of HIDDEN) delete variables[name];
  for (const name of LEFT_OUT_WHEN_EMPTY) if (variables[name] === '') delete variables[name];
  // The keys of the interface are the gateway's own.
  for (const name in variables) if (/^(?:wsgi|quaich)\./.test(name)) delete variables[name];

  if (!TOKEN.test(variables.REQUEST_METHOD ?? '')) throw new RefusedRequest('REQUEST_METHOD is no method');
  if (variables.CONTENT_LENGTH !== undefined && !LENGTH.test(variables.CONTENT_LENGTH)) {
    throw new RefusedRequest('CONTENT_LENGTH is no number of bytes');
  }
  const target = variables.REQUEST_URI ?? '';
  const question = target.indexOf('?');
  variables.QUERY_STRING ??= question < 0 ? '' : target.slice(question + 1);
  repairPath(variables, percentDecode(question < 0 ? target : target.slice(0, question)));
  if (!variables.SERVER_NAME || !variables.SERVER_PORT) nameServer(variables, guessScheme(variables));
  variables.SERVER_PROTOCOL ||= 'HTTP/1.0';
  variables.GATEWAY_INTERFACE ||= 'CGI/1.1';
}

/**
 * G-11 to G-13. Where PATH_INFO is missing, as in the parameter files that nginx ships, the path is that of DOCUMENT_URI,
 * else of the request target; a SCRIPT_NAME that is the whole of it (nginx again) is no mount.
 *
 * @param requested decoded path of the request target, `''` where that is not known
 */
function repairPath(variables: Variables, requested: string): void {
  let script = variables.SCRIPT_NAME ?? '';
  let path = variables.PATH_INFO;
  if (path === undefined) {
    const whole = variables.DOCUMENT_URI ?? (requested.startsWith('/') || requested === '*' ? requested : '');
    if (whole === script) {
      path = script;
      script = '';
    } else {
      path = whole.startsWith(`${script}/`) ? whole.slice(script.length) : script === '' ? whole : '';
    }
  }
  script = withoutFinalSlashes(script);
  if (script !== '' && !script.startsWith('/')) script = `/${script}`;
  if (path !== '' && path !== '*' && !path.startsWith('/')) path = `/${path}`;
  variables.SCRIPT_NAME = script;
  variables.PATH_INFO = path === '' && script === '' ? '/' : path;
}

/**
 * Puts a SCRIPT_NAME that is repeated at the front of PATH_INFO out of it, as IIS needs it (G-173). Before
 * `repairVariables`.
 */
export function cutScriptName(variables: Variables): void {
  const { SCRIPT_NAME: script = '', PATH_INFO: path = '' } = variables;
  if (script !== '' && `${path}/`.startsWith(`${script}/`)) variables.PATH_INFO = path.slice(script.length);
}

const RECORD = HEAD_RECORD >> 2;
/** Number of the field with REMOTE_ADDR, which is none of a head. */
export const REMOTE_ADDRESS = FIELD_NAMES.length;
/** Variables that the access log looks for by the number of their field. */
const NUMBERS: Readonly<Record<string, number>> = {
  REMOTE_ADDR: REMOTE_ADDRESS,
  HTTP_REFERER: FIELD_NAMES.indexOf('referer'),
  HTTP_USER_AGENT: FIELD_NAMES.indexOf('user-agent'),
};

/** Limits of a request's variables. */
export interface VariableLimits {
  /** Bytes of names and values together. */
  size: number;
  count: number;
}

/**
 * Writes repaired variables where the parser puts a head: record and text, as `Gateway.request` and the rings take them.
 * Without CONTENT_LENGTH the body is as long as its sender says at its end.
 *
 * @returns FLAG_* bits of the record
 * @throws RefusedRequest when there are too many
 */
export function writeVariables(parser: Parser, variables: Variables, limits: VariableLimits): number {
  const { words } = parser;
  const method = variables.REQUEST_METHOD;
  let text = method; // first, as in a head
  let count = 0;
  words.fill(0, RECORD, RECORD + HEAD_WORDS);
  const most = Math.min(limits.count, MAX_FIELDS);
  for (const name in variables) {
    if (count === most || name.length > 0xffff) throw new RefusedRequest('too many variables', 431);
    const value = variables[name];
    const field = RECORD + HEAD_WORDS + FIELD_WORDS * count++;
    words[field + FIELD_NAME_START] = text.length;
    words[field + FIELD_NAME] = name.length | ((NUMBERS[name] ?? 0) << 16);
    words[field + FIELD_VALUE_START] = text.length + name.length;
    words[field + FIELD_VALUE_LENGTH] = value.length;
    if (name === 'REQUEST_URI') {
      words[RECORD + HEAD_TARGET_START] = text.length + name.length;
      words[RECORD + HEAD_TARGET_LENGTH] = value.length;
    } else if (name === 'PATH_INFO') {
      words[RECORD + HEAD_PATH_START] = text.length + name.length;
      words[RECORD + HEAD_PATH_LENGTH] = value.length;
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
    words[RECORD + HEAD_CONTENT_LENGTH_LOW] = length | 0;
    words[RECORD + HEAD_CONTENT_LENGTH_HIGH] = Math.floor(length / 4294967296);
  }
  words[RECORD + HEAD_LENGTH] = text.length;
  words[RECORD + HEAD_FLAGS] = flags;
  words[RECORD + HEAD_METHOD] = Math.max(0, METHODS.indexOf(method));
  words[RECORD + HEAD_METHOD_LENGTH] = method.length;
  words[RECORD + HEAD_FIELD_COUNT] = count;
  return flags;
}
