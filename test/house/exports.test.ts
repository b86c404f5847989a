/** What a file of src exports, another file reads, or the package offers it. And one name means one thing. */
import { describe, expect, it } from 'vitest';
import { type Exceptions, FINE, judged } from './exceptions.ts';
import { filesOf, publicEntries, type Source, sourceOf } from './sources.ts';

const UNREAD: Exceptions = {
  'src/cli/bench/prepared.ts: sync': 'the command serves it for `quaich bench`',
  'src/cli/bench/prepared.ts: asynchronous': 'as sync',
  'src/cli/dev/around.ts: wrap': 'workers load it for `quaich dev`',
  'src/cli/dev/failed-application.ts: app': 'the command serves it for `quaich dev`',
};

const SHARED_NAMES: Exceptions = {
  'targetOf: src/hosts/fetch/target.ts src/hosts/node-http/target.ts': 'hosts have parallel names',
  'FetchHandler: src/adapters/fetch-handler.ts src/hosts/fetch/mount.ts':
    'public names of two entries: an application from a handler, a handler from an application',
  'FetchHandlerOptions: src/adapters/fetch-handler.ts src/hosts/fetch/mount.ts': 'as FetchHandler',
  'NodeListenerOptions: src/adapters/node-listener.ts src/hosts/node-http/mount.ts':
    'public names of two entries, as FetchHandler',
  'FileWrapper: src/engine/file-wrapper.ts src/interface/types.ts':
    'the class, and the type of `wsgi.file_wrapper`, which makes one',
  'sendFile: src/middleware/send-file.ts src/server/send-file.ts':
    'an application sends a file, and the server what it was given for that',
  'AsyncFileWrapper: src/engine/file-wrapper.ts src/interface/types.ts': 'as FileWrapper',
};

/** `file: name` of each export that no other file reads. All names of a public file count as read. */
function unread(all: readonly Source[], entries: readonly string[]): string[] {
  const files = new Map(all.map((source) => [source.file, source]));
  const used = new Set<string>();
  /** Follows a name to where it is declared. */
  const use = (file: string, name: string): boolean => {
    const source = files.get(file);
    if (source === undefined) return false;
    const own = source.exports.find((other) => other.name === name);
    if (own === undefined)
      return source.exports.some((other) => other.name === '*' && other.from !== undefined && use(other.from, name));
    if (used.has(`${file}: ${name}`)) return true;
    used.add(`${file}: ${name}`);
    if (own.from !== undefined) use(own.from, own.original ?? name);
    return true;
  };
  const namesOf = (file: string): string[] =>
    (files.get(file)?.exports ?? []).flatMap(({ name, from }) => (name === '*' && from ? namesOf(from) : [name]));
  for (const entry of entries) for (const name of namesOf(entry)) use(entry, name);
  for (const { file, text, imports, exports } of all) {
    const passed = new Set(exports.map(({ from, original }) => `${from}: ${original}`));
    for (const { from, name } of imports) {
      // What an index passes on is read when somebody reads it there.
      if (from === file || passed.has(`${from}: ${name}`)) continue;
      if (name !== '*') use(from, name);
      else for (const one of namesOf(from)) if (new RegExp(`\\b${one}\\b`).test(text)) use(from, one);
    }
  }
  return all
    .filter(({ file }) => file.startsWith('src/'))
    .flatMap(({ file, exports }) => exports.filter(({ name }) => name !== '*').map(({ name }) => `${file}: ${name}`))
    .filter((one) => !used.has(one));
}

const TYPES = new Set(['class', 'interface', 'type', 'function']);

/** `name: files` of each class, interface, type or function that two files or more export under one name. */
function sharedNames(all: readonly Source[]): string[] {
  const places = new Map<string, Set<string>>();
  for (const { file, exports } of all)
    for (const { name, kind } of exports) {
      if (TYPES.has(kind)) places.set(name, (places.get(name) ?? new Set()).add(file));
    }
  return [...places].filter(([, files]) => files.size > 1).map(([name, files]) => `${name}: ${[...files].join(' ')}`);
}

const sources = filesOf(['src'], /\.ts$/).map((file) => sourceOf(file));
const readers = filesOf(['workers', 'test', 'bench', 'scripts', 'examples'], /\.(?:ts|mjs|js)$/).map((file) =>
  sourceOf(file),
);

describe('the exports of the sources', () => {
  it('are found where nobody reads them, also behind an index', () => {
    const all = [
      sourceOf('src/a.ts', 'export class A {}\nexport const B = 1;\nexport type C = A;\nexport default B;\n'),
      sourceOf('src/b.ts', "export { A, B } from './a.ts';\nexport * from './c.ts';\nexport interface D {}\n"),
      sourceOf('src/c.ts', 'export function e() {}\nexport const f = () => 0;\nexport enum G {}\n'),
      sourceOf('test/d.ts', "import { B, e } from '../src/b.ts';\nconst { G } = await import('../dist/src/c.js');\n"),
    ];
    const unreadThere = [
      'src/a.ts: A',
      'src/a.ts: C',
      'src/a.ts: default',
      'src/b.ts: A',
      'src/b.ts: D',
      'src/c.ts: f',
    ];
    expect(unread(all, [])).toEqual(unreadThere);
    expect(unread(all, ['src/b.ts'])).toEqual(['src/a.ts: C', 'src/a.ts: default']);
  });

  it('have a reader', () => {
    expect(readers.length).toBeGreaterThan(200);
    const entries = [...publicEntries(), ...filesOf(['workers'], /\.ts$/)];
    expect(judged(unread([...sources, ...readers], entries), UNREAD)).toEqual(FINE);
  });

  it('are found where two files share a name', () => {
    const all = ['export class A {}', "export { A } from './0.ts';\nexport interface B {}", 'export type B = 1;'];
    expect(sharedNames(all.map((text, index) => sourceOf(`${index}.ts`, text)))).toEqual(['B: 1.ts 2.ts']);
  });

  it('have a name each', () => {
    expect(judged(sharedNames(sources), SHARED_NAMES)).toEqual(FINE);
  });
});
