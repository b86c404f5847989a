import { ConfigurationError } from '../interface/errors.ts';
import { isAuthority, splitAuthority } from '../rules/grammar.ts';
import { shown } from '../rules/show.ts';
import { plainAnswer } from './answers.ts';
import { middleware } from './define.ts';
import type { Middleware } from './types.ts';

/** Stands for all hosts below a domain. */
const BELOW = '*.';

/**
 * Lets requests to these hosts through, and answers 421 to all others (M-31): to those that name none, too. What an
 * application makes of `Host`, links in mails above all, then names no host of an attacker's.
 *
 * @param hosts `example.com` (at any port), `example.com:8443`, `*.example.com` (all below it, and not itself)
 * @throws ConfigurationError
 */
export function allowHosts(hosts: readonly string[]): Middleware {
  const whole = new Set<string>();
  const endings: string[] = [];
  for (const host of hosts) {
    const name = host.toLowerCase();
    const bare = name.startsWith(BELOW) ? name.slice(BELOW.length) : name;
    if (!isAuthority(bare) || bare.includes('*')) {
      throw new ConfigurationError(`allowHosts: ${shown(host)} is no host such as example.com or *.example.com`);
    }
    if (bare === name) whole.add(name);
    else endings.push(`.${bare}`);
  }
  if (hosts.length === 0) throw new ConfigurationError('allowHosts: a list of hosts such as example.com, got none');

  const isAllowed = (authority: string): boolean => {
    if (!isAuthority(authority)) return false;
    const [host] = splitAuthority(authority);
    const names = [authority, host];
    return names.some((name) => whole.has(name) || endings.some((ending) => name.endsWith(ending)));
  };
  return middleware({
    name: 'allowHosts',
    request({ HTTP_HOST: host }) {
      return host !== undefined && isAllowed(host.toLowerCase()) ? undefined : plainAnswer(421);
    },
  });
}
