/** The settings that say which proxies are trusted, and with what. */
import type { TrustProxyOptions } from '../../environ/trusted-proxies.ts';
import { ConfigurationError } from '../../interface/errors.ts';
import { type Bind, formatBind, isProxied } from '../bind.ts';
import { expected, type Setting } from '../setting-kinds.ts';

type ListSetting = Setting<readonly string[], string | readonly string[]>;

export const trustedProxies: ListSetting = {
  group: 'Proxies',
  value: 'LIST',
  default: [],
  defaultText: 'none',
  separator: ',',
  otherVariable: 'FORWARDED_ALLOW_IPS',
  text: 'Proxies that are believed about address and scheme of their clients: addresses, CIDR blocks, loopback, linklocal, uniquelocal, or unix for peers on Unix sockets; fields of all others that claim such are removed; without its own variable FORWARDED_ALLOW_IPS counts; repeatable',
  read(input) {
    const list = readList(input);
    // Which would let every client choose its address.
    if (list.includes('*')) throw expected('the addresses of your proxies, or uniquelocal for private networks', '*');
    const isNone = Array.isArray(input) && input.length === 0;
    if (list.length === 0 && !isNone) throw expected('addresses such as 10.0.0.1 or 10.0.0.0/8', input);
    return list;
  },
  show: (input) => readList(input).join(','),
};

/** What proxies may be believed about beside address and scheme. */
const PARTS = ['host', 'port', 'prefix'] as const;
const FAMILIES = ['x-forwarded', 'forwarded'] as const;

export const trustedFields: ListSetting = {
  group: 'Proxies',
  value: 'LIST',
  default: ['x-forwarded'],
  separator: ',',
  text: 'What they are believed by: x-forwarded (X-Forwarded-For and -Proto) or forwarded (RFC 7239), and as far as they set or remove them host, port and prefix (X-Forwarded-Host, host of Forwarded, X-Forwarded-Port, X-Forwarded-Prefix)',
  read(input) {
    const list = readList(input);
    const known: readonly string[] = [...FAMILIES, ...PARTS];
    const families = FAMILIES.filter((family) => list.includes(family));
    if (families.length === 1 && list.every((word) => known.includes(word))) return list;
    throw expected(`x-forwarded or forwarded, and any of ${PARTS.join(', ')}`, input);
  },
  show: (input) => readList(input).join(','),
};

/** The words of a list, or of texts that separate them by commas. */
function readList(input: unknown): string[] {
  return [input].flat().flatMap((text) => {
    if (typeof text !== 'string') throw expected('a list of words', input);
    return text
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== '');
  });
}

interface ProxySettings {
  trustedProxies: readonly string[];
  trustedFields: readonly string[];
}

/** What the settings say, in the words of the middleware; null where no proxy is trusted. */
export function proxyOptions({ trustedProxies, trustedFields }: ProxySettings): TrustProxyOptions | null {
  if (trustedProxies.length === 0) return null;
  const [host, port, prefix] = PARTS.map((part) => trustedFields.includes(part));
  const fields = trustedFields.includes('forwarded') ? 'forwarded' : 'x-forwarded';
  return { trusted: trustedProxies, fields, host, port, prefix };
}

/** @throws ConfigurationError for an address that nobody could use */
export function checkProxies(binds: readonly Bind[], { trustedProxies }: ProxySettings): void {
  const proxied = binds.find(isProxied);
  if (proxied === undefined || trustedProxies.length > 0) return;
  throw new ConfigurationError(
    `bind "${formatBind(proxied)}": set trustedProxies, which says who may speak the PROXY protocol there`,
  );
}
