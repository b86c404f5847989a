import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/index.ts';
import { requestId } from '../../src/middleware/index.ts';
import { bytes, call, hello, KINDS } from './drive.ts';

describe.each(KINDS)('requestId in the %s convention', (kind) => {
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
