import { kindOf } from '../interface/kind.ts';
import type { Application, AsyncApplication } from '../interface/types.ts';
import { AsyncTestClient } from './async-client.ts';
import type { ClientOptions } from './client.ts';
import { SyncTestClient } from './sync-client.ts';

/**
 * A client of one application, without a network, for tests (U-53). The application is run by the same engine, and gets
 * its environ from the same parser, as under the server; so the rows G-80 to G-146 hold.
 *
 * ```ts
 * const client = testClient(app);
 * const response = client.get('/', { headers: { Accept: 'text/html' } }); // await it, for an async application
 * ```
 *
 * The kind is that of `kindOf` (B-01): closures that return promises need `markAsync`, or `{ kind: 'async' }`. For an
 * async application written in place, TypeScript finds the types with
 * `new AsyncTestClient(async (environ, startResponse) => ...)`.
 */
export function testClient(app: AsyncApplication, options: ClientOptions & { kind: 'async' }): AsyncTestClient;
export function testClient(app: Application, options?: ClientOptions): SyncTestClient;
export function testClient(app: AsyncApplication, options?: ClientOptions): AsyncTestClient;
export function testClient(
  app: Application | AsyncApplication,
  options: ClientOptions = {},
): SyncTestClient | AsyncTestClient {
  // What is no application, the client refuses.
  const kind = options.kind ?? (typeof app === 'function' ? kindOf(app) : 'sync');
  // Its kind is what the test, or the mark of the function, says.
  return kind === 'async'
    ? new AsyncTestClient(app as AsyncApplication, options)
    : new SyncTestClient(app as Application, options);
}
