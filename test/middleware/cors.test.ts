import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/index.ts';
import { type CorsOptions, cors } from '../../src/middleware/index.ts';
import { call, hello, KINDS, streamed } from './drive.ts';

describe.each(KINDS)('cors in the %s convention', (kind) => {
  const origin = 'https://a.example';

  it('allows every origin by default, without a Vary', async () => {
    const reply = await call(kind, cors(), hello(), { headers: { Origin: origin } });
    expect(reply.field('Access-Control-Allow-Origin')).toBe('*');
    expect(reply.field('Vary')).toBeUndefined();
    expect(reply.text).toBe('hello');
  });

  it('names an allowed origin and varies, also for requests without one', async () => {
    const wrap = cors({ origin: [origin, /https:\/\/[a-z]+\.test/], credentials: true, exposedHeaders: ['X-Count'] });
    const get = (headers: Record<string, string>) =>
      call(kind, wrap, streamed(['a'], [['Vary', 'Accept']]), { headers });
    const allowed = await get({ Origin: origin });
    expect(allowed.field('Access-Control-Allow-Origin')).toBe(origin);
    expect(allowed.field('Access-Control-Allow-Credentials')).toBe('true');
    expect(allowed.field('Access-Control-Expose-Headers')).toBe('X-Count');
    expect(allowed.field('Vary')).toBe('Accept, Origin');
    expect((await get({ Origin: 'https://b.test' })).field('Access-Control-Allow-Origin')).toBe('https://b.test');
    const others: Record<string, string>[] = [
      {},
      { Origin: 'https://b.test.evil' },
      { Origin: 'https://A.example' },
      { Origin: 'null' },
    ];
    for (const headers of others) {
      const reply = await get(headers);
      expect(reply.field('Access-Control-Allow-Origin')).toBeUndefined();
      expect(reply.field('Vary')).toBe('Accept, Origin');
    }
  });

  it('M-24 takes no answer of an origin function but true for yes', async () => {
    const wrong: unknown[] = ['https://only.test', 1, {}, [], () => true];
    if (kind === 'sync') wrong.push(Promise.resolve(true), Promise.resolve(false), Promise.reject(new Error('later')));
    for (const method of ['GET', 'OPTIONS']) {
      const headers = { Origin: origin, 'Access-Control-Request-Method': 'GET' };
      const ask = (answer: unknown) =>
        call(kind, cors({ origin: () => answer as boolean, credentials: true }), hello(), { method, headers });
      for (const answer of wrong) {
        const reply = await ask(answer);
        expect(reply.code).toBe(500);
        expect(reply.errors).toContain('the origin function of cors');
        expect(reply.field('Access-Control-Allow-Origin')).toBeUndefined();
      }
      for (const answer of [false, undefined, null, '', 0]) {
        const reply = await ask(answer);
        expect([reply.code < 300, reply.field('Access-Control-Allow-Origin')]).toEqual([true, undefined]);
      }
      expect((await ask(true)).field('Access-Control-Allow-Origin')).toBe(origin);
    }
  });

  it.runIf(kind === 'async')('M-24 waits for an origin function', async () => {
    const allowed = async () => new Set([origin]);
    const wrap = cors({ origin: async (found) => (await allowed()).has(found), credentials: true });
    const from = (other: string) => call(kind, wrap, hello(), { headers: { Origin: other } });
    expect((await from(origin)).field('Access-Control-Allow-Origin')).toBe(origin);
    expect(await from('https://evil.test')).toMatchObject({ code: 200, text: 'hello' });
    expect((await from('https://evil.test')).field('Access-Control-Allow-Origin')).toBeUndefined();
    const text = cors({ origin: async () => origin as never });
    expect((await call(kind, text, hello(), { headers: { Origin: origin } })).code).toBe(500);
  });

  it('answers a preflight itself', async () => {
    const wrap = cors({ origin: (found) => found === origin, maxAge: 600, methods: ['GET', 'PUT'] });
    const ask = (from: string, fields: string) =>
      call(kind, wrap, () => expect.fail('the application was called'), {
        method: 'OPTIONS',
        headers: {
          Origin: from,
          'Access-Control-Request-Method': 'PUT',
          'Access-Control-Request-Headers': fields,
        },
      });
    const reply = await ask(origin, 'x-a, x-b');
    expect(reply.status).toBe('204 No Content');
    expect(reply.field('Access-Control-Allow-Methods')).toBe('GET, PUT');
    expect(reply.field('Access-Control-Allow-Headers')).toBe('x-a, x-b');
    expect(reply.field('Access-Control-Max-Age')).toBe('600');
    expect(reply.field('Vary')).toBe('Origin, Access-Control-Request-Method, Access-Control-Request-Headers');
    expect((await ask(origin, 'x y')).field('Access-Control-Allow-Headers')).toBeUndefined();
    const refused = await ask('https://other.example', 'x-a');
    expect(refused.status).toBe('204 No Content');
    expect(refused.headers.map(([name]) => name)).toEqual(['Vary']);
  });

  it('M-33 lets public pages into a private network only where it is told to, and by origin', async () => {
    const ask = (from: string, options: CorsOptions, wanted = 'true') =>
      call(kind, cors({ origin: [origin], ...options }), () => expect.fail('the application was called'), {
        method: 'OPTIONS',
        headers: {
          Origin: from,
          'Access-Control-Request-Method': 'GET',
          'Access-Control-Request-Private-Network': wanted,
        },
      });
    const field = 'Access-Control-Allow-Private-Network';
    const allowed = await ask(origin, { privateNetwork: true });
    expect(allowed.field(field)).toBe('true');
    expect(allowed.field('Vary')).toContain('Access-Control-Request-Private-Network');
    expect((await ask(origin, {})).field(field)).toBeUndefined();
    expect((await ask(origin, { privateNetwork: true }, 'false')).field(field)).toBeUndefined();
    expect((await ask('https://b.example', { privateNetwork: true })).field(field)).toBeUndefined();
  });

  it('leaves other OPTIONS requests to the application', async () => {
    const reply = await call(kind, cors(), hello('mine'), { method: 'OPTIONS', headers: { Origin: origin } });
    expect(reply.text).toBe('mine');
  });
});

it('cors refuses settings that browsers or caches would trip over', () => {
  expect(() => cors({ credentials: true })).toThrow(/credentials/);
  expect(() => cors({ origin: ['*'] })).toThrow(ConfigurationError);
  expect(() => cors({ maxAge: -1 })).toThrow(ConfigurationError);
  expect(() => cors({ methods: ['GET\r\n'] })).toThrow(ConfigurationError);
});
