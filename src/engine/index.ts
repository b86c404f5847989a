export type * from '../interface/transport.ts';
export {
  DONE,
  END,
  HEAD_HAS_DATE,
  HEAD_HAS_LENGTH,
  HEAD_HAS_SERVER,
  HEAD_NO_BODY,
  MORE,
} from '../interface/transport.ts';
export { AsyncInput } from './async-input.ts';
export { createErrorStream } from './error-stream.ts';
export { asyncFileWrapper, fileWrapper, openFile } from './file-wrapper.ts';
export { DEFAULT_CLOSE_TIMEOUT, type EngineCounters, type EngineOptions } from './response.ts';
export { type RunningRequest, runAsync } from './run-async.ts';
export { runSync } from './run-sync.ts';
export { SyncInput } from './sync-input.ts';
