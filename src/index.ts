export * from './interface/index.ts';
export * from './server/index.ts';
