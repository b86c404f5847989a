import { ConfigurationError } from '../interface/errors.ts';
import { middleware } from './define.ts';
import type { AnyEnviron, Middleware } from './types.ts';

export interface ResponseTimeOptions {
  /**
   * The field of the response: `Server-Timing` by default, which browsers show (`app;dur=1.234`); any other name gets
   * the bare figure, such as `1.234`. `null` for none.
   */
  header?: string | null;
  /** Digits after the point, 3 by default. */
  digits?: number;
  /** Called when the body is closed, with the milliseconds of the whole request. */
  onComplete?: (environ: AnyEnviron, milliseconds: number) => void;
  /** Milliseconds of a clock that only goes forward; for tests. */
  now?: () => number;
}

/**
 * Says in a field of the response how long the application took, in milliseconds, to its call of `startResponse`: what
 * comes after cannot be in the head. The time to the end of the body goes to `onComplete`.
 *
 * @throws ConfigurationError
 */
export function responseTime(options: ResponseTimeOptions = {}): Middleware {
  const { header = 'Server-Timing', digits = 3, onComplete, now = () => performance.now() } = options;
  if (!Number.isInteger(digits) || digits < 0 || digits > 20) {
    throw new ConfigurationError(`responseTime: digits is a number from 0 to 20, got ${String(digits)}`);
  }
  const timing = header?.toLowerCase() === 'server-timing';
  return middleware({
    name: 'responseTime',
    request(environ) {
      const start = now();
      return {
        ...(header !== null && {
          onHead(head) {
            const figure = (now() - start).toFixed(digits);
            if (timing) head.append(header, `app;dur=${figure}`);
            else head.set(header, figure);
          },
        }),
        ...(onComplete && { onClose: () => onComplete(environ, now() - start) }),
      };
    },
  });
}
