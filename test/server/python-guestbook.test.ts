/** The example in Python, with its twin in JavaScript on the same database file. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Server, serve } from 'quaich';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../docs/samples.ts';
import { cache } from '../python/folder.ts';

const isThere = existsSync(join(root, 'node_modules/pyodide'));
if (!isThere) console.log('The npm package pyodide is not installed: the guest book in Python is not tested.');

const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';

describe.skipIf(!isThere)('the guest book in Python', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'quaich-guestbook-'));
  let server: Server;
  beforeAll(async () => {
    process.env.EXAMPLES_DATA = folder;
    server = await serve({
      apps: [
        { prefix: '/python', module: join(root, 'examples/python/guestbook.py'), export: 'app', workers: 2 },
        { prefix: '/guestbook', module: join(root, 'examples/guestbook.js') },
      ],
      bind: '127.0.0.1:0',
      syncWorkers: 1,
      pythonCache: cache,
    });
  }, 60_000);
  afterAll(async () => {
    await server?.close();
    delete process.env.EXAMPLES_DATA;
    rmSync(folder, { recursive: true, force: true });
  });

  const ask = (path: string, method = 'GET', headers: Record<string, string> = {}, body?: string) =>
    fetch(server.url + path, { method, headers, body, redirect: 'manual' });
  const post = (path: string, type: string, body: string, headers: Record<string, string> = {}) =>
    ask(path, 'POST', { 'Content-Type': type, ...headers }, body);
  const names = async (book: string): Promise<string[]> => {
    const { entries } = (await (await ask(`${book}/api`)).json()) as { entries: { name: string }[] };
    return entries.map(({ name }) => name);
  };

  it('takes an entry from a form, and shows it as the text that it is', async () => {
    const fields = new URLSearchParams({ name: '<Ádám>', text: `'); DROP TABLE entry; -- 🥃` });
    const posted = await post('/python/', FORM_TYPE, String(fields));
    expect([posted.status, posted.headers.get('Location')]).toEqual([303, '/python/']);
    const page = await ask('/python/');
    const text = await page.text();
    expect(text).toContain('<h2>&lt;Ádám&gt;</h2><p>&#x27;); DROP TABLE entry; -- 🥃</p>');
    expect(page.headers.get('Content-Security-Policy')).toBe("default-src 'none'; form-action 'self'");
  });

  it('is one book with the example in JavaScript, whoever writes at the same time', async () => {
    const books = ['/python', '/guestbook'];
    const sent = Array.from({ length: 40 }, (_, at) => `${books[at % 2]} ${at}`);
    const statuses = await Promise.all(
      sent.map(async (name, at) => {
        const { status } = await post(`${books[at % 2]}/api`, JSON_TYPE, JSON.stringify({ name, text: 'x' }));
        return status;
      }),
    );
    expect(statuses).toEqual(sent.map(() => 201));
    for (const book of books) expect((await names(book)).slice(0, 40).sort()).toEqual(sent.toSorted());
  });

  it('refuses what is missing, too large, of another type, malformed or from another site', async () => {
    const before = await names('/python');
    const refused = [
      await post('/python/api', JSON_TYPE, '{"name":"","text":"x"}'),
      await post('/python/api', JSON_TYPE, '{"name":1,"text":[]}'),
      await post('/python/api', JSON_TYPE, '['.repeat(10_000)),
      await post('/python/', FORM_TYPE, `name=x&text=${'x'.repeat(20_000)}`),
      await post('/python/', 'text/plain', 'x'),
      await post('/python/', FORM_TYPE, 'name=x&text=x', { 'Sec-Fetch-Site': 'cross-site' }),
      await ask('/python/', 'DELETE'),
      await ask('/python/nowhere'),
    ];
    expect(refused.map(({ status }) => status)).toEqual([400, 400, 400, 413, 415, 403, 405, 404]);
    expect(await names('/python')).toEqual(before);
  });

  it('answers HEAD and OPTIONS, and leads to the slash at its end', async () => {
    const head = await ask('/python/', 'HEAD');
    expect([head.status, await head.text()]).toEqual([200, '']);
    const options = await ask('/python/', 'OPTIONS');
    expect([options.status, options.headers.get('Allow')]).toEqual([204, 'GET, HEAD, POST, OPTIONS']);
    expect((await ask('/python')).headers.get('Location')).toBe('/python/');
  });
});
