import type { TrustedProxies, TrustProxyOptions } from './trusted-proxies.ts';

/**
 * The proxies that a server trusts; null where it trusts none. Loaded where they are needed: addresses take a library.
 *
 * @throws ConfigurationError
 */
export async function loadProxies(options: TrustProxyOptions | null): Promise<TrustedProxies | null> {
  if (options === null) return null;
  const { TrustedProxies } = await import('./trusted-proxies.ts');
  return new TrustedProxies('trustedProxies', options);
}
