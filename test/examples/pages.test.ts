import { createHash } from 'node:crypto';
import { Script } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { examples } from '../../examples/catalogue.js';
import { app as demo, asyncApp as demoAsync } from '../../examples/demo.js';
import { app as index } from '../../examples/index.js';
import { html } from '../../examples/lib/page.js';
import { encodePath } from '../../examples/lib/request.js';
import config from '../../examples/quaich.config.mjs';
import { app as ssr } from '../../examples/ssr.js';
import { echo, app as hello } from '../../examples/typescript/hello.ts';
import { kindOf } from '../../src/index.ts';
import { callAsync, callSync, field } from './drive.ts';

const load = (module: string) => import(new URL(`../../examples/${module}`, import.meta.url).href);

describe('the catalogue', () => {
  it('names modules and exports that exist, of the kind that it says (B-01)', async () => {
    for (const { module, name, kind } of examples) {
      if (module.endsWith('.py')) continue; // served by test/server/python-guestbook.test.ts
      const app = (await load(module))[name ?? 'app'];
      expect(typeof app, module).toBe('function');
      expect(kindOf(app), module).toBe(kind);
    }
  });

  it('is what the configuration mounts, with the index page at the root', () => {
    const prefixes = config.apps.map((mount) => mount.prefix);
    expect(prefixes).toEqual(['/', ...examples.map((example) => example.prefix)]);
    expect(new Set(prefixes).size).toBe(prefixes.length);
  });
});

describe('the index page', () => {
  it('links every example and shows its kind', () => {
    const { status, text } = callSync(index, { script: '' });
    expect(status).toBe('200 OK');
    for (const { prefix, kind, links } of examples) {
      expect(text).toContain(`href="${prefix}/"`);
      expect(text).toContain(`<span class="badge ${kind}">${kind}</span>`);
      for (const link of links) expect(text).toContain(`href="${prefix}${link}"`);
    }
  });

  it('keeps its links right below a mount point that needs escaping (A-19)', () => {
    const { text } = callSync(index, { script: '/d\xc3\xa9mo "x"' });
    expect(text).toContain('href="/d%C3%A9mo%20%22x%22/ssr/"');
  });

  it('answers 404 elsewhere, 405 with Allow to other methods, 204 to OPTIONS, and HEAD as GET (A-26)', () => {
    expect(callSync(index, { path: '/nothing' }).status).toBe('404 Not Found');
    const refused = callSync(index, { method: 'DELETE' });
    expect([refused.status, field(refused, 'Allow')]).toEqual(['405 Method Not Allowed', 'GET, HEAD, OPTIONS']);
    expect(callSync(index, { method: 'OPTIONS' }).status).toBe('204 No Content');
    const head = callSync(index, { method: 'HEAD' });
    expect(field(head, 'Content-Length')).toBe(field(callSync(index), 'Content-Length'));
    expect(head.body).toHaveLength(0);
  });
});

describe('the page frame', () => {
  it('escapes what is put into it, and leaves nested markup alone', () => {
    const evil = `<script>alert("x" + 'y')</script>&`;
    expect(html`<p title="${evil}">${[html`<b>${evil}</b>`, null, false, 0]}</p>`.text).toBe(
      '<p title="&lt;script&gt;alert(&quot;x&quot; + &#39;y&#39;)&lt;/script&gt;&amp;">' +
        '<b>&lt;script&gt;alert(&quot;x&quot; + &#39;y&#39;)&lt;/script&gt;&amp;</b>0</p>',
    );
  });

  it('allows its own style and script by their hashes and nothing else', async () => {
    const { app: upload } = await load('upload.js');
    const result = callSync(upload, { state: { 'upload.limit': 1 } });
    const policy = field(result, 'Content-Security-Policy') ?? '';
    for (const element of ['style', 'script']) {
      const source = new RegExp(`<${element}>([\\s\\S]*?)</${element}>`).exec(result.text)?.[1] ?? '';
      expect(source).not.toBe('');
      expect(policy).toContain(`${element}-src 'sha256-${createHash('sha256').update(source).digest('base64')}'`);
    }
    expect(policy).toContain("default-src 'none'");
  });

  it('carries scripts that parse', async () => {
    const { app: upload } = await load('upload.js');
    const { app: events } = await load('events.js');
    const pages = [callSync(upload, { state: { 'upload.limit': 1 } }), await callAsync(events)];
    for (const { text } of pages) {
      const source = /<script>([\s\S]*?)<\/script>/.exec(text)?.[1] ?? '';
      expect(source).not.toBe('');
      expect(() => new Script(source)).not.toThrow();
    }
  });

  it('encodes the bytes of a native string for a link (U-03)', () => {
    expect(encodePath('/sp\xe4m a/?#%')).toBe('/sp%E4m%20a/%3F%23%25');
  });
});

describe('server-side rendering', () => {
  it('renders as many rows as asked for, and escapes them', () => {
    const { text } = callSync(ssr, { query: 'rows=37&sort=price' });
    expect(text.match(/<tr>/g)).toHaveLength(38);
    expect(text).toContain('label &lt;small');
    expect(text).not.toContain('<small');
    const prices = [...text.matchAll(/<td class="number">£([\d.]+)<\/td><td class="number">\d+<\/td>/g)].map(
      ([, price]) => Number(price),
    );
    expect(prices).toHaveLength(37);
    expect(prices).toEqual([...prices].sort((a, b) => a - b));
  });

  it('refuses numbers out of bounds, other orders and long queries', () => {
    for (const query of ['rows=0', 'rows=5001', 'rows=1e3', 'rows=-1', 'rows=99999999999999999999', 'sort=__proto__']) {
      expect(callSync(ssr, { query }).status, query).toBe('400 Bad Request');
    }
    expect(callSync(ssr, { query: `x=${'y'.repeat(5000)}` }).status).toBe('414 URI Too Long');
  });
});

describe('the demo application', () => {
  it('prints the sorted environ in both conventions', async () => {
    const sync = callSync(demo, { path: '/caf\xc3\xa9', headers: { 'X-Two': '<b>' } }).text.split('\n');
    expect(sync.slice(0, 2)).toEqual(['Hello world!', '']);
    expect(sync).toContain('PATH_INFO = "/caf\xc3\xa9"');
    expect(sync).toContain('HTTP_X_TWO = "<b>"');
    expect(sync).toContain('quaich.async = false');
    const keys = sync.slice(2, -1).map((line) => line.split(' = ')[0]);
    expect(keys).toEqual([...keys].sort());
    expect((await callAsync(demoAsync)).text).toContain('\nquaich.async = true\n');
  });
});

describe('the TypeScript example', () => {
  it('greets, and echoes bytes as they come', async () => {
    expect(callSync(hello, { query: 'name=Ad%C3%A9' }).text).toBe('Hello, Adé!\n');
    const body = ['some bytes, ', 'and some more'];
    expect((await callAsync(echo, { method: 'POST', body })).text).toBe(body.join(''));
  });
});
