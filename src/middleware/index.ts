export { copyEnviron } from '../environ/copy.ts';
export { allowHosts } from './allow-hosts.ts';
export { allowMethods } from './allow-methods.ts';
export { compose } from './compose.ts';
export { type CompressOptions, compress } from './compress.ts';
export { type ConditionalGetOptions, conditionalGet } from './conditional-get.ts';
export { type CorsOptions, cors } from './cors.ts';
export { middleware } from './define.ts';
export type { ContentCoding, Levels } from './encoders.ts';
export { type ErrorPageOptions, errorPage } from './error-page.ts';
export { Head } from './head.ts';
export { type LimitBodyOptions, limitBody } from './limit-body.ts';
export { mount } from './mount.ts';
export { type RequestIdOptions, requestId } from './request-id.ts';
export { type ResponseTimeOptions, responseTime } from './response-time.ts';
export { type SendFileOptions, sendFile } from './send-file.ts';
export { Session, type SessionOptions, SessionTooLarge, session, sessionOf } from './session.ts';
export { type StaticFilesOptions, staticApplication, staticFiles } from './static-files.ts';
export { type TrustProxyOptions, trustProxy } from './trust-proxy.ts';
export {
  type Answer,
  type AnyApplication,
  type AnyEnviron,
  type BodyMapping,
  type Bytes,
  type Definition,
  DROP,
  type ErrorAnswer,
  type Handled,
  type Handling,
  type Middleware,
} from './types.ts';
