/**
 * The hops that a request came by, as the fields of proxies tell them: read from the right, where the nearest wrote.
 */
import parseForwarded from 'forwarded-parse';
import type { AsyncEnviron, Environ } from '../interface/types.ts';
import { trimmed } from '../rules/trimmed.ts';

/** An environ, or some of its variables. */
export type PartialEnviron = Partial<Environ | AsyncEnviron>;

/** The family of fields that proxies set: `X-Forwarded-*`, or `Forwarded` (RFC 7239). */
export type Family = 'x-forwarded' | 'forwarded';

/** One hop as a proxy wrote it down: who sent it the request, and what was asked for. */
export interface ProxyHop {
  /** The element of the list that tells of it. */
  text: string;
  node: string;
  proto?: string;
  host?: string;
}

/** Elements of a field that are looked at, counted from its end. */
const MOST_HOPS = 64;

/** Where the element that ends before `end` begins: behind a comma, or at 0. */
function elementStart(field: string, end: number): number {
  return end === 0 ? 0 : field.lastIndexOf(',', end - 1) + 1;
}

/** The last elements of a list, the very last first. */
export function lastElements(field: string | undefined): string[] {
  const elements: string[] = [];
  if (field === undefined) return elements;
  for (let end = field.length; end >= 0 && elements.length < MOST_HOPS; ) {
    const start = elementStart(field, end);
    elements.push(trimmed(field.slice(start, end)));
    end = start - 1;
  }
  return elements;
}

/**
 * The pairs in a text, and whether a quoted string has only one of its ends there. A quote behind a backslash is none.
 */
function scan(text: string): { pairs: number; open: boolean } {
  let pairs = 1;
  let open = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text[i];
    if (unit === '\\') i++;
    else if (unit === '"') open = !open;
    else if (unit === ';' && !open) pairs++;
  }
  return { pairs, open };
}

/** One element of `Forwarded`; null where it is malformed, or says something twice (RFC 7239, 4). */
function forwardedHop(text: string): ProxyHop | null {
  try {
    const elements = parseForwarded(text);
    if (elements.length !== 1) return null;
    const [element] = elements;
    if (Object.keys(element).length !== scan(text).pairs) return null;
    return { text, node: element.for ?? '', proto: element.proto, host: element.host };
  } catch {
    return null;
  }
}

/**
 * The hops of `Forwarded`, as far as it can be read from the right. What a client sent stands at the left of what
 * proxies wrote: whatever it is, and be it an open quote, it must not keep from reading what is at the right of it.
 */
function forwardedHops({ HTTP_FORWARDED: field = '' }: PartialEnviron): ProxyHop[] {
  const hops: ProxyHop[] = [];
  let end = field.length;
  let open = false;
  for (let before = end; before >= 0 && hops.length < MOST_HOPS; ) {
    const start = elementStart(field, before);
    if (scan(field.slice(start, before)).open) open = !open;
    before = start - 1;
    if (open) continue; // the comma stands in a quoted string
    const text = trimmed(field.slice(start, end));
    end = before;
    if (text === '') continue;
    const hop = forwardedHop(text);
    if (hop === null) break;
    hops.push(hop);
  }
  return hops;
}

/**
 * The hops of `X-Forwarded-*`. Some proxies append to each field, some set one value: lists of the same length belong
 * together, of any other list the last value counts, which the nearest proxy wrote.
 */
function xForwardedHops(environ: PartialEnviron): ProxyHop[] {
  const nodes = lastElements(environ.HTTP_X_FORWARDED_FOR);
  const protos = lastElements(environ.HTTP_X_FORWARDED_PROTO);
  const hosts = lastElements(environ.HTTP_X_FORWARDED_HOST);
  const nth = (values: string[], index: number) => values[values.length === nodes.length ? index : 0];
  // A proxy that only speaks of scheme and host.
  if (nodes.length === 0 && protos.length + hosts.length > 0) {
    return [{ text: '', node: '', proto: protos[0], host: hosts[0] }];
  }
  return nodes.map((node, index) => ({ text: node, node, proto: nth(protos, index), host: nth(hosts, index) }));
}

/** The hops of a request, the last first. */
export function hopsOf(environ: PartialEnviron, family: Family): ProxyHop[] {
  return family === 'forwarded' ? forwardedHops(environ) : xForwardedHops(environ);
}

/** Leaves of the fields what tells of the last `count` hops: what stands further left could be anybody's invention. */
export function cutToHops(environ: PartialEnviron, family: Family, hops: readonly ProxyHop[], count: number): void {
  if (family === 'forwarded') {
    const elements = hops.map(({ text }) => text);
    if (count === 0) delete environ.HTTP_FORWARDED;
    else environ.HTTP_FORWARDED = listOf(elements, count);
    return;
  }
  const { length } = lastElements(environ.HTTP_X_FORWARDED_FOR);
  for (const name of ['HTTP_X_FORWARDED_FOR', 'HTTP_X_FORWARDED_PROTO', 'HTTP_X_FORWARDED_HOST'] as const) {
    cut(environ, name, length, count);
  }
  for (const name of ['HTTP_X_FORWARDED_PORT', 'HTTP_X_FORWARDED_PREFIX'] as const) cut(environ, name, 0, 1);
}

/** Leaves the last `count` elements of a list that has `length`, of any other the last one. */
function cut(environ: PartialEnviron, name: `HTTP_${string}`, length: number, count: number): void {
  const elements = lastElements(environ[name]);
  if (elements.length > 1) environ[name] = listOf(elements, elements.length === length ? count : 1);
}

/** The first `count` elements, the first of them last. */
function listOf(elements: readonly string[], count: number): string {
  return elements.slice(0, count).reverse().join(', ');
}
