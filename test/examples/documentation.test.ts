import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Application, AsyncApplication } from '../../src/index.ts';
import { kindOf } from '../../src/index.ts';
import { blocks, type Sample, SampleFolder } from '../docs/samples.ts';
import { callAsync, callSync, type RequestOptions } from './drive.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** The pages whose samples need nothing but a request; those of other pages have tests of their own. */
const PAGES = ['README.md', 'docs/README.md', 'docs/writing-applications.md'];

/** What a sample takes for granted. */
const HANDLER = `const handler = async (environ, startResponse) => {
  startResponse('200 OK', []);
  return [];
};`;

async function call(module: Sample, options: RequestOptions) {
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
  it.each(PAGES)('shows samples that run by the rules of the convention: %s', async (page) => {
    const folder = new SampleFolder(page);
    onTestFinished(() => folder.remove());
    const whole = blocks(page).filter(({ code }) => /^export .*\bapp\b/m.test(code));
    expect(whole.length).toBeGreaterThan(page === 'docs/writing-applications.md' ? 9 : 0);
    for (const { name, code } of whole) {
      if (code.includes('handler(')) folder.prepend(name, HANDLER);
      // An aborted signal ends the sample that would stream for ever.
      const options = { method: 'POST', body: ['a body'], query: '', signal: AbortSignal.abort() };
      expect((await call(await folder.load(name), options)).status, code).toBe('200 OK');
    }
  });

  it('names every key of environ (G-08)', () => {
    const types = read('src/interface/types.ts');
    const keys = [...types.matchAll(/^ {2}(?:'([a-z_.]+)'|([A-Z_]+))\??:/gm)].map(
      ([, dotted, plain]) => dotted ?? plain,
    );
    expect(keys.length).toBeGreaterThan(20);
    const page = read('docs/writing-applications.md');
    for (const key of keys.filter((key) => !key.startsWith('HTTP_'))) expect(page, key).toContain(`\`${key}\``);
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
