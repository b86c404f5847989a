export { type AsyncFile, AsyncFileWrapper, FileWrapper, openFile, type SyncFile } from '../engine/file-wrapper.ts';
export { type ReadEnvironOptions, readEnviron } from '../environ/read-environ.ts';
export { applicationUri, guessScheme, requestUri, shiftPathInfo, type UriVariables } from '../environ/request-uri.ts';
export { formatDateTime } from '../rules/format-date-time.ts';
export { isHopByHop } from '../rules/grammar.ts';
export {
  isNativeString,
  latin1Decode,
  latin1Encode,
  nativeToText,
  pathText,
  percentDecode,
  percentDecodeBytes,
  percentEncodeBytes,
  textToNative,
} from '../rules/native-strings.ts';
export { statusLine } from '../rules/status-line.ts';
export { contentDisposition } from './content-disposition.ts';
export { type CookieAttributes, type CookiesOptions, cookies, setCookie } from './cookies.ts';
export { demoApp } from './demo-app.ts';
export { type FormLimits, form } from './form.ts';
export { guardedBody } from './guarded-body.ts';
export { Headers } from './headers.ts';
export { json } from './json.ts';
export { type ParameterizedValue, parseParameterized } from './media-type.ts';
export { MemoryErrorStream } from './memory-error-stream.ts';
export { type AsyncPart, multipart, type Part } from './multipart.ts';
export type { PartHead } from './multipart-head.ts';
export type { MultipartLimits } from './multipart-splitter.ts';
export { type BodyOptions, body } from './request-body.ts';
export { RequestDataError } from './request-data-error.ts';
export { type RouteHandler, type RouteParameters, type RouteTable, router } from './router.ts';
export { type SendOptions, sendHtml, sendJson, sendNotFound, sendRedirect, sendText } from './send.ts';
export { setupAsyncTestingDefaults, setupTestingDefaults } from './testing-defaults.ts';
export { query, type UrlencodedOptions, urlencoded } from './urlencoded.ts';
