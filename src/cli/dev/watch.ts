/** Watches the files that applications are made of. */
import { dirname, extname, join, resolve, sep } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { EXTENSIONS, isFile } from '../../pool/find-module.ts';

/** Endings of what applications load as they start: their modules, data and templates. What they serve is read anew. */
const ENDINGS = new Set([
  ...EXTENSIONS,
  '.py',
  ...['.json', '.wasm', '.node', '.sql', '.graphql', '.yaml', '.yml', '.toml'],
  ...['.html', '.ejs', '.eta', '.hbs', '.liquid', '.md', '.mustache', '.njk', '.pug'],
]);
/** Milliseconds without another change after which the changes are told of: a save may be several. */
const QUIET = 30;

/** Whether nothing below is looked at: packages, of Python too, and what is hidden. */
function isAside(path: string, root: string): boolean {
  if (!path.startsWith(root + sep)) return false;
  return path
    .slice(root.length + 1)
    .split(sep)
    .some((name) => name === 'node_modules' || name === 'site-packages' || name.startsWith('.'));
}

/**
 * The folder of the project that a module belongs to: the nearest one with a `package.json`, else its own.
 *
 * @param file need not exist
 */
export function projectOf(file: string): string {
  const own = dirname(file);
  for (let folder = own; ; folder = dirname(folder)) {
    if (isFile(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) return own;
  }
}

interface WatchOptions {
  /** Watched with all that is below them. */
  readonly folders: readonly string[];
  /** Watched whatever they are called. */
  readonly files: readonly string[];
  /** Files have been saved, removed or made: their paths. */
  changed(files: readonly string[]): void;
  failed(error: unknown): void;
}

/** A watcher of files, for as long as it is not closed. */
export class SourceWatcher {
  /** Fulfils when changes are noticed. */
  readonly ready: Promise<void>;
  readonly #watcher: FSWatcher;
  readonly #changed: Set<string> = new Set();
  #timer: NodeJS.Timeout | undefined;

  constructor({ folders, files, changed, failed }: WatchOptions) {
    const roots = [...new Set(folders.map((folder) => resolve(folder)))];
    const named = new Set(files);
    this.#watcher = watch([...roots, ...named], {
      ignoreInitial: true,
      ignored: (path, stats) => {
        if (named.has(path)) return false;
        if (roots.some((root) => isAside(path, root))) return true;
        return stats?.isFile() === true && !ENDINGS.has(extname(path));
      },
    });
    // Ends: when the folders have been read.
    this.ready = new Promise((resolve) => this.#watcher.once('ready', resolve));
    this.#watcher.on('all', (event, path) => {
      if (event === 'addDir' || event === 'unlinkDir') return;
      this.#changed.add(path);
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => {
        changed([...this.#changed]);
        this.#changed.clear();
      }, QUIET);
    });
    this.#watcher.on('error', failed);
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#watcher.close();
  }
}
