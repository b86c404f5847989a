import type { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { ConfigurationError } from '../interface/errors.ts';
import { TOKEN } from '../rules/grammar.ts';
import { checkSwitches } from './decision.ts';
import { middleware } from './define.ts';
import type { Middleware } from './types.ts';

export interface RequestIdOptions {
  /** The field of request and response, `X-Request-Id` by default. */
  header?: string;
  /**
   * Takes over an id that the request brings, if it is harmless: up to 128 letters, digits and `. _ ~ + / = : @ -`. Off
   * by default: only a proxy that sets the field itself makes it trustworthy.
   */
  trustIncoming?: boolean;
  /** Makes an id; a random UUID by default. */
  generate?: () => string;
  /** Carries the id through the application, each step of its body and its close (M-21). */
  context?: AsyncLocalStorage<string>;
}

/** What may be logged and sent back without a second thought. */
const HARMLESS = /^[\w.~+/=:@-]{1,128}$/;

/**
 * Gives every request an id: `quaich.request_id` in the environ, a field of the response, and, where a context is
 * given, `context.getStore()` wherever the application runs.
 *
 * @throws ConfigurationError
 */
export function requestId(options: RequestIdOptions = {}): Middleware {
  const { header = 'X-Request-Id', trustIncoming = false, generate = randomUUID, context } = options;
  checkSwitches('requestId', { trustIncoming });
  if (!TOKEN.test(header)) throw new ConfigurationError(`requestId: ${JSON.stringify(header)} is no field name`);
  const key: `HTTP_${string}` = `HTTP_${header.toUpperCase().replaceAll('-', '_')}`;
  return middleware({
    name: 'requestId',
    request(environ) {
      const incoming = trustIncoming ? environ[key] : undefined;
      const id = incoming !== undefined && HARMLESS.test(incoming) ? incoming : generate();
      environ['quaich.request_id'] = id;
      return {
        onHead: (head) => head.set(header, id),
        ...(context && { around: (step) => context.run(id, step) }),
      };
    },
  });
}
