/** The code of the documentation, as modules that can be run. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Application, AsyncApplication } from '../../src/index.ts';
import type { TestResponse } from '../../src/testing/index.ts';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const page = (file: string): string => readFileSync(join(root, file), 'utf8');

/** What a sample may export. */
export interface Sample {
  app: Application & AsyncApplication;
  application: Application;
  startup(state: Record<string, unknown>): void | Promise<void>;
  shutdown(state: Record<string, unknown>): void | Promise<void>;
  response: TestResponse;
  [name: string]: unknown;
}

/** The package's entries, as a sample imports them, and the sources behind them. */
const ENTRIES: readonly (readonly [string, string])[] = [
  ['quaich/toolbox', 'src/toolbox/index.ts'],
  ['quaich/middleware', 'src/middleware/index.ts'],
  ['quaich/tracing', 'src/middleware/tracing.ts'],
  ['quaich/testing', 'src/testing/index.ts'],
  ['quaich/validate', 'src/validate/index.ts'],
  ['quaich/shim', 'src/shim/index.ts'],
  ['quaich/adapters', 'src/adapters/index.ts'],
  ['quaich/gateways', 'src/hosts/index.ts'],
  ['quaich', 'src/index.ts'],
];

/** A fenced block of a page. */
export interface Fence {
  /** `''` where none is said: commands, and what they print. */
  language: string;
  /** What stands behind the language, where something does: the name of a file. */
  name: string;
  code: string;
  /** The line of its first fence. */
  line: number;
}

/** The fenced blocks of a page, in order. */
export function fences(file: string): Fence[] {
  const text = page(file);
  const found = text.matchAll(/^```(\w*) *([\w./-]*)\n([\s\S]*?)^```$/gm);
  return [...found].map(({ 1: language, 2: name, 3: code, index }) => {
    return { language, name, code, line: text.slice(0, index).split('\n').length };
  });
}

/** A block of JavaScript; its name stands behind the language, where it has one. */
export interface Block {
  name: string;
  code: string;
}

/** The blocks of JavaScript of a page, in order. */
export function blocks(file: string): Block[] {
  return fences(file)
    .filter(({ language }) => language === 'js')
    .map(({ name, code }, index) => ({ name: name || `sample-${index}.js`, code }));
}

/** The blocks of one page as modules, in a folder below the project, where their imports can be found. */
export class SampleFolder {
  readonly #path: string;
  readonly #replace: Readonly<Record<string, string>>;
  readonly #entries: typeof ENTRIES;

  /**
   * @param replace further texts of the blocks, and what takes their place
   * @param entries the package's entries and their sources; without any the built package is imported
   */
  constructor(file: string, replace: Readonly<Record<string, string>> = {}, entries = ENTRIES) {
    this.#entries = entries;
    mkdirSync(join(root, 'build'), { recursive: true });
    this.#path = mkdtempSync(join(root, 'build', 'samples-'));
    this.#replace = replace;
    for (const { name, code } of blocks(file)) this.write(name, code);
  }

  /** One more module. */
  write(name: string, code: string): void {
    let text = code;
    for (const [entry, source] of this.#entries)
      text = text.replaceAll(`from '${entry}'`, `from '${join(root, source)}'`);
    for (const [from, to] of Object.entries(this.#replace)) text = text.replaceAll(from, to);
    writeFileSync(join(this.#path, name), text);
  }

  /** What a block takes for granted. */
  prepend(name: string, code: string): void {
    this.write(name, `${code}\n${readFileSync(join(this.#path, name), 'utf8')}`);
  }

  /** Changes a block that stays as it is else. */
  replaceIn(name: string, from: string, to: string): void {
    this.write(name, readFileSync(join(this.#path, name), 'utf8').replaceAll(from, to));
  }

  /** Runs a block as a module, and gives its exports. */
  load(name: string): Promise<Sample> {
    return import(/* @vite-ignore */ join(this.#path, name));
  }

  /** Where a module lies. */
  path(name: string): string {
    return join(this.#path, name);
  }

  remove(): void {
    rmSync(this.#path, { recursive: true });
  }
}
