export {
  type FetchHandler,
  type FetchHandlerOptions,
  type FetchObject,
  fromFetchHandler,
} from './fetch-handler.ts';
export { fromKoa, type KoaApplication } from './koa.ts';
export { fromNodeListener, type NodeListenerOptions, type RequestEmitter } from './node-listener.ts';
