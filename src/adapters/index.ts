export {
  type FetchHandler,
  type FetchHandlerOptions,
  type FetchObject,
  fromFetchHandler,
} from './fetch-handler.ts';
export { fromNodeListener, type NodeListenerOptions, type RequestEmitter } from './node-listener.ts';
