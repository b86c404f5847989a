/** The pages of docs/deploy: what they say about state, run with two copies of an application, as on two machines. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { AsyncTestClient, SyncTestClient } from '../../src/testing/index.ts';
import { type Sample, SampleFolder } from './samples.ts';

const folder = new SampleFolder('docs/deploy/shared-state.md', { "from 'redis'": "from './redis.js'" });
afterAll(() => folder.remove());

/** The module once more, as another worker or another machine has it. */
async function copies(name: string): Promise<[Sample, Sample]> {
  return [await folder.load(name), await import(/* @vite-ignore */ `${folder.path(name)}?another`)];
}

describe('the page about state that machines share', () => {
  beforeAll(() => {
    folder.write(
      'application.js',
      `export async function app(environ, startResponse) {
         startResponse('200 OK', []);
         return [];
       }`,
    );
    // Stands in for the client of Redis; both copies have this one.
    folder.write(
      'redis.js',
      `const counts = new Map();
       export const calls = [];
       export const createClient = () => ({
         on() {},
         connect: async () => void calls.push('connect'),
         close: async () => void calls.push('close'),
         multi() {
           const results = [];
           return {
             incr(key) {
               counts.set(key, (counts.get(key) ?? 0) + 1);
               results.push(counts.get(key));
               return this;
             },
             expire(key, seconds) {
               results.push(1);
               return this;
             },
             exec: async () => results,
           };
         },
       });`,
    );
  });

  afterEach(() => vi.useRealTimers());

  it('shows sessions that every machine with the keys reads, also while a key is replaced', async () => {
    const keys = ['an old key of thirty-two bytes!!', 'a new key of thirty-two bytes!!!'];
    vi.stubEnv('SESSION_KEYS', keys[0]);
    const before = await folder.load('session.js');
    vi.stubEnv('SESSION_KEYS', keys.toReversed().join());
    const after: Sample = await import(/* @vite-ignore */ `${folder.path('session.js')}?another`);
    vi.unstubAllEnvs();
    const first = new SyncTestClient(before.app).get('/');
    expect([first.text, first.statusLine]).toEqual(['visit 1\n', '200 OK']);
    const [cookie] = String(first.headers.get('Set-Cookie')).split(';');
    expect(new SyncTestClient(after.app).get('/', { headers: { Cookie: cookie } }).text).toBe('visit 2\n');
  });

  it('shows a limit that all machines count together', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const clients = (await copies('limited.js')).map(({ app }) => new AsyncTestClient(app));
    const { calls } = await folder.load('redis.js');
    for (const client of clients) await client.startup();
    for (let n = 0; n < 100; n++) expect((await clients[n % 2].get('/')).status).toBe(200);
    for (const client of clients) {
      const refused = await client.get('/');
      expect([refused.status, refused.headers.get('Retry-After')]).toEqual([429, '60']);
      expect((await client.get('/', { remoteAddress: '192.0.2.1' })).status).toBe(200);
    }
    vi.setSystemTime(Date.now() + 60_000);
    expect((await clients[0].get('/')).status).toBe(200);
    for (const client of clients) await client.shutdown();
    expect(calls).toEqual(['connect', 'connect', 'close', 'close']);
  });
});
