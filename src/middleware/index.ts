export { compose } from './compose.ts';
export { type CorsOptions, cors } from './cors.ts';
export { copyEnviron, middleware } from './define.ts';
export { Head } from './head.ts';
export { type RequestIdOptions, requestId } from './request-id.ts';
export { type ResponseTimeOptions, responseTime } from './response-time.ts';
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
