import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { kindOf } from '../../src/index.ts';
import * as all from '../../src/middleware/index.ts';
import { request } from './drive.ts';

const page = readFileSync(new URL('../../docs/middleware.md', import.meta.url), 'utf8');

/** Makes a function of a sample: what it imports is handed to it. */
function load(code: string): all.AnyApplication {
  const body = code
    .replace(/^import (\{[^}]*\}) from 'quaich\/middleware';$/m, 'const $1 = middlewareModule;')
    .replace(/^export const app = /m, 'return ');
  if (/^(?:import|export) /m.test(body)) throw new Error(`a sample does more than this test knows:\n${code}`);
  const app: unknown = new Function('middlewareModule', body)(all);
  if (typeof app !== 'function') throw new Error('no application');
  return app as all.AnyApplication;
}

describe('docs/middleware.md', () => {
  const samples = [...page.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, code]) => code);

  it('has samples', () => expect(samples.length).toBeGreaterThan(4));

  it.each(samples)('shows a sample that runs: %s', async (code) => {
    const app = load(code);
    const path = code.includes('/assets') ? '/assets/middleware.md' : '/api/v2/x';
    const reply = await request(kindOf(app), app, { path, query: 'loud' });
    expect(reply).toMatchObject({ status: '200 OK', errors: '' });
    if (code.includes('shout')) expect(reply.text).toBe('HELLO\n');
    if (code.includes('mount({')) expect(reply.text).toMatch(/^(?:new api: \/api\/v2 \/x|# Middleware)/);
  });

  it('names every middleware and every option', () => {
    const functions = Object.entries(all).filter(([, value]) => typeof value === 'function');
    for (const [name] of functions) if (!/^(?:Head|Session)$/.test(name)) expect(page, name).toContain(name);
    const files = [
      'compress',
      'conditional-get',
      'cors',
      'error-page',
      'limit-body',
      'request-id',
      'session',
      'static-files',
      '../environ/trusted-proxies',
    ];
    for (const file of files) {
      const source = readFileSync(new URL(`../../src/middleware/${file}.ts`, import.meta.url), 'utf8');
      const options = /export interface \w+Options \{\n([\s\S]*?)^\}/m.exec(source)?.[1] ?? '';
      const names = [...options.matchAll(/^ {2}(\w+)\??:/gm)].map(([, name]) => name).filter((name) => name !== 'now');
      expect(names.length).toBeGreaterThan(0);
      for (const name of names) expect(page, `${file}: ${name}`).toMatch(new RegExp(`\\b${name}\\b`));
    }
  });
});
