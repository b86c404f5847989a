/** When the threads of bridges start and end, and that the hooks of their applications run once each. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { serve } from 'quaich';
import { asyncToSync } from 'quaich/shim';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runSync } from '../../dist/src/engine/run-sync.js';
import { SyncInput } from '../../dist/src/engine/sync-input.js';
import { environWith, logOf, RecordingTransport } from '../shim/gateway.ts';

const run = promisify(execFile);
const module = fileURLToPath(new URL('./apps/bridge-hooks.mjs', import.meta.url));
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quaich-test-'));
  process.env.QUAICH_TEST_TRACE = join(folder, 'trace');
  writeFileSync(process.env.QUAICH_TEST_TRACE, '');
});

afterEach(() => {
  delete process.env.QUAICH_TEST_HOOK;
  rmSync(folder, { recursive: true });
});

const trace = (): string[] => readFileSync(join(folder, 'trace'), 'utf8').split('\n').slice(0, -1);

function ask(app: ReturnType<typeof asyncToSync>) {
  const environ = environWith(new SyncInput(null));
  const transport = new RecordingTransport<false>();
  runSync(app, environ, transport);
  return { body: transport.body, events: transport.events, log: logOf(environ) };
}

describe('a bridge at the top level of a module that a server mounts', () => {
  it.each([
    ['exported', 'async'],
    ['wrapped', 'async'],
    ['closure', 'async'],
    ['exportedAsync', 'sync'],
    ['closureAsync', 'sync'],
  ])('L-02 L-09 L-15 works as it stands, with each hook run once (%s)', async (name, inner) => {
    const server = await serve({
      apps: [{ module, export: name }],
      bind: '127.0.0.1:0',
      syncWorkers: 1,
      asyncWorkers: 1,
    });
    try {
      for (let i = 0; i < 3; i++) expect(await (await fetch(`${server.url}/${i}`)).text()).toBe(`thread /${i}`);
    } finally {
      await server.close();
    }
    expect(trace()).toEqual([`${inner} startup`, `${inner} shutdown after 3`]);
  });
});

describe('asyncToSync without anybody who calls hooks', () => {
  it('L-02 L-15 the first call starts the thread, although its caller is blocked', async () => {
    const app = asyncToSync(`${module}:innerAsync`);
    expect(trace()).toEqual([]);
    expect(ask(app).body).toBe('thread /');
    expect(ask(app).body).toBe('thread /');
    await app.shutdown?.({});
    expect(trace()).toEqual(['async startup', 'async shutdown after 2']);
  });

  it('L-09 a script ends by itself, and the hooks run: nothing keeps the process', async () => {
    const script = join(folder, 'script.mjs');
    const environ = `{ REQUEST_METHOD: 'GET', SCRIPT_NAME: '', PATH_INFO: '/x', 'quaich.async': false }`;
    const shim = new URL('../../dist/src/shim/index.js', import.meta.url).href;
    writeFileSync(
      script,
      `import { asyncToSync } from '${shim}';
      const app = asyncToSync(${JSON.stringify(`${module}:innerAsync`)});
      for (const chunk of app(${environ}, () => {})) console.log(new TextDecoder().decode(chunk));`,
    );
    const { stdout } = await run(process.execPath, [script], { timeout: 20_000 });
    expect(stdout).toBe('thread /x\n');
    expect(trace()).toEqual(['async startup', 'async shutdown after 1']);
  });

  it('L-05 a startup that fails is the error of the call, B-66 and a later call tries again', async () => {
    process.env.QUAICH_TEST_HOOK = 'async';
    const app = asyncToSync(`${module}:innerAsync`, { report: () => {} });
    const failed = ask(app);
    expect(failed.events[0]).toContain('500');
    expect(failed.log).toContain('expected: async does not start');
    expect(ask(app).log).toContain('expected: async does not start');
    delete process.env.QUAICH_TEST_HOOK;
    await expect.poll(() => ask(app).body, { timeout: 10_000 }).toBe('thread /');
    await app.shutdown?.({});
  });

  it('L-04 a startup that does not end is given up', () => {
    const endless = new URL('./apps/bridged.mjs:startsForever', import.meta.url).href;
    const app = asyncToSync(endless, { startupTimeout: 300, report: () => {} });
    expect(ask(app).log).toContain('startup took longer than 300 ms (L-04)');
  });

  it('L-09 after its shutdown hook a bridge takes no more calls, until it is started again', async () => {
    const app = asyncToSync(`${module}:innerAsync`);
    await app.startup?.({});
    await app.shutdown?.({});
    expect(ask(app).log).toContain('has been shut down');
    await app.startup?.({});
    expect(ask(app).body).toBe('thread /');
    await app.shutdown?.({});
    expect(trace()).toEqual(['async startup', 'async shutdown after 0', 'async startup', 'async shutdown after 1']);
  });

  it('names what relative paths start from where a module is not found', () => {
    expect(() => asyncToSync('./no-such-module.mjs:app')).toThrow(/directory: import\.meta\.dirname/);
  });
});
