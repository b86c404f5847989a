/** What was written for another interface, known by its shape, and the line that makes an application of it. */

/** The call of an adapter that fits, by what a value is; `site` is the value. */
const CALLS = {
  listener: 'fromNodeListener(site)', // Express, Connect
  server: 'fromNodeListener(site)',
  koa: 'fromNodeListener(site.callback())',
  polka: 'fromNodeListener(site.handler)',
  fastify:
    'fromNodeListener((request, response) => site.routing(request, response), ' +
    '{ startup: async () => { await site.ready(); }, shutdown: () => site.close() })',
  fetch: 'fromFetchHandler(site)', // Hono, h3
};

type Foreign = keyof typeof CALLS;

/** Whether all of these are methods. */
function has(value: object, ...names: string[]): boolean {
  return names.every((name) => typeof Reflect.get(value, name) === 'function');
}

/** What a value of another interface is; null for any other value. */
export function foreignKind(value: unknown): Foreign | null {
  if (typeof value === 'function') {
    // No application of ours takes three arguments, or one.
    if (value.length === 3 && has(value, 'handle', 'use')) return 'listener';
    return value.length < 2 && has(value, 'fetch') ? 'fetch' : null;
  }
  if (typeof value !== 'object' || value === null) return null;
  if (has(value, 'fetch')) return 'fetch';
  if (has(value, 'routing', 'ready')) return 'fastify';
  if (has(value, 'callback', 'use')) return 'koa';
  if (has(value, 'handler', 'use')) return 'polka';
  return has(value, 'listen', 'emit') ? 'server' : null;
}

/**
 * What to write in place of an export, for messages; null for a value of none of the interfaces that have an adapter.
 *
 * @param name the export
 */
export function adapterLine(value: unknown, name: string): string | null {
  const kind = foreignKind(value);
  if (kind === null) return null;
  const found = CALLS[kind];
  const adapter = found.slice(0, found.indexOf('('));
  const start = name !== 'default' && /^[\w$]+$/.test(name) ? `export const ${name} =` : 'export default';
  return (
    `make an application of it with ${adapter} of quaich/adapters: ` +
    `"import { ${adapter} } from 'quaich/adapters';" and "${start} ${found};", where site is what it is now`
  );
}
