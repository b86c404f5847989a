import { TrustedProxies, type TrustProxyOptions } from '../environ/trusted-proxies.ts';
import { ConfigurationError } from '../interface/errors.ts';
import { checkSwitches } from './decision.ts';
import { middleware } from './define.ts';
import type { Middleware } from './types.ts';

export type { TrustProxyOptions } from '../environ/trusted-proxies.ts';

/**
 * Replaces address, scheme and host by what trusted proxies say of the client, as `--trusted-proxies` of the server
 * does (G-39, `TrustedProxies.apply`).
 *
 * @throws ConfigurationError
 */
export function trustProxy(options: TrustProxyOptions): Middleware {
  const { trusted, host = false, port = false, prefix = false } = options;
  checkSwitches('trustProxy', { host, port, prefix });
  if (trusted.length === 0) throw new ConfigurationError('trustProxy: trusted names at least one proxy');
  const proxies = new TrustedProxies('trustProxy', options);
  return middleware({
    name: 'trustProxy',
    request(environ) {
      proxies.apply(environ);
      return undefined;
    },
  });
}
