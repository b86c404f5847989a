/** The helper: kinds and lifespan hooks of the applications it wraps. */
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/index.ts';
import { type Handling, middleware } from '../../src/middleware/index.ts';
import { call, hello, KINDS, make, streamed } from './drive.ts';

function handle(handling: Handling) {
  return middleware({ name: 'test', request: () => ({ ...handling, environ: undefined }) });
}

describe.each(KINDS)('in the %s convention', (kind) => {
  describe('lifespan', () => {
    it('runs startup from the outside in and shutdown from the inside out (L-14)', async () => {
      const log: string[] = [];
      const layer = (name: string) =>
        middleware({
          name,
          request: () => undefined,
          startup: () => void log.push(`${name} up`),
          shutdown: () => void log.push(`${name} down`),
        });
      const app = Object.assign(make(kind, hello()), {
        startup(this: unknown) {
          log.push(`app up ${this === app}`);
        },
        shutdown: () => void log.push('app down'),
      });
      const wrapped = layer('outer')(middleware({ name: 'none', request: () => undefined })(layer('inner')(app)));
      await wrapped.startup?.({});
      await wrapped.shutdown?.({});
      expect(log).toEqual(['outer up', 'inner up', 'app up true', 'app down', 'inner down', 'outer down']);
    });

    it('has no hooks where nobody has any', () => {
      const wrapped = handle({})(make(kind, hello()));
      expect('startup' in wrapped || 'shutdown' in wrapped).toBe(false);
    });

    it('shows the same hook whichever way the application is wrapped', () => {
      const app = Object.assign(make(kind, hello()), { startup() {} });
      expect(handle({})(app).startup).toBe(handle({ onHead() {} })(app).startup);
    });
  });
});

describe('refusal of the other kind (M-18)', () => {
  it('names the bridge', () => {
    const syncOnly = middleware({ name: 'blocking', kind: 'sync', request: () => undefined });
    const asyncOnly = middleware({ name: 'waiting', kind: 'async', request: () => undefined });
    expect(() => syncOnly(make('async', hello()))).toThrow(/blocking needs sync .* asyncToSync/);
    expect(() => asyncOnly(make('sync', hello()))).toThrow(/waiting needs async .* syncToAsync/);
    expect(() => syncOnly(make('sync', hello()))).not.toThrow();
  });

  it('refuses what is no application', () => {
    expect(() => handle({})({} as never)).toThrow(ConfigurationError);
  });

  it('refuses promises from a middleware in the sync convention (B-02)', async () => {
    const wrap = middleware({ name: 'waiting', request: async () => undefined });
    const reply = await call('sync', wrap, hello());
    expect(reply.code).toBe(500);
    expect(reply.errors).toContain('waiting: request() gave a promise');
    expect((await call('async', wrap, hello())).text).toBe('hello');
  });

  it('refuses promises from a mapping in the sync convention', async () => {
    const wrap = handle({ mapBody: () => ({ chunk: async (chunk) => chunk }) });
    expect((await call('sync', wrap, streamed(['a']))).errors).toContain('cannot give a promise');
    expect((await call('async', wrap, streamed(['a']))).text).toBe('a');
  });
});
