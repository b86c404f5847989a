import type { ErrorStream } from '../interface/types.ts';

/**
 * Writes one report, with details such as a stack below it. Never throws: a broken error stream is no reason to fail.
 */
export function report(errors: ErrorStream, request: string, what: string, details = ''): void {
  try {
    errors.write(`quaich: ${request}: ${what}${details === '' ? '' : `\n${details}`}\n`);
    errors.flush();
  } catch {
    // Nowhere left to say it.
  }
}
