export { AsyncRequest, AsyncWorkerEnd } from './async-worker-end.ts';
export { GatewayEnd } from './gateway-end.ts';
export {
  CANCEL_ABORTED,
  CANCEL_DISCONNECTED,
  createMemory,
  type RingLayout,
  type RingParameters,
  ringLayout,
} from './layout.ts';
export type { ResponseHandler } from './response-reader.ts';
export { SyncRequest, SyncWorkerEnd } from './sync-worker-end.ts';
