export * from './errors.ts';
export { kindOf, markAsync, markSync } from './kind.ts';
export type * from './types.ts';
