export type { RequestTrace } from './engine/trace.ts';
export * from './interface/index.ts';
export * from './server/index.ts';
