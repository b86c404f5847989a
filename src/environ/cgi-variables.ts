/** CGI variables (RFC 3875, 4.1) as front servers send them, made fit for an environ (G-172, G-176). */
import { BYTE_COUNT, TOKEN } from '../rules/grammar.ts';
import { percentDecode } from '../rules/native-strings.ts';
import { RefusedRequest } from '../rules/refused-request.ts';
import { withoutFinalSlashes } from '../rules/trimmed.ts';
import { guessScheme } from './request-uri.ts';
import { nameServer } from './variables.ts';

/** Variables by name: native strings, in an object with null prototype. */
export type Variables = Record<string, string>;

/** Not for applications: httpoxy (G-35, G-172), names that have a variable of their own (G-28), framing (G-36). */
const NEVER_SHOWN = ['HTTP_PROXY', 'HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH', 'HTTP_TRANSFER_ENCODING'] as const;
/** Front servers send these empty where the request has none. */
const LEFT_OUT_WHEN_EMPTY = ['CONTENT_TYPE', 'CONTENT_LENGTH', 'HTTPS'] as const;

/**
 * Repairs, in place, what front servers leave out or send in their own way, so that the variables are those of an
 * environ (G-10 to G-36).
 *
 * @throws RefusedRequest for a method or a length that is none
 */
export function repairVariables(variables: Variables): void {
  for (const name of NEVER_SHOWN) delete variables[name];
  for (const name of LEFT_OUT_WHEN_EMPTY) if (variables[name] === '') delete variables[name];
  // The keys of the interface are the gateway's own.
  for (const name in variables) if (/^(?:wsgi|quaich)\./.test(name)) delete variables[name];

  if (!TOKEN.test(variables.REQUEST_METHOD ?? '')) throw new RefusedRequest('REQUEST_METHOD is no method');
  if (variables.CONTENT_LENGTH !== undefined && !BYTE_COUNT.test(variables.CONTENT_LENGTH)) {
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
 * G-11 to G-13. Where PATH_INFO is missing, as in the parameter files that nginx ships, the path is that of
 * DOCUMENT_URI, else of the request target; a SCRIPT_NAME that is the whole of it (nginx again) is no mount.
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

/** Cuts SCRIPT_NAME off the front of PATH_INFO, where IIS repeats it (G-173). To be called before `repairVariables`. */
export function cutScriptName(variables: Variables): void {
  const { SCRIPT_NAME: script = '', PATH_INFO: path = '' } = variables;
  if (script !== '' && `${path}/`.startsWith(`${script}/`)) variables.PATH_INFO = path.slice(script.length);
}
