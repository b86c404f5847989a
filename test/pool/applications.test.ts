import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Applications, describeFailure } from '../../src/pool/applications.ts';
import { parseApplication } from '../../src/pool/load.ts';

const directory = mkdtempSync(join(tmpdir(), 'quaich-applications-'));

const files: Record<string, string> = {
  'package.json': '{"type":"module"}',
  // As a factory may do it: the hooks are methods, their functions shared.
  'factory.js': `
    function startup(state) { state.name = this.name_; state.log?.push('start ' + this.name_); }
    function shutdown(state) { globalThis.quaichLog.push('stop ' + this.name_ + ' ' + state.name); }
    const create = (name_) => Object.assign(() => [], { name_, startup, shutdown });
    export const blog = create('blog');
    export const shop = create('shop');
    export const again = blog;`,
  'module.js': `
    export const one = () => [];
    export const two = Object.assign(() => [], { shutdown() { globalThis.quaichLog.push('stop two'); } });
    export function startup(state) { globalThis.quaichLog.push('start module'); state.name = 'module'; }
    export function shutdown() { globalThis.quaichLog.push('stop module'); }`,
  'failing.js': `
    const database = (what) => { throw new Error('no database ' + what); };
    export const app = Object.assign(() => [], { startup: () => database('yet') });
    export const other = Object.assign(() => [], { shutdown: async () => database('any more') });`,
  'shared.js': `export { startup, shutdown } from './module.js'; export const app = () => [];`,
  'whole.cjs': `
    const hooks = { startup(state) { state.name = 'whole'; } };
    module.exports = Object.assign({}, hooks, { app: () => [] });`,
};

beforeAll(() => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
});

afterAll(() => rmSync(directory, { recursive: true }));

/** What the hooks said, and the state of each mount. */
async function lifecycle(modules: string[], validate = false): Promise<{ log: string[]; names: unknown[] }> {
  const log: string[] = [];
  Object.assign(globalThis, { quaichLog: log });
  const applications = new Applications();
  const mounts = modules.map((text, index) => ({ prefix: `/${index}`, app: parseApplication(text) }));
  await applications.start({ imports: [], mounts, directory, validate });
  const names = applications.mounted.map((application) => application?.state.name);
  await applications.stop((error) => log.push(String(error)));
  return { log, names };
}

describe.each([false, true])('the hooks of applications, validated: %s', (validate) => {
  it('L-19 two applications are two, although they share the functions of their hooks', async () => {
    const modules = ['./factory.js:blog', './factory.js:shop'];
    expect(await lifecycle(modules, validate)).toEqual({
      log: ['stop shop shop', 'stop blog blog'],
      names: ['blog', 'shop'],
    });
  });

  it('L-14, L-19 one application is one, under whatever name it is mounted again', async () => {
    const modules = ['./factory.js:blog', './factory.js:shop', './factory.js:again'];
    expect(await lifecycle(modules, validate)).toEqual({
      log: ['stop shop shop', 'stop blog blog'],
      names: ['blog', 'shop', 'blog'],
    });
  });

  it('L-19 hooks of a module run once for its applications, beside those that one has of its own', async () => {
    expect(await lifecycle(['./module.js:one', './module.js:two'], validate)).toEqual({
      log: ['start module', 'stop two', 'stop module'],
      names: ['module', 'module'],
    });
  });

  it('L-19 hooks that two modules export are run for each', async () => {
    expect(await lifecycle(['./module.js:one', './shared.js'], validate)).toEqual({
      log: ['start module', 'start module', 'stop module', 'stop module'],
      names: ['module', 'module'],
    });
  });

  it('L-01 hooks of CommonJS are found where the application is', async () => {
    expect((await lifecycle(['./whole.cjs:app'], validate)).names).toEqual(['whole']);
  });
});

describe('a hook that throws', () => {
  const started = async (text: string, prefix: string): Promise<Applications> => {
    const applications = new Applications();
    const mounts = [{ prefix, app: parseApplication(text) }];
    await applications.start({ imports: [], mounts, directory, validate: false });
    return applications;
  };

  it('L-05 is told with its module and its mount, and the stack of what it threw', async () => {
    const failure = describeFailure(await started('./failing.js', '/caf\u00c3\u00a9').catch((error) => error));
    expect(failure.configuration).toBe(false);
    expect(failure.message).toMatch(
      /^the startup hook of \.\/failing\.js at \/caf\u00e9 threw: Error: no database yet\n +at .*failing\.js/,
    );
    expect(failure.message).not.toContain('HookError');
  });

  it('L-10 is told so by the shutdown too, at the root', async () => {
    const told: string[] = [];
    const applications = await started('./failing.js:other', '');
    await applications.stop((error) => told.push(describeFailure(error).message));
    expect(told).toEqual([
      expect.stringMatching(/^the shutdown hook of \.\/failing\.js at \/ threw: Error: no database any more\n/),
    ]);
  });
});
