import { isMiddleware } from '../interface/kind.ts';
import { shown } from './show.ts';

/**
 * What a value is that cannot be an application, for a message; null where it may be one. That is all which can be
 * known before the first call (G-02): a function, and not a middleware that was given none (M-30).
 */
export function noApplication(value: unknown): string | null {
  if (isMiddleware(value)) {
    return 'a middleware without an application: give it one, as in compress()(app) or compose([compress()])(app)';
  }
  return typeof value === 'function' ? null : `${shown(value)}, expected a function`;
}
