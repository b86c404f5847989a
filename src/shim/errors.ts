import { QuaichError } from '../interface/errors.ts';

/**
 * A bridge call that would wait for the very thread it runs on, or for its own kind for ever (B-23, B-41). Thrown at
 * once.
 */
export class DeadlockError extends QuaichError {
  constructor(message: string) {
    super('QUAICH_DEADLOCK', message);
  }
}

/** The other side of a bridge is not there: not started, dead, being replaced, or silent beyond a time limit (B-22). */
export class BridgeError extends QuaichError {
  constructor(message: string, options?: ErrorOptions) {
    super('QUAICH_BRIDGE', message, options);
  }
}
