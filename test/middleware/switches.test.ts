import { expect, it } from 'vitest';
import { ConfigurationError } from '../../src/index.ts';
import { cors, errorPage, middleware, requestId, staticFiles, trustProxy } from '../../src/middleware/index.ts';
import { call, hello, KINDS } from './drive.ts';

const text = 'false' as never;

it.each<[string, () => unknown]>([
  ['credentials of cors', () => cors({ origin: 'https://a.test', credentials: text })],
  ['development of errorPage', () => errorPage({ development: text })],
  ['trustIncoming of requestId', () => requestId({ trustIncoming: text })],
  ['dotfiles of staticFiles', () => staticFiles({ root: '.', dotfiles: text })],
  ['host of trustProxy', () => trustProxy({ trusted: ['10.0.0.1'], host: text })],
  ['port of trustProxy', () => trustProxy({ trusted: ['10.0.0.1'], port: text })],
  ['prefix of trustProxy', () => trustProxy({ trusted: ['10.0.0.1'], prefix: text })],
])('M-24 takes no text for %s', (_name, make) => {
  expect(make).toThrow(ConfigurationError);
});

it.each(KINDS)('M-24 a hook that answers by a promise, where nothing waits for one, is an error: %s', async (kind) => {
  for (const name of ['onHead', 'mapBody'] as const) {
    const wrap = middleware({
      name: 'late',
      request: () => ({ [name]: async () => Promise.reject(new Error('late')) }),
    });
    const reply = await call(kind, wrap, hello());
    expect(reply.code).toBe(500);
    expect(reply.errors).toContain(`${name} gave a promise`);
  }
});

it('M-24 a promise of onClose is an error in a sync application', async () => {
  const wrap = middleware({
    name: 'late',
    request: () => ({ onClose: async () => Promise.reject(new Error('late')) }),
  });
  expect((await call('sync', wrap, hello())).errors).toContain('onClose gave a promise');
});
