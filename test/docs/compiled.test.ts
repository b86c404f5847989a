/**
 * Every sample of every page is held by something. What is JavaScript or TypeScript compiles here against the built
 * package, whether another test runs it or not: names, exports and arguments exist. The other languages are listed with
 * what holds them.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { type Exceptions, FINE, judged } from '../house/exceptions.ts';
import { pages } from './pages.ts';
import { type Fence, fences, root } from './samples.ts';

/** The languages of blocks, and what holds these. */
const HELD: Readonly<Record<string, string>> = {
  js: 'compiled here',
  ts: 'compiled here',
  javascript: 'compiled here; what its page does not run, since it is for other programs than Node',
  yaml: 'parsed here',
  json: 'parsed here',
  sh: 'commands.test.ts, beside this file',
  '': 'as sh; and what commands print',
  text: 'what commands print: test/server/tutorial.test.ts; deploy/docker: test/server/deploy-machine.test.ts',
  mermaid: 'test/protocols/states.test.ts: generated from tables',
  python: 'for comparison',
  nginx: 'test/server/deploy-fronts.test.ts, test/server/front-servers.test.ts',
  haproxy: 'test/server/deploy-fronts.test.ts',
  caddyfile: 'test/server/deploy-fronts.test.ts',
  dockerfile: 'test/server/deploy-machine.test.ts',
  ini: 'test/server/deploy-machine.test.ts',
};

const type = (name: string): string => `import('quaich').${name}`;
const CALL = { environ: type('Environ'), startResponse: type('StartResponse') };
const APP = { app: type('Application') };

/** By page and sample: names that it takes for granted, and their types. */
const GIVEN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'docs/SPEC.md sample-1.js': {
    ...CALL,
    application: type('Application'),
    send: '(chunk: Uint8Array) => void',
    sendHeadIfNotSent: '() => void',
  },
  'docs/SPEC.md sample-2.ts': { Environ: type('Environ'), AsyncEnviron: type('AsyncEnviron') },
  'docs/SPEC.md sample-3.js': { markAsync: `typeof ${type('markAsync')}`, handler: type('AsyncApplication') },
  'docs/SPEC.md sample-4.js': CALL,
  'docs/SPEC.md sample-5.js': CALL,
  'docs/SPEC.md sample-6.js': { ...CALL, render: '(environ: unknown) => Uint8Array' },
  'docs/SPEC.md sample-11.js': { bytes: 'Uint8Array' },
  'docs/SPEC.md sample-13.js': { open: '() => { close(): void }' },
  'docs/SPEC.md sample-14.js': APP,
  'docs/gateways.md sample-6.js': { Deno: 'any', Bun: 'any', handler: "import('quaich/gateways').FetchHandler" },
  'docs/porting.md sample-1.ts': { express: "typeof import('express')", cookieParser: 'any' },
  'docs/porting.md sample-3.ts': { app: "import('express').Express" },
  'docs/porting.md sample-5.ts': { app: "import('express').Express", rows: '() => { id: number; name: string }[]' },
  'docs/porting.md sample-7.ts': { app: "import('koa')" },
  'docs/porting.md sample-9.ts': {
    fastify: "import('fastify').FastifyInstance",
    orderSchema: 'object',
    Readable: "typeof import('node:stream').Readable",
    ticks: '() => AsyncIterable<string>',
    store: 'any',
    openStore: '() => Promise<any>',
  },
  'docs/porting.md sample-11.ts': {
    app: "import('hono').Hono",
    setCookie: "typeof import('hono/cookie').setCookie",
    streamSSE: "typeof import('hono/streaming').streamSSE",
  },
  'docs/shim.md sample-0.js': APP,
  'docs/testing.md sample-2.js': { ...APP, testClient: "typeof import('quaich/testing').testClient" },
  'docs/testing.md sample-3.js': APP,
  'docs/writing-applications.md sample-1.js': { handler: type('AsyncApplication') },
};

/** `page sample: what is wrong`. */
const LET_PASS: Exceptions = {
  "docs/existing-applications.md program.js: Property 'port' does not exist on type 'string | AddressInfo'.":
    'a server that listens on a port has one',
  "docs/porting.md check.js: Argument of type '(environ: any, startResponse: any) => string[]' is not assignable to parameter of type 'InPlaceApplication'.":
    'the mistake that the sample is about',
  "docs/porting.md fetch-handler.js: Argument of type 'string[][]' is not assignable to parameter of type 'HeaderFields'.":
    'pairs, which JavaScript cannot say',
  "docs/testing.md sample-1.js: Property 'open' does not exist on type 'SyncTestClient'.":
    'the application is a module beside it, of a kind that is not known here',
  "docs/tracing.md slow.mjs: Property 'environ' does not exist on type 'object & { error?: unknown; result?: unknown; }'.":
    'what a channel of Node hands on has no type',
  "docs/tracing.md slow.mjs: Property 'environ' does not exist on type '{ error: unknown; }'.": 'as above',
};

/** Packages that samples import and this project does not install. */
const ABSENT = ['redis'];

interface Sample extends Fence {
  /** As `GIVEN` calls it. */
  key: string;
}

/** The samples of a page that compile; without a name they are numbered. */
function samplesOf(page: string): Sample[] {
  return fences(page)
    .filter(({ language }) => /^(?:js|javascript|ts)$/.test(language))
    .map((fence, index) => ({
      ...fence,
      key: `${page} ${fence.name || `sample-${index}.${fence.language === 'ts' ? 'ts' : 'js'}`}`,
    }));
}

/** A name that a sample takes for granted; one that begins with a capital may be a type. */
function declaration(name: string, type: string, typed: boolean): string {
  if (!typed) return `/** @type {${type}} */ const ${name} = /** @type {any} */ (null); `;
  return /^[A-Z]/.test(name) && !type.startsWith('typeof ')
    ? `type ${name} = ${type}; `
    : `declare let ${name}: ${type}; `;
}

/** A sample as a module of as many lines and one more; statements without an import or export stand in a function. */
function moduleOf({ key, code }: Sample): string {
  const given = Object.entries(GIVEN[key] ?? {}).map(([name, type]) => declaration(name, type, key.endsWith('.ts')));
  const whole = /^(?:import|export|module\.exports)\b/m.test(code);
  const [before, after] = whole ? ['', ''] : ['async function* fragment() {', '}\nexport {};\n'];
  return `${given.join('')}${before}\n${code.replace(/^#!/, '//')}${after}`;
}

const OPTIONS = {
  noEmit: true,
  target: 'es2023',
  lib: ['esnext', 'dom.asynciterable'],
  module: 'nodenext',
  types: ['node'],
  allowJs: true,
  checkJs: true,
  strict: false,
  noImplicitAny: false,
  skipLibCheck: true,
};

mkdirSync(join(root, 'build'), { recursive: true });
const folder = mkdtempSync(join(root, 'build', 'compiled-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What the compiler finds in samples. */
function compile(samples: readonly Sample[]): { key: string; message: string }[] {
  const keys = new Map<string, string>();
  for (const sample of samples) {
    const file = sample.key.replace(/[ ]/g, '/');
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), moduleOf(sample));
    keys.set(file, sample.key);
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: OPTIONS, files: [...keys.keys()] }));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], { cwd: folder });
  return [...String(stdout).matchAll(/^(\S.*?)\(\d+,\d+\): error TS\d+: (.*)$/gm)]
    .map(([, file, message]) => ({ key: keys.get(file) ?? file, message }))
    .filter(({ message }) => !isGranted(message));
}

/** What is right in JavaScript, or left out on a page: modules beside the sample, and values of no known type. */
function isGranted(message: string): boolean {
  const [, module] = /^Cannot find module '([^']+)'/.exec(message) ?? [];
  if (module !== undefined) return module.startsWith('.') || ABSENT.includes(module);
  return /type '(?:unknown|\{\})'/.test(message);
}

describe('the samples of the pages', () => {
  it('are in languages that something holds', () => {
    const all = pages.flatMap((page) =>
      fences(page).map(({ language, line }) => ({ language, at: `${page}:${line}` })),
    );
    expect(all.length).toBeGreaterThan(150);
    expect(all.filter(({ language }) => !Object.hasOwn(HELD, language))).toEqual([]);
    expect(Object.keys(HELD).filter((held) => !all.some(({ language }) => language === held))).toEqual([]);
  });

  it('compile, and what takes a name for granted needs it', () => {
    const samples = pages.flatMap(samplesOf);
    expect(samples.length).toBeGreaterThan(100);
    const keys = new Set(samples.map(({ key }) => key));
    expect(Object.keys(GIVEN).filter((key) => !keys.has(key))).toEqual([]);
    const wrong: Sample = {
      key: 'wrong.js',
      language: 'js',
      name: '',
      code: "import { no } from 'quaich';\nnone();",
      line: 1,
    };
    const found = compile([...samples, wrong]);
    const ofPages = found.filter(({ key }) => key !== wrong.key);
    expect(
      judged(
        ofPages.map(({ key, message }) => `${key}: ${message}`),
        LET_PASS,
      ),
    ).toEqual(FINE);
    expect(found.length - ofPages.length).toBe(2);
  }, 60_000);

  it('in YAML are read', () => {
    const found = pages.flatMap((page) => fences(page).filter(({ language }) => language === 'yaml'));
    expect(found.length).toBeGreaterThan(2);
    for (const { code } of found) expect(parseAllDocuments(code).flatMap(({ errors }) => errors)).toEqual([]);
  });

  it('in JSON are read', () => {
    const found = pages.flatMap((page) => fences(page).filter(({ language }) => language === 'json'));
    expect(found.length).toBeGreaterThan(0);
    for (const { code } of found) expect(() => JSON.parse(code)).not.toThrow();
  });
});
