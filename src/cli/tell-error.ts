/** Failures as the command tells them, and its exit codes. */
import { ConfigurationError, QuaichError } from '../interface/errors.ts';
import { CRASHED, FAILED, MISCONFIGURED } from './exit-codes.ts';
import type { Say } from './messages.ts';

/** Tells an error, and returns the exit code for it. */
export function tellError(error: unknown, say: Say, io: { kill(): void }): number {
  say('error', errorText(error));
  const code = error instanceof QuaichError ? error.code : '';
  if (code === 'QUAICH_STUCK') io.kill();
  if (code === 'QUAICH_CRASH_LOOP') return CRASHED;
  return error instanceof ConfigurationError ? MISCONFIGURED : FAILED;
}

/** A cause that is not known has a stack worth reading: an application's startup hook, or a defect of ours. */
export function errorText(error: unknown): string {
  if (error instanceof QuaichError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
