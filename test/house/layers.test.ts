/** The list of layers (scripts/layers.json) against the imports of the sources; imports of types count, too. */
import { describe, expect, it } from 'vitest';
import { layerBlock, layers, withLayers } from '../../scripts/layers.mjs';
import { type Exceptions, FINE, judged } from './exceptions.ts';
import { filesOf, GENERATED, publicEntries, read, type Source, sourceOf } from './sources.ts';

const UPWARD: Exceptions = {};
const CIRCLES: Exceptions = {};
const UNREACHED: Exceptions = {
  'src/cli/documentation.ts': 'makes docs/configuration.md for scripts/docs.mjs',
  'src/bench/load-autocannon.ts': 'a program that src/bench/load.ts starts',
  'src/cli/bench/prepared.ts': 'a module that the command serves for `quaich bench`',
  'src/cli/dev/around.ts': 'a module that `quaich dev` has put around applications',
  'src/cli/bench/own-server.ts': 'a program that `quaich bench` starts',
};

/** Modules that only the layers which name them load at run time. */
const HELD = new Set(layers.flatMap(({ loads = [] }) => loads));

const sources = filesOf(['src', 'workers', 'assembly'], /\.ts$/).map((file) => sourceOf(file));

/** The place in the list, from the top; -1 for none. */
const floor = (file: string): number => layers.findIndex(({ path }) => file === path || file.startsWith(path));

/** `a -> b` of each import from a layer of one that stands above it. */
function upward(all: readonly Source[]): string[] {
  return all.flatMap(({ file, imports }) =>
    imports
      .filter(({ from }) => floor(from) !== -1 && floor(from) < floor(file))
      .map(({ from }) => `${file} -> ${from}`),
  );
}

/** Groups of files that import each other, directly or by way of others; each as its sorted names. */
function circles(all: readonly Source[]): string[] {
  const next = new Map(all.map(({ file, imports }) => [file, [...new Set(imports.map(({ from }) => from))]]));
  const reached = (start: string): Set<string> => {
    const seen = new Set<string>();
    const open = [...(next.get(start) ?? [])];
    for (let file = open.pop(); file !== undefined; file = open.pop()) {
      if (seen.has(file)) continue;
      seen.add(file);
      open.push(...(next.get(file) ?? []));
    }
    return seen;
  };
  const below = new Map([...next.keys()].map((file) => [file, reached(file)]));
  const found = [...below]
    .filter(([file, others]) => others.has(file))
    .map(([file, others]) =>
      [...others]
        .filter((other) => below.get(other)?.has(file))
        .sort()
        .join(' '),
    );
  return [...new Set(found)];
}

/** Whether a file is comments alone, but for the `export {}` that makes it a module. */
const isProse = (text: string): boolean => /^(?:\s*(?:\/\/.*|export \{\};)\n)*$/.test(text);

const file = (name: string, ...imports: string[]): Source => ({
  file: name,
  text: '',
  imports: imports.map((from) => ({ from, name: 'x', type: true })),
  exports: [],
  comments: [],
});

describe('the list of layers', () => {
  it('has each file of the sources in one layer', () => {
    expect(sources.length).toBeGreaterThan(200);
    for (const { file } of sources) {
      const found = layers.filter(({ path }) => file === path || file.startsWith(path));
      expect(found.length, file).toBe(1);
    }
    for (const { path } of layers)
      expect(
        sources.some(({ file }) => file.startsWith(path)),
        path,
      ).toBe(true);
  });

  it('is the one of the architecture page', () => {
    const page = read('docs/architecture.md');
    expect(layerBlock().split('\n').length).toBeGreaterThan(layers.length);
    expect(withLayers(page) === page, 'docs/architecture.md: run `npm run docs`').toBe(true);
  });
});

describe('imports', () => {
  it('that run up or in a circle are found', () => {
    expect(upward([file('src/rules/a.ts', 'src/engine/b.ts', 'src/interface/c.ts', 'node:fs')])).toEqual([
      'src/rules/a.ts -> src/engine/b.ts',
    ]);
    expect(circles([file('a', 'b'), file('b', 'c'), file('c', 'b', 'd'), file('d'), file('e', 'e')])).toEqual([
      'b c',
      'e',
    ]);
  });

  it('run down the list', () => {
    expect(judged(upward(sources), UPWARD)).toEqual(FINE);
  });

  it('make no circle of files', () => {
    expect(judged(circles(sources), CIRCLES)).toEqual(FINE);
  });

  it('lead to a file or a package', () => {
    const known = new Set(sources.map(({ file }) => file));
    for (const { file, imports } of sources)
      for (const { from } of imports)
        if (/^(src|workers|assembly)\//.test(from) && !GENERATED.test(from)) {
          expect(known.has(from), `${file}: ${from}`).toBe(true);
        }
  });

  it('lead from the sources into assembly/ to its layout alone', () => {
    const inside = sources.filter(({ file }) => !file.startsWith('assembly/')).flatMap(({ imports }) => imports);
    const names = new Set(inside.map(({ from }) => from).filter((from) => from.startsWith('assembly/')));
    expect([...names]).toEqual(['assembly/layout.ts']);
  });

  it('reach every file, from the entries of the package, the command and the threads', () => {
    const next = new Map(sources.map(({ file, imports }) => [file, imports.map(({ from }) => from)]));
    const entries = [...publicEntries(), ...filesOf(['workers'], /\.ts$/), 'assembly/index.ts'];
    const seen = new Set<string>();
    const open = [...entries];
    for (let file = open.pop(); file !== undefined; file = open.pop()) {
      if (seen.has(file)) continue;
      seen.add(file);
      open.push(...(next.get(file) ?? []));
    }
    expect(entries.length).toBeGreaterThan(12);
    // scripts/spec.mjs reads the files of prose, which have no code that could be imported.
    const unreached = sources.filter(({ file, text }) => !seen.has(file) && !isProse(text)).map(({ file }) => file);
    expect(judged(unreached, UNREACHED)).toEqual(FINE);
  });

  it('load sockets, threads and processes in the layers that say so', () => {
    expect([...HELD].sort()).toEqual(['node:child_process', 'node:net', 'node:worker_threads', 'piscina']);
    for (const layer of layers) {
      const mine = sources.filter(({ file }) => layer === layers[floor(file)]).flatMap(({ imports }) => imports);
      const loaded = mine.filter(({ from, type }) => !type && HELD.has(from)).map(({ from }) => from);
      expect([...new Set(loaded)].sort(), layer.path).toEqual([...(layer.loads ?? [])].sort());
    }
  });
});
