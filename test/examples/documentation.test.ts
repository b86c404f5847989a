import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Application, AsyncApplication } from '../../src/index.ts';
import { kindOf } from '../../src/index.ts';
import { callAsync, callSync, type RequestOptions } from './drive.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** The JavaScript samples of a page that are whole modules and import nothing that a data: URL cannot reach. */
function samples(file: string): string[] {
  return [...read(file).matchAll(/^```js\n([\s\S]*?)^```$/gm)]
    .map(([, code]) => code)
    .filter((code) => /^export /m.test(code) && !code.includes("from 'quaich'"));
}

async function call(code: string, options: RequestOptions) {
  const module = await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(code)}`);
  const state: Record<string, unknown> = {};
  await module.startup?.(state);
  try {
    const app: Application | AsyncApplication = module.app;
    return kindOf(app) === 'async'
      ? await callAsync(app as AsyncApplication, { ...options, state })
      : callSync(app as Application, { ...options, state });
  } finally {
    await module.shutdown?.(state);
  }
}

describe('the documentation', () => {
  it('shows samples that run by the rules of the convention', async () => {
    const all = ['README.md', 'docs/writing-applications.md'].flatMap(samples);
    expect(all.length).toBeGreaterThan(8);
    for (const code of all) {
      // An aborted signal ends the sample that would stream for ever.
      const options = { method: 'POST', body: ['a body'], query: '', signal: AbortSignal.abort() };
      expect((await call(code, options)).status, code).toBe('200 OK');
    }
  });

  it('names every key of environ (G-08)', () => {
    const types = read('src/interface/types.ts');
    const keys = [...types.matchAll(/^ {2}(?:'([a-z_.]+)'|([A-Z_]+))\??:/gm)].map(
      ([, dotted, plain]) => dotted ?? plain,
    );
    expect(keys.length).toBeGreaterThan(20);
    const page = read('docs/writing-applications.md');
    for (const key of keys.filter((key) => key !== 'HTTP_HOST')) expect(page, key).toContain(`\`${key}\``);
  });

  it('warns of an application that requests its own server (B-42)', () => {
    const pitfalls = read('docs/writing-applications.md').split('## Pitfalls')[1];
    expect(pitfalls).toMatch(/\*\*Asking your own server\.\*\*[^*]*they wait for ever/);
  });

  it('warns of state in modules, of which each worker has a copy (A-25)', () => {
    const pitfalls = read('docs/writing-applications.md').split('## Pitfalls')[1];
    expect(pitfalls).toMatch(/\*\*Module state\.\*\* Every worker loads its own copy/);
  });
});
