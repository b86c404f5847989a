// TypeScript in folders whose package.json makes it ES modules, CommonJS, or says nothing.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ended, get, ready, start } from './command.ts';

const directory = mkdtempSync(join(tmpdir(), 'quaich-typescript-'));
const native = Boolean(Reflect.get(process.features, 'typescript'));
const tsx = import.meta.resolve('tsx');

const packages = { none: null, init: '{"name":"site","main":"index.js"}', module: '{"type":"module"}' };

// An enum is more than types: it cannot be stripped.
const app = (words: string) => `
  import { text } from './${words}';
  enum Colour { Red = ' red' }
  type Start = (
    status: string,
    headers: [string, string][],
  ) => unknown;
  export const app = (environ: Record<string, string>, startResponse: Start): Uint8Array[] => {
    if (environ.PATH_INFO === '/fails') throw new Error('on line nine');
    startResponse('200 OK', []);
    return [new TextEncoder().encode(text + Colour.Red + environ.STAGE)];
  };`;
const words = `export const text: string = 'typed';`;
const config = (module: string) => `
  enum Stage { Test = ' test' }
  export default { apps: '${module}', syncWorkers: 1 as number, env: { STAGE: Stage.Test } };`;

beforeAll(() => {
  for (const [name, text] of Object.entries(packages)) {
    mkdirSync(join(directory, name));
    if (text !== null) writeFileSync(join(directory, name, 'package.json'), text);
    for (const [extension, compiled] of [
      ['ts', 'js'],
      ['mts', 'mjs'],
      ['cts', 'cjs'],
    ]) {
      writeFileSync(join(directory, name, `app.${extension}`), app(`words.${compiled}`));
      writeFileSync(join(directory, name, `words.${extension}`), words);
      writeFileSync(join(directory, name, `${extension}.config.ts`), config(`./app.${extension}`));
    }
  }
});

afterAll(() => rmSync(directory, { recursive: true }));

const flags = { execArgv: ['--import', tsx] };
const variable = { env: { NODE_OPTIONS: `--import ${tsx}` } };

describe('TypeScript with enums', () => {
  it.each([
    ...(native
      ? []
      : ([
          ['none', 'ts', {}, 'by itself'],
          ['none', 'mts', {}, 'by itself'],
          ['none', 'cts', {}, 'by itself'],
          ['init', 'ts', {}, 'by itself'],
          ['module', 'ts', {}, 'by itself'],
        ] as const)),
    ['none', 'ts', flags, 'with node --import tsx'],
    ['module', 'ts', flags, 'with node --import tsx'],
    ['module', 'ts', variable, 'with NODE_OPTIONS'],
  ] as const)('package.json %s: .%s is served %o %s', async (name, extension, place) => {
    const argv = ['--config', `${extension}.config.ts`, '-b', `unix:${extension}.sock`];
    const command = start(argv, { cwd: join(directory, name), ...place });
    const [url] = await ready(command);
    expect((await get(url)).text).toBe('typed red test');
    expect((await get(url, '/fails')).status).toBe(500);
    command.child.kill('SIGTERM');
    const mounted = `/  ./app.${extension}  sync application · 1 sync worker\n`;
    const { code, stderr } = await ended(command);
    expect(code).toBe(0);
    const [started, report] = stderr.split(/(?<=listening on .*\n)/);
    expect(started).toBe(`${mounted}listening on ${url}\n`);
    // U-73 on a worker, too.
    expect(report).toContain(`app.${extension}:9:`);
  });
});
