/** What was written for another interface, known by its shape, and the line that makes an application of it. */

const FASTIFY =
  'fromNodeListener((request, response) => site.routing(request, response), ' +
  '{ startup: async () => { await site.ready(); }, shutdown: () => site.close() })';

/** Whether all of these are methods. */
function has(value: object, ...names: string[]): boolean {
  return names.every((name) => typeof Reflect.get(value, name) === 'function');
}

/** The call of an adapter that fits, where `site` is the value. */
function call(value: unknown): string | null {
  if (typeof value === 'function') {
    // No application of ours takes three arguments, or one.
    if (value.length === 3 && has(value, 'handle', 'use')) return 'fromNodeListener(site)'; // Express, Connect
    return value.length < 2 && has(value, 'fetch') ? 'fromFetchHandler(site)' : null;
  }
  if (typeof value !== 'object' || value === null) return null;
  if (has(value, 'fetch')) return 'fromFetchHandler(site)';
  if (has(value, 'routing', 'ready')) return FASTIFY;
  if (has(value, 'callback', 'use')) return 'fromNodeListener(site.callback())'; // Koa
  if (has(value, 'handler', 'use')) return 'fromNodeListener(site.handler)'; // polka
  return has(value, 'listen', 'emit') ? 'fromNodeListener(site)' : null; // a server
}

/**
 * What to write in place of an export, for messages; null for a value of none of the interfaces that have an adapter.
 *
 * @param name the export
 */
export function adapterLine(value: unknown, name: string): string | null {
  const found = call(value);
  if (found === null) return null;
  const adapter = found.slice(0, found.indexOf('('));
  const start = name !== 'default' && /^[\w$]+$/.test(name) ? `export const ${name} =` : 'export default';
  return (
    `make an application of it with ${adapter} of quaich/adapters: ` +
    `"import { ${adapter} } from 'quaich/adapters';" and "${start} ${found};", where site is what it is now`
  );
}
