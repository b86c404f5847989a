import { afterAll, describe, expect, it } from 'vitest';
import { AsyncTestClient } from '../../src/testing/index.ts';
import { root, SampleFolder } from './samples.ts';

describe('the page about testing', () => {
  // What the samples test, and a node:test that keeps the tests for this one to run.
  const folder = new SampleFolder('docs/testing.md', { "'node:test'": "'./kept-tests.js'" });
  folder.write('kept-tests.js', 'export const kept = []; export const test = (name, run) => kept.push({ name, run });');
  folder.write(
    'app.js',
    `export function app(environ, startResponse) {
       startResponse('200 OK', [['Content-Type', 'text/html']]);
       return [Buffer.from('Hello')];
     }`,
  );
  folder.write(
    'events.js',
    `export async function* app(environ, startResponse) {
       startResponse('200 OK', [['Content-Type', 'text/event-stream']]);
       for (let count = 0; ; count += 1) yield Buffer.from('data: ' + count + '\\n\\n');
     }`,
  );
  afterAll(() => folder.remove());

  it.each([0, 1])('shows tests that pass: sample %i', async (index) => {
    const { kept } = (await folder.load('kept-tests.js')) as unknown as { kept: { run(): unknown }[] };
    const before = kept.length;
    await folder.load(`sample-${index}.js`);
    expect(kept.length).toBe(before + 1);
    await kept[before].run();
  });

  it('shows startup and shutdown', async () => {
    folder.prepend(
      'sample-2.js',
      `import { testClient } from 'quaich/testing';
       import { app as inner } from './app.js';
       export const calls = [];
       const app = Object.assign((...call) => inner(...call), {
         startup: () => void calls.push('startup'), shutdown: () => void calls.push('shutdown') });`,
    );
    expect((await folder.load('sample-2.js')).calls).toEqual(['startup', 'shutdown']);
  });
});

describe('the page about bridges', () => {
  const folder = new SampleFolder('docs/shim.md', {
    './report.js:app': `${root}examples/demo.js:app`,
    './chat.js:app': `${root}examples/demo.js:asyncApp`,
  });
  afterAll(() => folder.remove());

  it('shows calls that make applications of the other kind', async () => {
    folder.prepend(
      'sample-0.js',
      `export { kindOf } from 'quaich';
       function app(environ, startResponse) {
         startResponse('200 OK', [['Content-Type', 'text/plain']]);
         return [Buffer.from('bridged')];
       }`,
    );
    const { a, b, c, kindOf } = await folder.load('sample-0.js');
    expect([a, b, c].map((app) => (kindOf as (app: unknown) => string)(app))).toEqual(['async', 'async', 'sync']);
    const client = new AsyncTestClient(b as ConstructorParameters<typeof AsyncTestClient>[0]);
    expect((await client.get('/')).text).toBe('bridged');
  });
});
