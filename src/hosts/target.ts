import type { RequestLine } from '../environ/mount-environs.ts';
import { isAuthority } from '../rules/grammar.ts';
import { RefusedRequest } from '../rules/refused-request.ts';

/** The target of a request as its host has left it: what the host has taken off the path is its script name. */
export type Target = Omit<RequestLine, 'method' | 'protocol'>;

/** @throws RefusedRequest for a Host field that names none */
export function checkHost(host: string): void {
  if (host === '' || isAuthority(host)) return;
  throw new RefusedRequest('the Host field is not a host with an optional port (RFC 9112, 3.2)');
}
