import type { Transport } from '../interface/transport.ts';
import type { Environ } from '../interface/types.ts';
import { earlyHints } from './early-hints.ts';
import { createErrorStream } from './error-stream.ts';

/**
 * Adds to the environ of one request what its gateway offers beyond what all requests have: `quaich.early_hints`, where
 * the owner of the server wants it (G-152), and a `wsgi.errors` whose text goes to a client that has a stream for it
 * (G-174).
 *
 * @param hints whether `quaich.early_hints` is there
 * @param clientErrors see `createErrorStream`; undefined for a client that has none
 */
export function addExtensions(
  environ: Pick<Environ, 'wsgi.errors' | 'quaich.early_hints'>,
  transport: Pick<Transport<boolean>, 'hint'>,
  hints: boolean,
  clientErrors: ((text: Uint8Array) => boolean) | undefined,
): void {
  if (clientErrors !== undefined) environ['wsgi.errors'] = createErrorStream(2, clientErrors);
  if (hints) environ['quaich.early_hints'] = earlyHints(transport);
}
