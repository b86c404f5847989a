/** Quaich applications behind and inside other servers. FastCGI and SCGI are spoken by `serve`. */
export { type CgiOptions, runCgi } from './cgi/run-cgi.ts';
export { type FetchHandler, type FetchHandlerOptions, toFetchHandler } from './fetch/mount.ts';
export type { FetchInfo } from './fetch/target.ts';
export type { MountLifespan, MountOptions } from './mount.ts';
export { type NodeListener, type NodeListenerOptions, toNodeListener } from './node-http/mount.ts';
