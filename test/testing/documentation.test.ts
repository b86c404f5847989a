import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as testing from '../../src/testing/index.ts';
import * as toolbox from '../../src/toolbox/index.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const page = (name: string) => readFileSync(join(root, 'docs', name), 'utf8');
const samples = (name: string) => [...page(name).matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, code]) => code);

let folder: string;

beforeAll(() => {
  mkdirSync(join(root, 'build'), { recursive: true });
  folder = mkdtempSync(join(root, 'build', 'samples-'));
});

afterAll(() => rmSync(folder, { recursive: true }));

/** The exports of a sample of docs/toolbox.md. */
async function load(index: number, replace: [string, string][] = []): Promise<Record<string, never>> {
  let code = samples('toolbox.md')[index].replaceAll("'quaich/toolbox'", `'${join(root, 'src/toolbox/index.ts')}'`);
  for (const [from, to] of replace) {
    expect(code).toContain(from);
    code = code.replace(from, to);
  }
  const file = join(folder, `sample-${index}.mjs`);
  writeFileSync(file, code);
  return import(/* @vite-ignore */ file);
}

describe('the page of the toolbox', () => {
  test('JSON, in both conventions', async () => {
    const { app, asyncApp } = await load(0);
    const request = { json: { items: [1, 2] } };
    expect(testing.testClient(app).post('/', request).text).toBe('2 items\n');
    expect((await new testing.AsyncTestClient(asyncApp).post('/', request)).text).toBe('2 items\n');
  });

  test('uploads', async () => {
    const { app } = await load(1, [['/srv/uploads', folder]]);
    const request = testing.multipartBody([
      { name: 'a', data: 'b' },
      { name: 'f', data: 'file', filename: '../f' },
    ]);
    expect(testing.testClient(app).post('/', request).statusLine).toBe('204 No Content');
  });

  test('cookies', async () => {
    const { app } = await load(2);
    const response = testing.testClient(app).get('/', { headers: { Cookie: 'visits=2' } });
    expect([response.text, response.headers.get('Set-Cookie')]).toEqual([
      '3\n',
      'visits=3; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax',
    ]);
  });

  test('headers', async () => {
    const withVary = (await load(3)).withVary as (app: typeof toolbox.demoApp) => typeof toolbox.demoApp;
    const response = testing.testClient(withVary(toolbox.demoApp)).get('/');
    expect(response.headers.get('Vary')).toBe('Accept-Language');
  });

  test('U-60 answers in one call', async () => {
    const { app } = await load(4);
    const client = testing.testClient(app);
    const told = ['/', '/page', '/data', '/old', '/x'].map((path) => client.get(path));
    expect(told.map(({ status }) => status)).toEqual([200, 200, 200, 301, 404]);
    expect(told[2].json()).toEqual({ hello: 'world' });
  });

  test('U-62 routes', async () => {
    const { app } = await load(5);
    const client = testing.testClient(app);
    expect(client.get('/users/7').json()).toEqual({ id: '7' });
    expect(client.get('/files/a/b').text).toBe('a/b\n');
  });

  test('names everything that the entry exports', () => {
    const text = page('toolbox.md');
    for (const name of Object.keys(toolbox)) expect(text, name).toContain(name);
  });
});

test('the page of the test client names everything that the entry exports, and every part of a response', () => {
  const text = page('testing.md');
  const response = testing.testClient(toolbox.demoApp).get('/');
  for (const name of Object.keys(response)) expect(text, name).toContain(`\`${name}\``);
  for (const name of Object.keys(testing)) expect(text, name).toContain(name);
});
