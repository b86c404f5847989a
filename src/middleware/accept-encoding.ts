import Negotiator from 'negotiator';

/** `encodings` of negotiator 1 has a second argument that its types lack. */
interface Negotiation {
  encodings(available: readonly string[], options: { preferred: readonly string[] }): string[];
}

/**
 * The content codings that a client accepts (RFC 9110, 12.5.3), those first that it likes best.
 *
 * @param codings with `identity`, in order of our preference among those that it likes equally
 * @param accept the field Accept-Encoding
 */
export function acceptedOf(codings: readonly string[], accept: string): string[] {
  const negotiation: Negotiation = new Negotiator({ headers: { 'accept-encoding': accept } });
  return negotiation.encodings(codings, { preferred: codings });
}
