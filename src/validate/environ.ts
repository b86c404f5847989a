/**
 * The request as the server describes it.
 */
import { types } from 'node:util';
import { checkErrorStream } from './error-stream.ts';
import type { CheckedExchange } from './exchange.ts';
import { checkFileWrapper } from './file-wrapper.ts';
import { checkInput } from './input.ts';
import { isBytes, shown } from './values.ts';

type Environ = Record<string, unknown>;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const ABOVE_LATIN1 = /[^\0-\xff]/;
const METHODS = new Set(['GET', 'HEAD', 'POST', 'OPTIONS', 'PATCH', 'PUT', 'DELETE', 'TRACE']);

/** Keys that are always there, with the row of each. */
const REQUIRED: readonly [key: string, row: string][] = [
  ['REQUEST_METHOD', 'V-11'],
  ['SERVER_NAME', 'V-12'],
  ['SERVER_PORT', 'V-13'],
  ['wsgi.version', 'V-14'],
  ['wsgi.input', 'V-15'],
  ['wsgi.errors', 'V-16'],
  ['wsgi.multithread', 'V-17'],
  ['wsgi.multiprocess', 'V-18'],
  ['wsgi.run_once', 'V-19'],
];

/** @throws ValidationError; the side at fault is the one that made the environ */
export function checkEnviron(exchange: CheckedExchange, environ: unknown): asserts environ is Environ {
  checkObject(exchange, environ);
  checkPresence(exchange, environ);
  checkStrings(exchange, environ);
  checkRequest(exchange, environ);
  checkPaths(exchange, environ);
  checkFlags(exchange, environ);
  checkInput(exchange, environ['wsgi.input']);
  checkErrorStream(exchange, environ['wsgi.errors']);
  if (environ['wsgi.file_wrapper'] !== undefined) checkFileWrapper(exchange, environ['wsgi.file_wrapper']);
  checkExtensions(exchange, environ);
}

function checkObject(exchange: CheckedExchange, environ: unknown): asserts environ is Environ {
  //: @in environ
  //: G-05, V-10: `environ` MUST be a plain object: its prototype is `null` or `Object.prototype`. It is not an array, a `Map`, a class
  //: instance or a `Proxy`. Every key is an own enumerable data property, so that `{ ...environ }` copies everything;
  //: there are no accessors. A server SHOULD create it with a `null` prototype, so that a name such as `constructor` is not found by `in`.
  if (typeof environ !== 'object' || environ === null || types.isProxy(environ) || Array.isArray(environ)) {
    throw exchange.outside('V-10', `environ is ${shown(environ)}`, 'give a plain object');
  }
  const prototype: unknown = Object.getPrototypeOf(environ);
  // Object.prototype of any realm: the object without a prototype that has a constructor.
  const plain =
    prototype === null ||
    (typeof prototype === 'object' &&
      Object.getPrototypeOf(prototype) === null &&
      Object.hasOwn(prototype, 'isPrototypeOf'));
  if (!plain) throw exchange.outside('V-10', `environ is ${shown(environ)}`, 'give a plain object');
  //: G-05, V-110: It MUST be extensible and not frozen: applications and middleware store and delete as they like (A-17), and a change is
  //: visible to them.
  if (!Object.isExtensible(environ)) {
    throw exchange.outside('V-110', 'environ cannot be extended', 'give an object that the application may change');
  }
  for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(environ))) {
    if (property.get !== undefined || property.set !== undefined || property.enumerable !== true) {
      throw exchange.outside('V-10', `environ[${shown(key)}] is no plain property`, 'assign the value');
    }
    if (property.writable !== true || property.configurable !== true) {
      throw exchange.outside('V-110', `environ[${shown(key)}] cannot be changed`, 'assign the value');
    }
  }
}

function checkPresence(exchange: CheckedExchange, environ: Environ): void {
  //: @in server
  //: G-24, V-12, V-13, V-101: `SERVER_NAME` and `SERVER_PORT` MUST be present and not empty; the port is a string of digits. For a Unix
  //: socket they come from the Host field, else they are `localhost` and the default port of the scheme.
  //:
  //: @in environ-wsgi
  //: G-42, V-15, V-16: `wsgi.input` and `wsgi.errors` MUST be present on every request, also without a body.
  //:
  //: G-43, V-17, V-18, V-19, V-102: `wsgi.multithread`, `wsgi.multiprocess` and `wsgi.run_once` MUST be present and booleans.
  for (const [key, row] of REQUIRED) {
    if (environ[key] === undefined) throw exchange.outside(row, `environ has no ${key}`, 'set it for every request');
  }
  //: @in fields
  //: G-28, V-20, V-21: `HTTP_CONTENT_TYPE` and `HTTP_CONTENT_LENGTH` MUST NOT be set: those two fields have names of their own.
  if ('HTTP_CONTENT_TYPE' in environ) {
    throw exchange.outside('V-20', 'environ has HTTP_CONTENT_TYPE', 'give CONTENT_TYPE instead');
  }
  if ('HTTP_CONTENT_LENGTH' in environ) {
    throw exchange.outside('V-21', 'environ has HTTP_CONTENT_LENGTH', 'give CONTENT_LENGTH instead');
  }
  //: @in target
  //: G-18, A-18, V-22: `QUERY_STRING` is the raw text after the first `?`, not decoded. The server MUST set it always, to `''` when there
  //: is none (its absence is a warning): `/a?b?c` gives `b?c`, `/a?` gives `''`. Applications SHOULD take absent and empty
  //: for the same, here and with `CONTENT_LENGTH` and `CONTENT_TYPE`.
  if (environ.QUERY_STRING === undefined) {
    exchange.warn('V-22', exchange.link.outside, 'environ has no QUERY_STRING', "set it to '' where there is no query");
  }
}

function checkStrings(exchange: CheckedExchange, environ: Environ): void {
  for (const key of Object.keys(environ)) {
    const value = environ[key];
    //: @in environ-cgi
    //: G-06, V-23: A key without a dot in it MUST have a string as its value: never a number, `null` or `undefined`. A variable without a
    //: value is left out. (`SERVER_PORT` is `'8080'`, not `8080`.)
    if (!key.includes('.')) {
      if (typeof value !== 'string') {
        throw exchange.outside('V-23', `environ.${key} is ${shown(value)}`, 'give a string, or leave the key out');
      }
      //: G-07, V-100: No string of a CGI variable, and none of the interface's own keys, has a unit above U+00FF: it is a native string,
      //: decoded from bytes as ISO-8859-1. `TextDecoder('latin1')` is windows-1252 and MUST NOT be used for it.
      if (ABOVE_LATIN1.test(value)) {
        throw exchange.outside('V-100', `environ.${key} is ${shown(value)}`, 'decode the bytes as ISO-8859-1');
      }
    } else if (!/^[a-z0-9_.]+$/.test(key)) {
      //: @in environ
      //: G-49, V-103: Keys that a server adds SHOULD consist of lower-case letters, digits, dots and underscores, and begin with a prefix of their own.
      //: (The validator warns.)
      exchange.warn('V-103', exchange.link.outside, `environ has the key ${shown(key)}`, 'use lower case');
    }
  }
}

function checkRequest(exchange: CheckedExchange, environ: Environ): void {
  const { REQUEST_METHOD: method, SERVER_NAME: name, SERVER_PORT: port, SERVER_PROTOCOL: protocol } = environ;
  //: @in environ-cgi
  //: G-10, V-11, V-101: `REQUEST_METHOD` MUST be present: the token as received, its case kept. Unknown methods pass.
  //:
  //: V-33: A method other than GET, HEAD, POST, OPTIONS, PATCH, PUT, DELETE and TRACE is a warning.
  if (typeof method !== 'string' || !TOKEN.test(method)) {
    throw exchange.outside('V-101', `REQUEST_METHOD is ${shown(method)}`, 'give the token of the request line');
  }
  if (!METHODS.has(method)) {
    exchange.warn('V-33', exchange.link.outside, `REQUEST_METHOD is ${shown(method)}`, 'check that it is meant');
  }
  if (name === '') throw exchange.outside('V-101', 'SERVER_NAME is empty', 'give a name or an address');
  if (typeof port !== 'string' || !/^[0-9]+$/.test(port)) {
    throw exchange.outside('V-101', `SERVER_PORT is ${shown(port)}`, 'give a string of digits');
  }
  //: @in server
  //: G-25, V-101: `SERVER_PROTOCOL` MUST be the version of the request (not of the response): `HTTP/1.0`, `HTTP/1.1`, `HTTP/2.0`.
  if (protocol !== undefined && !/^HTTP\/[0-9](?:\.[0-9])?$/.test(String(protocol))) {
    throw exchange.outside('V-101', `SERVER_PROTOCOL is ${shown(protocol)}`, "give the version, such as 'HTTP/1.1'");
  }
  //: @in environ-cgi
  //: G-27, V-36: `CONTENT_LENGTH` MUST be a string of digits; absent or `''` when the request has no Content-Length and its body was not
  //: measured. The server refuses `+5`, `-1`, `0x5`, `5, 5` and `1e3` with 400.
  const { CONTENT_LENGTH: length } = environ;
  if (length !== undefined && !/^[0-9]*$/.test(String(length))) {
    throw exchange.outside('V-36', `CONTENT_LENGTH is ${shown(length)}`, 'give digits, or leave it out');
  }
  if (String(environ.QUERY_STRING ?? '').startsWith('?')) {
    exchange.warn('V-103', exchange.link.outside, 'QUERY_STRING starts with "?"', 'give what follows the "?"');
  }
  //: @in fields
  //: G-36, V-103: The server decodes the transfer coding of the request and MUST NOT show `HTTP_TRANSFER_ENCODING`, lest middleware decode
  //: twice. Unknown and repeated codings are answered with 501 or 400. (The validator warns.)
  if ('HTTP_TRANSFER_ENCODING' in environ) {
    exchange.warn('V-103', exchange.link.outside, 'environ has HTTP_TRANSFER_ENCODING', 'decode it and leave it out');
  }
}

function checkPaths(exchange: CheckedExchange, environ: Environ): void {
  const script = environ.SCRIPT_NAME ?? '';
  const path = environ.PATH_INFO ?? '';
  //: @in target
  //: G-11, V-34, V-38, V-103: `SCRIPT_NAME` MUST be the mount point of the application: `''`, or it starts with `/`. It MUST NOT be `/`, and does not
  //: end in `/` (a warning): a mount configured as `/app/` becomes `/app`, and `/` becomes `''`.
  if (script === '/') {
    throw exchange.outside('V-38', 'SCRIPT_NAME is "/"', "give '' for the root; the slash belongs to PATH_INFO");
  }
  if (script !== '' && !String(script).startsWith('/')) {
    throw exchange.outside('V-34', `SCRIPT_NAME is ${shown(script)}`, 'begin it with "/"');
  }
  if (String(script).endsWith('/')) {
    exchange.warn('V-103', exchange.link.outside, `SCRIPT_NAME is ${shown(script)}`, 'leave the last slash out');
  }
  //: G-12, V-35: `PATH_INFO` MUST be `''` or start with `/` (`*` for `OPTIONS *`, G-21). It is what follows the mount point:
  //:
  //: | mount | request | `SCRIPT_NAME` | `PATH_INFO` |
  //: | --- | --- | --- | --- |
  //: | the root | `GET /` | `''` | `'/'` |
  //: | `/app` | `GET /app` | `'/app'` | `''` |
  //: | `/app` | `GET /app/` | `'/app'` | `'/'` |
  if (path !== '' && !String(path).startsWith('/') && !(path === '*' && environ.REQUEST_METHOD === 'OPTIONS')) {
    throw exchange.outside('V-35', `PATH_INFO is ${shown(path)}`, 'begin it with "/"');
  }
  //: G-13, V-37: `SCRIPT_NAME` and `PATH_INFO` MUST NOT both be empty.
  if (script === '' && path === '') {
    throw exchange.outside('V-37', 'SCRIPT_NAME and PATH_INFO are both empty', "give the root path as PATH_INFO '/'");
  }
}

function checkFlags(exchange: CheckedExchange, environ: Environ): void {
  //: @in environ-wsgi
  //: G-40, V-14, V-24, V-102: `wsgi.version` MUST be the pair `[1, 0]`, as an array of two integers; frozen, if it is shared between requests.
  const version: unknown = environ['wsgi.version'];
  if (!Array.isArray(version) || version.length !== 2 || !version.every(Number.isInteger)) {
    throw exchange.outside('V-24', `wsgi.version is ${shown(version)}`, 'give the array [1, 0]');
  }
  if (version[0] !== 1 || version[1] !== 0) {
    throw exchange.outside('V-102', `wsgi.version is [${version.join(', ')}]`, 'give [1, 0]');
  }
  //: G-41, V-25, V-102: `wsgi.url_scheme` MUST be `http` or `https`: that of the last hop, unless a trusted proxy says otherwise (G-39).
  const scheme = environ['wsgi.url_scheme'];
  if (scheme === undefined) throw exchange.outside('V-102', 'environ has no wsgi.url_scheme', "give 'http' or 'https'");
  if (typeof scheme === 'string' && ABOVE_LATIN1.test(scheme)) {
    throw exchange.outside('V-100', `wsgi.url_scheme is ${shown(scheme)}`, "give 'http' or 'https'");
  }
  if (scheme !== 'http' && scheme !== 'https') {
    throw exchange.outside('V-25', `wsgi.url_scheme is ${shown(scheme)}`, "give 'http' or 'https'");
  }
  for (const key of ['wsgi.multithread', 'wsgi.multiprocess', 'wsgi.run_once', 'quaich.async']) {
    if (typeof environ[key] !== 'boolean') {
      throw exchange.outside('V-102', `${key} is ${shown(environ[key])}`, 'give a boolean');
    }
  }
  //: G-47, B-31, V-102: `quaich.async` MUST be a boolean: true when the async convention is in force for this call. It decides the
  //: shape of `wsgi.input` and of `write`. It and the three flags tell the truth about the place where the application
  //: runs, behind a bridge too.
  if (environ['quaich.async'] !== exchange.async) {
    throw exchange.outside(
      'V-102',
      `quaich.async is ${environ['quaich.async']}, and the application is ${exchange.settings.kind}`,
      'call it in its own convention, or bridge it',
    );
  }
}

function checkExtensions(exchange: CheckedExchange, environ: Environ): void {
  //: @in environ-wsgi
  //: G-46: `wsgi.input_terminated` SHOULD be true: the input ends by itself, so that an application may read to the end without a
  //: `CONTENT_LENGTH`, for chunked requests too.
  const terminated = environ['wsgi.input_terminated'];
  if (terminated !== undefined && typeof terminated !== 'boolean') {
    throw exchange.outside('G-46', `wsgi.input_terminated is ${shown(terminated)}`, 'give a boolean');
  }
  //: G-48: `quaich.signal`, in the async convention, SHOULD be an `AbortSignal` that aborts when the client disconnects or the server gives up on
  //: the request; its reason is an error of a documented class.
  const signal = environ['quaich.signal'];
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw exchange.outside('G-48', `quaich.signal is ${shown(signal)}`, 'give an AbortSignal');
  }
  //: B-37: `quaich.client_disconnected`, in the sync convention, if present, MUST be a function that tells whether the client has gone. It needs no event loop.
  const gone = environ['quaich.client_disconnected'];
  if (gone !== undefined && typeof gone !== 'function') {
    throw exchange.outside('B-37', `quaich.client_disconnected is ${shown(gone)}`, 'give a function');
  }
  //: L-06: `quaich.state`, if present, MUST be an object: this request's copy of what the startup hook left.
  const state = environ['quaich.state'];
  if (state !== undefined && (typeof state !== 'object' || state === null || isBytes(state))) {
    throw exchange.outside('L-06', `quaich.state is ${shown(state)}`, 'give an object');
  }
}
