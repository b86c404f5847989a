import { fileURLToPath } from 'node:url';
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Case, cases, hasShared } from '../corpus/corpus.ts';
import { Authority } from './certificates.ts';
import { parseResponses, talk, type WireResponse } from './client.ts';

const module = fileURLToPath(new URL('./apps/describe.mjs', import.meta.url));

if (!hasShared) console.log('The corpus inputs that belong to other projects are not here: only our own are run.');

/** What an application should see of a request, in the words of environ. */
function seen(request: Case['requests'][number]): unknown {
  const fields: Record<string, string> = {};
  for (const [name, value] of request.headers) {
    const lower = name.toLowerCase();
    // G-32, G-35, G-36
    if (name.includes('_') || lower === 'proxy' || lower === 'transfer-encoding') continue;
    const cgi = lower.toUpperCase().replaceAll('-', '_');
    const key = cgi === 'CONTENT_TYPE' || cgi === 'CONTENT_LENGTH' ? cgi : `HTTP_${cgi}`;
    const joint = lower === 'cookie' ? '; ' : ',';
    fields[key] = key in fields && key !== 'CONTENT_LENGTH' ? fields[key] + joint + value : value;
  }
  // G-20: the authority of an absolute-form target goes before the Host field.
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(request.target);
  if (authority !== null) fields.HTTP_HOST = authority[1];
  return { method: request.method, target: request.target, version: request.version, fields, body: request.body };
}

function judge(c: Case, responses: WireResponse[]): string | null {
  const served = responses.filter((response) => response.status === 200);
  const refused = responses.filter((response) => response.status >= 400);
  if (served.length + refused.length !== responses.length) return 'a status that nobody sends';
  // CONNECT is refused by the gateway (G-21), at its place among the others.
  const wanted = c.requests.filter((request) => request.method !== 'CONNECT');
  const connects = c.requests.length - wanted.length;
  if (served.length > wanted.length) return `${served.length} requests were served, ${wanted.length} sent`;
  for (const [index, response] of served.entries()) {
    const request = wanted[index];
    if (!response.complete) return 'an incomplete response';
    if (request.method === 'HEAD') continue;
    const found = JSON.stringify(sorted(JSON.parse(Buffer.from(response.body, 'latin1').toString())));
    const expected = JSON.stringify(sorted(seen(request)));
    if (found !== expected) return `request ${index}: ${found} instead of ${expected}`;
  }
  const all = served.length === wanted.length;
  const refusals = refused.length - connects;
  if (c.expect === 'accept') return all && refusals === 0 ? null : `${served.length} served, ${refusals} refused`;
  if (c.expect === 'reject') return all && refusals === 1 ? null : `${served.length} served, ${refusals} refused`;
  if (c.expect === 'incomplete') return all && refusals <= 1 ? null : `${served.length} served, ${refusals} refused`;
  return all || refusals <= 1 ? null : `${refusals} refusals`;
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

/** Every limit that is off by default, and the others closer: no case comes near them. */
const LIMITS: Partial<ServeOptions> = {
  ...{ maxConnections: 100, maxConnectionsPerAddress: 50, maxConnectionRequests: 1000, maxRequestsInProgress: 64 },
  ...{ asyncRequests: 32, limitQueue: 100, limitWorkerMemory: '512m', minRate: 1000, bufferBody: '64k' },
  ...{ recycleMemory: '400m', recycleAge: '1h', maxDeaths: 3 },
  ...{ timeoutHead: '10s', timeoutBody: '10s', timeoutSend: '10s', timeoutQueue: '20s', timeoutLoop: '20s' },
  ...{ timeoutResponse: '20s', timeoutAsyncResponse: '20s', timeoutStep: '20s' },
};

const authority = new Authority();
const { cert: tlsCert, key: tlsKey } = authority.issue('site', { subject: '/CN=localhost' });
afterAll(() => authority.remove());

describe.each([
  ['TCP', 'sync'],
  ['TCP', 'async'],
  ['TCP', 'inline'],
  ['TCP', 'inline without direct reads'],
  ['TCP', 'sync, all limits on'],
  ['TCP', 'async, all limits on'],
  ['TLS', 'sync, all limits on'],
  ['TLS', 'async, all limits on'],
  ['TLS', 'inline, all limits on'],
])('the corpus over %s: %s', (carrier, way) => {
  let server: Server;

  beforeAll(async () => {
    server = await serve({
      apps: [{ module, export: way.startsWith('sync') ? 'syncApp' : 'asyncApp', inline: way.startsWith('inline') }],
      bind: `${carrier === 'TLS' ? 'https://' : ''}127.0.0.1:0`,
      ...(carrier === 'TLS' && { tlsCert, tlsKey }),
      syncWorkers: 2,
      asyncWorkers: 1,
      directReads: !way.includes('without'),
      // As far as the corpus goes.
      limitRequestFields: 100,
      ...(way.endsWith('all limits on') && LIMITS),
    });
  });

  afterAll(() => server.close());

  const run = async (cut: (input: string) => string | string[] | null): Promise<string[]> => {
    const wrong: string[] = [];
    const queue = cases.values();
    // Several at a time, each with a connection of its own.
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (const c of queue) {
          const pieces = cut(c.input);
          if (pieces === null) continue;
          const text = await talk(server.url, pieces);
          let problem: string | null;
          try {
            problem = judge(
              c,
              parseResponses(
                text,
                c.requests.map((request) => request.method),
              ),
            );
          } catch (error) {
            problem = String(error);
          }
          if (problem !== null) wrong.push(`${c.id}: ${problem}`);
        }
      }),
    );
    return wrong;
  };

  it('every case in one piece', async () => {
    expect(await run((input) => input)).toEqual([]);
  });

  it('every case in two pieces, cut at several points', async () => {
    for (const part of [0.25, 0.5, 0.75, 0.95]) {
      const at = (input: string) => Math.max(1, Math.floor(input.length * part));
      expect(await run((input) => [input.slice(0, at(input)), input.slice(at(input))])).toEqual([]);
    }
  });

  // Which costs a record of TLS for each, and shows nothing more there.
  it.runIf(carrier === 'TCP')('every case below 400 bytes byte by byte', async () => {
    expect(await run((input) => (input.length < 400 ? [...input] : null))).toEqual([]);
  });
});
