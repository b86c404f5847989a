/** The files of the project as the guards of the house read them: what each imports, exports and says in comments. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Comment, parseSync, type StaticExportEntry } from 'oxc-parser';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** A name that a file takes from another. */
export interface Import {
  /** A file of the project, relative to its root; else the specifier as it stands. */
  from: string;
  /** The name there; `*` for all names. */
  name: string;
  /** Whether only its type is taken, so that nothing is loaded. */
  type: boolean;
}

/** A name that a file gives to others. */
export interface Export {
  /** The name; `*` for all names of `from`. */
  name: string;
  /** What declares it, such as `class`; `re-export` for a name of another file. */
  kind: string;
  /** Of a name that is passed on: the file and the name there. */
  from?: string;
  original?: string;
}

export interface Source {
  /** Relative to the root of the project. */
  file: string;
  text: string;
  imports: Import[];
  exports: Export[];
  comments: Comment[];
}

/** Tables and parsers that the build makes. */
export const GENERATED = /^src\/protocols\/http\/wasm\/|^assembly\/tables\.ts$/;

/** The names of the files of some folders, generated ones left out. */
export function filesOf(folders: readonly string[], ending: RegExp): string[] {
  return folders
    .flatMap((folder) =>
      readdirSync(root + folder, { recursive: true, encoding: 'utf8' }).map((file) => posix.join(folder, file)),
    )
    .filter((file) => ending.test(file) && !GENERATED.test(file) && !file.includes('node_modules/'))
    .sort();
}

export const read = (file: string): string => readFileSync(root + file, 'utf8');

/** The file that a specifier means; built files stand for their sources. */
export function resolve(from: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  const path = posix.join(posix.dirname(from), specifier);
  if (path.startsWith('dist/')) return path.slice(5).replace(/\.js$/, '.ts');
  return path.startsWith('assembly/') && !path.endsWith('.ts') ? `${path}.ts` : path;
}

/** AssemblyScript puts decorators where TypeScript takes none. */
const parsable = (file: string, text: string): string =>
  file.startsWith('assembly/')
    ? text.replace(/@(?:inline|unmanaged|external\(.*\)|lazy)/g, (found) => ' '.repeat(found.length))
    : text;

const NONE = 'None';

function exported(file: string, entry: StaticExportEntry, kinds: ReadonlyMap<string, string>): Export {
  const name = entry.exportName.name ?? (entry.exportName.kind === 'Default' ? 'default' : '*');
  if (entry.moduleRequest === null) return { name, kind: kinds.get(entry.localName.name ?? name) ?? 're-export' };
  const original = entry.importName.name ?? '*';
  return { name, kind: 're-export', from: resolve(file, entry.moduleRequest.value), original };
}

/** A file, read. */
export function sourceOf(file: string, text: string = read(file)): Source {
  const { program, module, comments, errors } = parseSync(file, parsable(file, text));
  if (errors.length > 0) throw new Error(`${file}: ${errors[0].message}`);
  const imports: Import[] = [];
  for (const { moduleRequest, entries } of module.staticImports) {
    const from = resolve(file, moduleRequest.value);
    if (entries.length === 0) imports.push({ from, name: NONE, type: false });
    for (const { importName, isType } of entries) {
      const name = importName.name ?? (importName.kind === 'Default' ? 'default' : '*');
      imports.push({ from, name, type: isType });
    }
  }
  // Imports within the code, as calls and as types; which names they take is in no list.
  for (const [, specifier] of text.matchAll(/\b(?:import|getBuiltinModule)\(\s*'([^']+)'/g))
    imports.push({ from: resolve(file, specifier), name: '*', type: false });
  const kinds = new Map<string, string>();
  for (const statement of program.body) {
    const declared = 'declaration' in statement && statement.declaration ? statement.declaration : statement;
    const kind = /^(?:TS)?(Class|Function|Interface|TypeAlias)Declaration$/.exec(declared.type)?.[1];
    const id = 'id' in declared && declared.id?.type === 'Identifier' ? declared.id.name : undefined;
    if (kind !== undefined && id !== undefined) kinds.set(id, kind.replace('TypeAlias', 'Type').toLowerCase());
    if (declared.type !== 'VariableDeclaration') continue;
    for (const { id } of declared.declarations) if (id.type === 'Identifier') kinds.set(id.name, 'const');
  }
  const exports = module.staticExports.flatMap(({ entries }) => entries.map((entry) => exported(file, entry, kinds)));
  // What is passed on is taken first.
  for (const { from, original, name } of exports)
    if (from !== undefined) imports.push({ from, name: original ?? name, type: false });
  return { file, text, imports, exports, comments };
}

/** The files behind the entries of the package and its command. */
export function publicEntries(): string[] {
  const { exports, bin } = JSON.parse(read('package.json'));
  const built = [...Object.values<string | { default: string }>(exports), ...Object.values<string>(bin)];
  return built
    .map((entry) => (typeof entry === 'string' ? entry : entry.default))
    .filter((entry) => entry.endsWith('.js'))
    .map((entry) => resolve('package.json', entry.startsWith('.') ? entry : `./${entry}`))
    .filter((file) => existsSync(root + file));
}
