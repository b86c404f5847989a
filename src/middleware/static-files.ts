import { closeSync, realpathSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import { mimes } from 'mrmime';
import { ConfigurationError } from '../interface/errors.ts';
import { isAsyncEnviron, markAsync, markSync } from '../interface/kind.ts';
import type { Application, AsyncApplication, HeaderField, Kind } from '../interface/types.ts';
import { percentEncodeBytes } from '../rules/native-strings.ts';
import { statusLine } from '../rules/status-line.ts';
import { awaitSteps, runSteps, type Steps, wait } from '../rules/steps.ts';
import { acceptedOf } from './accept-encoding.ts';
import { emptyAnswer, plainAnswer } from './answers.ts';
import { checkSwitches } from './decision.ts';
import { middleware } from './define.ts';
import { Head, standFor } from './head.ts';
import { evaluate, FAILED, NOT_MODIFIED } from './preconditions.ts';
import { asyncFileBody, type FilePart, syncFileBody } from './static/file.ts';
import {
  awaitedFileSystem,
  blockingFileSystem,
  type FileSystem,
  type OpenedFile,
  openedPath,
  openRegular,
} from './static/file-system.ts';
import { filePath, isServable, requestedPath } from './static/path.ts';
import { rangeOf, rangeStillValid, strongTag } from './static/range.ts';
import type { Answer, AnyEnviron, Middleware } from './types.ts';

export interface StaticFilesOptions {
  /** The directory whose files are served. It has to exist; links to it are followed once, at the start. */
  root: string;
  /** Names tried, in order, for a path that ends in `/`: `['index.html']` by default, `[]` for none. */
  index?: readonly string[];
  /** Serves names that begin with a dot too. Off by default: they are treated as if they did not exist. */
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
}

/** The directory behind a path without a slash at its end: the client is sent there. */
const REDIRECT: unique symbol = Symbol('redirect');

class StaticFiles {
  readonly #root: string;
  readonly #index: readonly string[];
  readonly #dotfiles: boolean;
  readonly #precompressed: boolean;
  readonly #cacheControl: StaticFilesOptions['cacheControl'];
  readonly #types: ReadonlyMap<string, string>;

  constructor(options: StaticFilesOptions) {
    this.#root = existingDirectory(options.root);
    this.#index = options.index ?? ['index.html'];
    this.#dotfiles = options.dotfiles ?? false;
    this.#precompressed = options.precompressed ?? false;
    checkSwitches('staticFiles', { dotfiles: this.#dotfiles, precompressed: this.#precompressed });
    this.#cacheControl = options.cacheControl;
    this.#types = new Map(Object.entries(options.types ?? {}).map(([ending, type]) => [ending.toLowerCase(), type]));
    for (const name of this.#index) {
      if (name === '' || /[/\\\0]/.test(name)) {
        throw new ConfigurationError(`staticFiles: ${JSON.stringify(name)} is not the name of an index file`);
      }
    }
  }

  /** The file for a request; null where there is none to be served. */
  *find(files: FileSystem, environ: AnyEnviron): Steps<FoundFile | typeof REDIRECT | null> {
    const path = requestedPath(environ.PATH_INFO, this.#dotfiles);
    if (path === null) return null;
    const { segments, directory } = path;
    const real = yield* this.#locate(files, segments);
    if (real === null) return null;
    const stat = yield* wait(files.stat(real));
    if (stat === null) return null;
    if (!stat.isDirectory()) {
      if (directory || !stat.isFile()) return null;
      return yield* this.#open(files, environ, segments, real);
    }
    for (const name of this.#index) {
      const inside = yield* this.#locate(files, [...segments, name]);
      if (inside === null) continue;
      const found = yield* this.#open(files, environ, [...segments, name], inside);
      if (found === null) continue;
      if (directory) return found;
      closeSync(found.descriptor);
      return REDIRECT;
    }
    return null;
  }

  /** The real path, if it may be served. */
  *#locate(files: FileSystem, segments: readonly string[]): Steps<string | null> {
    const asked = filePath(this.#root, segments);
    const real = yield* wait(files.realPath(asked));
    return real !== null && isServable(this.#root, asked, real, this.#dotfiles) ? real : null;
  }

  *#open(files: FileSystem, environ: AnyEnviron, segments: readonly string[], real: string): Steps<FoundFile | null> {
    const name = segments.join('/');
    if (this.#precompressed) {
      for (const coding of acceptedCodings(environ)) {
        const ending = VARIANTS.find(([each]) => each === coding)?.[1];
        if (ending === undefined) continue;
        const names = [...segments.slice(0, -1), `${segments[segments.length - 1]}${ending}`];
        const variant = yield* this.#locate(files, names);
        const file = variant === null ? null : yield* this.#openServable(files, names, variant);
        if (file !== null) return { ...file, name, coding };
      }
    }
    const file = yield* this.#openServable(files, segments, real);
    return file === null ? null : { ...file, name, coding: null };
  }

  /** The file, if what was opened lies where it may be served. */
  *#openServable(files: FileSystem, segments: readonly string[], real: string): Steps<OpenedFile | null> {
    const file = yield* openRegular(files, real);
    if (file === null) return null;
    const opened = yield* openedPath(files, file, real);
    if (opened !== null && isServable(this.#root, filePath(this.#root, segments), opened, this.#dotfiles)) return file;
    closeSync(file.descriptor);
    return null;
  }

  #contentType(name: string): string {
    const ending = extname(name).toLowerCase();
    const known = Object.hasOwn(mimes, ending.slice(1)) ? mimes[ending.slice(1)] : 'application/octet-stream';
    const type = this.#types.get(ending) ?? known;
    return /^text\/[^;]+$/.test(type) ? `${type}; charset=utf-8` : type;
  }

  #headers(found: FoundFile, etag: string, lastModified: string): HeaderField[] {
    const headers: HeaderField[] = [
      ['Last-Modified', lastModified],
      ['ETag', etag],
    ];
    if (this.#precompressed) headers.push(['Vary', 'Accept-Encoding']);
    const cacheControl = typeof this.#cacheControl === 'function' ? this.#cacheControl(found.name) : this.#cacheControl;
    if (cacheControl !== undefined) headers.push(['Cache-Control', cacheControl]);
    return headers;
  }

  /** Fields of what is sent, which a 304 does not have. */
  #contentFields({ name, coding }: FoundFile, length: number): HeaderField[] {
    return [
      ['Content-Type', this.#contentType(name)],
      ['Content-Length', String(length)],
      ['Accept-Ranges', 'bytes'],
      ['X-Content-Type-Options', 'nosniff'],
      ...(coding === null ? [] : [['Content-Encoding', coding] satisfies HeaderField]),
    ];
  }

  /** The answer without its body; the part of the file that is the body, or null for none. */
  head(environ: AnyEnviron, found: FoundFile): { code: number; headers: HeaderField[]; part: FilePart | null } {
    const { stat, coding, descriptor } = found;
    const etag = strongTag(stat, coding);
    const lastModified = stat.mtime.toUTCString();
    const headers = this.#headers(found, etag, lastModified);
    const outcome = evaluate(environ, { etag, lastModified });
    if (outcome === NOT_MODIFIED) {
      const whole = new Head('200 OK', [...headers, ...this.#contentFields(found, stat.size)]);
      standFor(headers, { head: whole, chunks: null });
      return { code: 304, headers, part: null };
    }
    if (outcome === FAILED) return { code: 412, headers: [['Content-Length', '0']], part: null };

    let [code, start, length] = [200, 0, stat.size];
    const field = environ.REQUEST_METHOD === 'GET' ? environ.HTTP_RANGE : undefined;
    if (field !== undefined && rangeStillValid(environ.HTTP_IF_RANGE, etag)) {
      const range = rangeOf(field, stat.size);
      if (range === 'unsatisfiable') {
        const fields: HeaderField[] = [
          ['Content-Range', `bytes */${stat.size}`],
          ['Content-Length', '0'],
        ];
        return { code: 416, headers: fields, part: null };
      }
      if (range !== null) {
        code = 206;
        start = range.start;
        length = range.end - range.start + 1;
        headers.push(['Content-Range', `bytes ${range.start}-${range.end}/${stat.size}`]);
      }
    }
    headers.push(...this.#contentFields(found, length));
    const part = environ.REQUEST_METHOD === 'HEAD' ? null : { descriptor, start, length, whole: code === 200 };
    return { code, headers, part };
  }

  answer(environ: AnyEnviron, found: FoundFile | typeof REDIRECT | null): Answer | undefined {
    if (found === null) return undefined;
    if (found === REDIRECT) return emptyAnswer(301, [['Location', directoryLocation(environ)]]);
    let owned = true;
    try {
      const { code, headers, part } = this.head(environ, found);
      const status = statusLine(code);
      if (part === null) return { status, headers, body: [] };
      const body = isAsyncEnviron(environ) ? asyncFileBody(environ, part) : syncFileBody(environ, part);
      owned = false;
      return { status, headers, body };
    } finally {
      if (owned) closeSync(found.descriptor);
    }
  }
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
