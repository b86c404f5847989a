export type { AppOptions, ResolvedOptions, ServeOptions } from './options.ts';
export type { ServedApplication } from './plan.ts';
export { type Server, serve } from './server.ts';
