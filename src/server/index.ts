export { type ConfigFile, defineConfig } from './define-config.ts';
export type { AppOptions, ResolvedOptions, ServeOptions } from './options.ts';
export type { ServedApplication } from './plan.ts';
export { serve } from './serve.ts';
export type { Server } from './server.ts';
