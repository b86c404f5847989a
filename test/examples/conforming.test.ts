/** The examples between a gateway that keeps the rules and the validator, which says when they break one. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examples } from '../../examples/catalogue.js';
import { type Application, type AsyncApplication, type Environ, kindOf, type Lifespan } from '../../src/index.ts';
import { AsyncTestClient, SyncTestClient, type TestResponse } from '../../src/testing/index.ts';
import { validator } from '../../src/validate/index.ts';

const directory = mkdtempSync(join(tmpdir(), 'quaich-examples-'));

interface Example {
  module: string;
  name?: string | undefined;
  prefix: string;
}

/** One of the examples, validated, with what the validator warned of. */
async function client({ module, name = 'app', prefix }: Example, environ?: (given: Record<string, unknown>) => void) {
  const exports: Record<string, unknown> & Lifespan = await import(
    new URL(`../../examples/${module}`, import.meta.url).href
  );
  const app = exports[name] as Application & AsyncApplication;
  const warnings: string[] = [];
  const kind = examples.find((one) => one.module === module && (one.name ?? 'app') === name)?.kind;
  const checked = validator(app, { warn: (warning) => void warnings.push(warning.message), ...(kind && { kind }) });
  const changed = ((given: Environ, start: Parameters<Application>[1]) => {
    environ?.(given);
    return (checked as Application)(given, start);
  }) as Application & AsyncApplication;
  const options = { prefix, lifespan: { startup: exports.startup, shutdown: exports.shutdown } };
  return {
    warnings,
    client:
      kind === 'async'
        ? new AsyncTestClient(changed, { ...options, kind: 'async' })
        : new SyncTestClient(changed, options),
  };
}

function conforms(response: TestResponse): void {
  expect(response.errors).not.toMatch(/ValidationError|\([VGA]-\d+/);
  expect([response.failed, response.broken]).toEqual([false, false]);
  expect(response.status).toBeLessThan(500);
}

/** Content-Length may be left out for HEAD (RFC 9110, 8.6). */
const names = (response: TestResponse): string[] =>
  [...response.headers.keys()].filter((name) => name !== 'Content-Length');

beforeAll(() => {
  process.env.EXAMPLES_DATA = directory;
});
afterAll(() => {
  delete process.env.EXAMPLES_DATA;
  rmSync(directory, { recursive: true });
});

const REQUESTS = examples.flatMap(({ module, name, prefix, links }) =>
  links.filter((link) => !/stream|slow/.test(link)).map((link) => ({ module, name, prefix, url: prefix + link })),
);

describe('A-01 A-02 A-03 A-04 A-07 A-08 A-09 A-11 A-14 A-23 A-26 examples conform, and HEAD is answered as GET', () => {
  it.each(REQUESTS)('$url', async (example) => {
    const { url } = example;
    const { client: one, warnings } = await client(example);
    await one.startup();
    try {
      const got = await one.get(url);
      conforms(got);
      const head = await one.head(url);
      conforms(head);
      expect(head.status).toBe(got.status);
      expect(names(head)).toEqual(names(got));
      conforms(await one.post(url, { body: 'a=1', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }));
      conforms(await one.get(`${example.prefix}/nothing/here`));
      conforms(await one.get(url));
    } finally {
      await one.shutdown();
    }
    expect(warnings.filter((text) => !text.includes('V-126'))).toEqual([]);
  });
});

/** One of the examples with something around it, and what its bodies were. */
async function watched({ module, name = 'app', prefix }: Example, write: () => never) {
  const exports: Record<string, unknown> & Lifespan = await import(
    new URL(`../../examples/${module}`, import.meta.url).href
  );
  const app = exports[name] as (environ: unknown, startResponse: unknown) => unknown;
  const bodies: unknown[] = [];
  const call = (environ: Environ, startResponse: Parameters<Application>[1]): unknown =>
    app(environ, (...head: Parameters<typeof startResponse>) => {
      startResponse(...head);
      return write;
    });
  const options = { prefix, lifespan: { startup: exports.startup, shutdown: exports.shutdown } };
  const kept = <T>(body: T): T => {
    bodies.push(body);
    return body;
  };
  const one =
    kindOf(app as Application) === 'async'
      ? new AsyncTestClient((async (...args: Parameters<Application>) => kept(await call(...args))) as never, {
          ...options,
          kind: 'async',
        })
      : new SyncTestClient((...args) => kept(call(...args)) as ReturnType<Application>, options);
  return { one, bodies };
}

describe('A-15 no example calls write', () => {
  it.each(REQUESTS)('$url', async (example) => {
    let calls = 0;
    const { one } = await watched(example, () => {
      calls++;
      throw new Error('write is not for new code');
    });
    await one.startup();
    try {
      conforms(await one.get(example.url));
      conforms(
        await one.post(example.url, { body: 'a=1', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }),
      );
    } finally {
      await one.shutdown();
    }
    expect(calls).toBe(0);
  });
});

describe('A-16 a small page of an example is one chunk, in an array unless the application is a generator', () => {
  // What is passed on from another server comes in its blocks, a file in those of the file wrapper.
  const pages = REQUESTS.filter(({ url }) => !url.startsWith('/proxy/') && url !== '/download/');

  it.each(pages)('$url', async (example) => {
    const { one, bodies } = await watched(example, () => expect.fail('write was called'));
    await one.startup();
    try {
      const page = await one.get(example.url);
      conforms(page);
      expect(page.chunks).toHaveLength(1);
      expect(page.headers.get('Content-Length')).toBe(String(page.body.byteLength));
    } finally {
      await one.shutdown();
    }
    expect(bodies).toHaveLength(1);
    // The gateway would join several.
    if (example.module !== './events.js') expect(bodies[0]).toEqual([expect.any(Uint8Array)]);
  });
});

describe('A-18 what is optional in environ may be missing', () => {
  it.each(REQUESTS)('$url', async (example) => {
    const { url } = example;
    const { client: one } = await client(example, (environ) => {
      for (const key of ['QUERY_STRING', 'CONTENT_TYPE', 'CONTENT_LENGTH', 'HTTP_HOST', 'REMOTE_ADDR'])
        delete environ[key];
      for (const key of ['wsgi.file_wrapper', 'quaich.signal', 'quaich.client_disconnected']) delete environ[key];
    });
    await one.startup();
    try {
      conforms(await one.get(url.replace(/\?.*/, '')));
    } finally {
      await one.shutdown();
    }
  });
});

describe('A-20 run_once promises nothing: the same application answers again', () => {
  it.each(REQUESTS)('$url', async (example) => {
    const { url } = example;
    const { client: one } = await client(example, (environ) => {
      environ['wsgi.run_once'] = true;
    });
    await one.startup();
    try {
      const first = await one.get(url);
      const second = await one.get(url);
      conforms(first);
      conforms(second);
      expect(second.status).toBe(first.status);
    } finally {
      await one.shutdown();
    }
  });
});

describe('A-10 a client that leaves early', () => {
  it.each(REQUESTS)('$url', async (example) => {
    const { url } = example;
    const { client: one } = await client(example);
    await one.startup();
    try {
      for (const disconnectAfter of [0, 1]) {
        const left = await one.get(url, { disconnectAfter });
        expect(left.errors).not.toMatch(/ValidationError/);
      }
      conforms(await one.get(url));
    } finally {
      await one.shutdown();
    }
    expect(validator.unclosed()).toEqual([]);
  });
});
