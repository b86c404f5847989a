import { closeSync, realpathSync, statSync } from 'node:fs';
import { ConfigurationError } from '../interface/errors.ts';
import { isAsyncEnviron, markAsync, markSync } from '../interface/kind.ts';
import type { Application, AsyncApplication, HeaderField, Kind } from '../interface/types.ts';
import { percentEncodeBytes, textToNative } from '../rules/native-strings.ts';
import { shown } from '../rules/show.ts';
import { awaitSteps, runSteps, type Steps, wait } from '../rules/steps.ts';
import { acceptedOf } from './accept-encoding.ts';
import { emptyAnswer, plainAnswer } from './answers.ts';
import { checkSwitches } from './decision.ts';
import { middleware } from './define.ts';
import { answerFile, type FileDescription, mediaType } from './static/answer.ts';
import { locateBelow, openBelow, type Root } from './static/below.ts';
import { awaitedFileSystem, blockingFileSystem, type FileSystem, type OpenedFile } from './static/file-system.ts';
import { type RequestedPath, requestedPath } from './static/path.ts';
import type { Answer, AnyEnviron, Middleware } from './types.ts';

export interface StaticFilesOptions {
  /** The directory whose files are served. It has to exist; links to it are followed once, at the start. */
  root: string;
  /** Names tried, in order, for a path that ends in `/`: `['index.html']` by default, `[]` for none. */
  index?: readonly string[];
  /**
   * Endings tried, in order, for a path that is no file: `['.html']` serves `/about` by `about.html`. None by default.
   */
  endings?: readonly string[];
  /**
   * The file below the root that browsers get in place of a page which does not exist, such as `index.html` of an
   * application that has its routes in the browser; with 200. Only where the client asks for HTML. None by default.
   */
  fallback?: string;
  /**
   * Serves names that begin with a dot too. Off by default: they are treated as if they did not exist, but for
   * `.well-known` at the root, which is meant to be found (RFC 8615).
   */
  dotfiles?: boolean;
  /**
   * Looks for `file.zst`, `file.br` and `file.gz` beside a file, and serves what the client prefers. Off by default.
   */
  precompressed?: boolean;
  /** `Cache-Control`, the same for all files or by the path below the root; none by default. */
  cacheControl?: string | ((path: string) => string | undefined);
  /** Media types by extension, such as `{ '.foo': 'text/foo' }`, ahead of the built-in ones. */
  types?: Readonly<Record<string, string>>;
}

/** Codings in order of our preference, with the endings of their files. */
const VARIANTS = [
  ['zstd', '.zst'],
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;

const CODINGS = [...VARIANTS.map(([coding]) => coding), 'identity'];

/** Codings that the client accepts and likes better than none. */
function acceptedCodings(environ: AnyEnviron): string[] {
  const accept = environ.HTTP_ACCEPT_ENCODING;
  if (accept === undefined) return [];
  const all = acceptedOf(CODINGS, accept);
  const identity = all.indexOf('identity');
  return identity < 0 ? all : all.slice(0, identity);
}

interface FoundFile extends OpenedFile {
  /** Path below the root, with `/`. */
  name: string;
  /** Null: as it is. */
  coding: string | null;
  /** It stands in for a page that does not exist. */
  stands: boolean;
}

/** What is in no name of a file. */
const NO_NAME = /[/\\\0]/;

/** The directory behind a path without a slash at its end: the client is sent there. */
const REDIRECT: unique symbol = Symbol('redirect');

class StaticFiles {
  readonly #root: Root;
  readonly #index: readonly string[];
  readonly #endings: readonly string[];
  /** Names below the root; none where there is no such page. */
  readonly #fallback: readonly string[];
  readonly #precompressed: boolean;
  readonly #cacheControl: StaticFilesOptions['cacheControl'];
  readonly #types: ReadonlyMap<string, string>;

  constructor(options: StaticFilesOptions) {
    const { dotfiles = false, precompressed = false } = options;
    checkSwitches('staticFiles', { dotfiles, precompressed });
    this.#root = { path: existingDirectory(options.root), dotfiles };
    this.#index = options.index ?? ['index.html'];
    this.#precompressed = precompressed;
    this.#cacheControl = options.cacheControl;
    this.#types = new Map(Object.entries(options.types ?? {}).map(([ending, type]) => [ending.toLowerCase(), type]));
    for (const name of this.#index) {
      if (name === '' || NO_NAME.test(name)) {
        throw new ConfigurationError(`staticFiles: ${JSON.stringify(name)} is not the name of an index file`);
      }
    }
    this.#endings = options.endings ?? [];
    for (const ending of this.#endings) {
      if (!/^\../.test(ending) || NO_NAME.test(ending)) {
        throw new ConfigurationError(`staticFiles: an ending is like '.html', got ${shown(ending)}`);
      }
    }
    this.#fallback = options.fallback === undefined ? [] : this.#pageNames(options.fallback);
  }

  /** @throws ConfigurationError for a path that no file is served under */
  #pageNames(page: string): string[] {
    const path = requestedPath(textToNative(`/${page}`), this.#root.dotfiles);
    if (path !== null && !path.directory && path.segments.length > 0) return path.segments;
    throw new ConfigurationError(`staticFiles: the fallback is a file below the root, got ${shown(page)}`);
  }

  /** The file for a request; null where there is none to be served. */
  *find(files: FileSystem, environ: AnyEnviron): Steps<FoundFile | typeof REDIRECT | null> {
    const path = requestedPath(environ.PATH_INFO, this.#root.dotfiles);
    const found = path === null ? null : yield* this.#find(files, environ, path);
    if (found !== null || this.#fallback.length === 0 || !asksForPage(environ)) return found;
    const real = yield* locateBelow(files, this.#root, this.#fallback);
    const page = real === null ? null : yield* this.#open(files, environ, this.#fallback, real);
    return page === null ? null : { ...page, stands: true };
  }

  *#find(
    files: FileSystem,
    environ: AnyEnviron,
    { segments, directory }: RequestedPath,
  ): Steps<FoundFile | typeof REDIRECT | null> {
    const real = yield* locateBelow(files, this.#root, segments);
    const stat = real === null ? null : yield* wait(files.stat(real));
    if (real !== null && stat?.isFile()) return directory ? null : yield* this.#open(files, environ, segments, real);
    if (stat?.isDirectory()) {
      const found = yield* this.#indexOf(files, environ, segments);
      if (found !== null && directory) return found;
      if (found !== null) {
        closeSync(found.descriptor);
        return REDIRECT;
      }
    }
    return directory ? null : yield* this.#withEnding(files, environ, segments);
  }

  /** The index file of a directory. */
  *#indexOf(files: FileSystem, environ: AnyEnviron, segments: readonly string[]): Steps<FoundFile | null> {
    for (const name of this.#index) {
      const inside = yield* locateBelow(files, this.#root, [...segments, name]);
      const found = inside === null ? null : yield* this.#open(files, environ, [...segments, name], inside);
      if (found !== null) return found;
    }
    return null;
  }

  /** The file whose name has one of the endings that may be left out. */
  *#withEnding(files: FileSystem, environ: AnyEnviron, segments: readonly string[]): Steps<FoundFile | null> {
    if (segments.length === 0) return null;
    for (const ending of this.#endings) {
      const names = ended(segments, ending);
      const real = yield* locateBelow(files, this.#root, names);
      const found = real === null ? null : yield* this.#open(files, environ, names, real);
      if (found !== null) return found;
    }
    return null;
  }

  *#open(files: FileSystem, environ: AnyEnviron, segments: readonly string[], real: string): Steps<FoundFile | null> {
    const name = segments.join('/');
    if (this.#precompressed) {
      for (const coding of acceptedCodings(environ)) {
        const ending = VARIANTS.find(([each]) => each === coding)?.[1];
        if (ending === undefined) continue;
        const names = ended(segments, ending);
        const variant = yield* locateBelow(files, this.#root, names);
        const file = variant === null ? null : yield* openBelow(files, this.#root, names, variant);
        if (file !== null) return { ...file, name, coding, stands: false };
      }
    }
    const file = yield* openBelow(files, this.#root, segments, real);
    return file === null ? null : { ...file, name, coding: null, stands: false };
  }

  answer(environ: AnyEnviron, found: FoundFile | typeof REDIRECT | null): Answer | undefined {
    if (found === null) return undefined;
    if (found === REDIRECT) return emptyAnswer(301, [['Location', directoryLocation(environ)]]);
    return answerFile(environ, found, () => this.#describe(found));
  }

  #describe({ name, coding, stands }: FoundFile): FileDescription {
    const headers: HeaderField[] = [];
    const varied = [...(stands ? ['Accept'] : []), ...(this.#precompressed ? ['Accept-Encoding'] : [])];
    if (varied.length > 0) headers.push(['Vary', varied.join(', ')]);
    const cacheControl = typeof this.#cacheControl === 'function' ? this.#cacheControl(name) : this.#cacheControl;
    if (cacheControl !== undefined) headers.push(['Cache-Control', cacheControl]);
    return { type: mediaType(name, this.#types), coding, headers };
  }
}

/** The names of a path with an ending behind the last. */
function ended(segments: readonly string[], ending: string): string[] {
  return [...segments.slice(0, -1), `${segments[segments.length - 1]}${ending}`];
}

/** Whether a client asks for a page, as browsers do when they go somewhere, and not for a script or a picture. */
function asksForPage({ HTTP_ACCEPT: accept = '' }: AnyEnviron): boolean {
  return /\btext\/html\b/i.test(accept);
}

/** The same path with a slash at its end. One slash at its beginning: two would name another host. */
function directoryLocation(environ: AnyEnviron): string {
  const path = `${environ.SCRIPT_NAME ?? ''}${environ.PATH_INFO}/`.replace(/^\/+/, '/');
  const query = environ.QUERY_STRING;
  return percentEncodeBytes(path) + (query !== undefined && /^[\x21-\x7e]+$/.test(query) ? `?${query}` : '');
}

function existingDirectory(root: string): string {
  let real: string;
  try {
    real = realpathSync.native(root);
  } catch (error) {
    throw new ConfigurationError(`staticFiles: the directory ${JSON.stringify(root)} cannot be found`, {
      cause: error,
    });
  }
  if (!statSync(real).isDirectory()) {
    throw new ConfigurationError(`staticFiles: ${JSON.stringify(root)} is not a directory`);
  }
  return real;
}

/**
 * Serves the files below a directory to GET and HEAD; what is not there, the application inside answers. By
 * PATH_INFO, so that `mount` puts it below a path.
 *
 * Conditional requests, single ranges (several are answered by the whole file), index files, a redirect to the slash at
 * the end of a directory, and variants that were compressed beforehand are done here; whole files go through
 * `wsgi.file_wrapper`, so that the gateway can send them itself. Never served, as if they did not exist: anything that
 * a symbolic link leads to outside of the root, hidden names, names in another case than they are asked for, and
 * everything that is no regular file.
 *
 * @throws ConfigurationError where the root is no directory
 */
export function staticFiles(options: StaticFilesOptions): Middleware {
  const files = new StaticFiles(options);
  return middleware({
    name: 'staticFiles',
    request(environ) {
      const { REQUEST_METHOD: method } = environ;
      if (method !== 'GET' && method !== 'HEAD') return undefined;
      const all: AnyEnviron = environ;
      if (!isAsyncEnviron(all)) return files.answer(all, runSteps(files.find(blockingFileSystem, all)));
      return awaitSteps(files.find(awaitedFileSystem, all)).then((found) => files.answer(all, found));
    },
  });
}

/** The answer where there is no file. */
function missing(environ: AnyEnviron) {
  const { REQUEST_METHOD: method } = environ;
  return method === 'GET' || method === 'HEAD' ? plainAnswer(404) : plainAnswer(405, [['Allow', 'GET, HEAD']]);
}

/** An application of the given kind that serves nothing but files; 404 for what is not there. */
export function staticApplication(kind: 'sync', options: StaticFilesOptions): Application;
export function staticApplication(kind: 'async', options: StaticFilesOptions): AsyncApplication;
export function staticApplication(kind: Kind, options: StaticFilesOptions): Application | AsyncApplication {
  const serve = staticFiles(options);
  if (kind === 'async') {
    return serve(
      markAsync((environ, startResponse) => {
        const { status, headers, body } = missing(environ);
        startResponse(status, headers);
        return body;
      }),
    );
  }
  return serve(
    markSync((environ, startResponse) => {
      const { status, headers, body } = missing(environ);
      startResponse(status, headers);
      return body;
    }),
  );
}
