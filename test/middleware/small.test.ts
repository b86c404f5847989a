import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { ConfigurationError, kindOf } from '../../src/index.ts';
import { compose, cors, requestId, responseTime } from '../../src/middleware/index.ts';
import { bytes, call, hello, KINDS, make, streamed } from './drive.ts';

describe.each(KINDS)('in the %s convention', (kind) => {
  describe('requestId', () => {
    it('gives every request an id of its own, in environ and response', async () => {
      const seen: unknown[] = [];
      const wrap = requestId();
      const ids = [];
      for (let i = 0; i < 2; i++) {
        const reply = await call(kind, wrap, (environ, startResponse) => {
          seen.push(environ['quaich.request_id']);
          return hello()(environ, startResponse);
        });
        ids.push(reply.field('X-Request-Id'));
      }
      expect(ids).toEqual(seen);
      expect(new Set(ids).size).toBe(2);
      expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/);
    });

    it('takes over an id only where it is told to, and only a harmless one', async () => {
      const headers = { 'X-Request-Id': 'abc-1' };
      expect((await call(kind, requestId(), hello(), { headers })).field('X-Request-Id')).not.toBe('abc-1');
      const trusting = requestId({ trustIncoming: true });
      expect((await call(kind, trusting, hello(), { headers })).field('X-Request-Id')).toBe('abc-1');
      for (const bad of ['', 'a b', '<script>', 'x'.repeat(129), 'é']) {
        const reply = await call(kind, trusting, hello(), { headers: { 'X-Request-Id': bad } });
        expect(reply.field('X-Request-Id')).toMatch(/^[0-9a-f-]{36}$/);
      }
    });

    it('carries its context through the call, each step and the close (M-21)', async () => {
      const context = new AsyncLocalStorage<string>();
      const seen: (string | undefined)[] = [];
      let count = 0;
      const wrap = requestId({ context, generate: () => `id${count++}`, header: 'Request-Id' });
      await call(kind, wrap, (_environ, startResponse) => {
        seen.push(context.getStore());
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        function* body() {
          seen.push(context.getStore());
          yield bytes('a');
          seen.push(context.getStore());
          yield bytes('b');
        }
        return Object.assign(body(), {
          close() {
            seen.push(context.getStore());
          },
        });
      });
      expect(seen).toEqual(['id0', 'id0', 'id0', 'id0']);
      expect(context.getStore()).toBeUndefined();
    });

    it('refuses a header that is no field name', () => {
      expect(() => requestId({ header: 'X Request' })).toThrow(ConfigurationError);
    });
  });

  describe('responseTime', () => {
    it('says how long the application took to its head', async () => {
      let now = 10;
      const wrap = responseTime({ now: () => now });
      const reply = await call(kind, wrap, function* (_environ, startResponse) {
        now += 2.5;
        startResponse('200 OK', [
          ['Content-Type', 'text/plain'],
          ['Server-Timing', 'db;dur=1'],
        ]);
        yield bytes('x');
      });
      expect(reply.all('Server-Timing')).toEqual(['db;dur=1', 'app;dur=2.500']);
    });

    it('writes the bare figure in another field, and reports the end of the body', async () => {
      let now = 0;
      const ends: number[] = [];
      const wrap = responseTime({
        now: () => now,
        header: 'X-Response-Time',
        digits: 0,
        onComplete: (environ, milliseconds) => ends.push(milliseconds, environ.PATH_INFO.length),
      });
      const reply = await call(
        kind,
        wrap,
        function* (_environ, startResponse) {
          now = 3;
          startResponse('200 OK', [['Content-Type', 'text/plain']]);
          yield bytes('x');
          now = 9;
        },
        { path: '/four' },
      );
      expect(reply.field('x-response-time')).toBe('3');
      expect(ends).toEqual([9, 5]);
    });

    it('reports the end also when the application throws', async () => {
      let ends = 0;
      const wrap = responseTime({ onComplete: () => void ends++ });
      const reply = await call(kind, wrap, () => {
        throw new Error('on purpose');
      });
      expect(reply.code).toBe(500);
      expect(ends).toBe(1);
    });
  });

  describe('cors', () => {
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

    it('leaves other OPTIONS requests to the application', async () => {
      const reply = await call(kind, cors(), hello('mine'), { method: 'OPTIONS', headers: { Origin: origin } });
      expect(reply.text).toBe('mine');
    });
  });

  describe('compose', () => {
    it('applies the first member outermost, and keeps the kind (B-03)', async () => {
      const layer = (id: string) => requestId({ header: 'X-Order', generate: () => id });
      const wrap = compose([layer('outer'), layer('inner')]);
      const app = wrap(make(kind, hello()));
      expect(kindOf(app)).toBe(kind);
      // The last to set the field is the outermost.
      expect((await call(kind, wrap, hello())).field('X-Order')).toBe('outer');
    });

    it('of nothing is the application itself', () => {
      const app = make(kind, hello());
      expect(compose([])(app)).toBe(app);
    });
  });
});

it('cors refuses settings that browsers or caches would trip over', () => {
  expect(() => cors({ credentials: true })).toThrow(/credentials/);
  expect(() => cors({ origin: ['*'] })).toThrow(ConfigurationError);
  expect(() => cors({ maxAge: -1 })).toThrow(ConfigurationError);
  expect(() => cors({ methods: ['GET\r\n'] })).toThrow(ConfigurationError);
});
