export { type FetchHandler, type FetchHandlerOptions, type FetchInfo, toFetchHandler } from './handler.ts';
