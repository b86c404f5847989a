/** Quaich applications behind and inside other servers. FastCGI and SCGI are spoken by `serve`. */
export { type CgiOptions, runCgi } from './cgi/run-cgi.ts';
export * from './fetch/index.ts';
export type { MountLifespan, MountOptions } from './mount.ts';
export * from './node-http/index.ts';
