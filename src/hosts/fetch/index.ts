export { type FetchHandler, type FetchHandlerOptions, toFetchHandler } from './mount.ts';
export type { FetchInfo } from './target.ts';
