/** What can be chosen for Python applications, and what that makes of the directories and the environment. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { ConfigurationError } from '../interface/errors.ts';

/** Paths are relative to `directory`. */
export interface PythonOptions {
  /** Directories with modules, ahead of those of the variable PYTHONPATH. */
  path?: readonly string[] | undefined;
  /** A virtual environment; without it that of the variable VIRTUAL_ENV, or `.venv` if it is there. */
  venv?: string | undefined;
  /**
   * Directories that applications see, beside their own, those of modules and the one for temporary files; without it
   * all directories of the machine but those of devices and of system libraries.
   */
  root?: readonly string[] | undefined;
  /** Bytes that an interpreter may have; 0 for as many as there can be (4 GiB). 1 GiB by default. */
  memory?: number | undefined;
  /** A folder for compiled modules and for the snapshot that interpreters are made of; `off`: none. */
  cache?: string | undefined;
}

/** The same, looked up; plain data. */
export interface PythonSettings {
  /** The directory that applications work in. */
  readonly directory: string;
  readonly path: readonly string[];
  /** Of a virtual environment: its packages. */
  readonly site: readonly string[];
  /** Null: all. */
  readonly roots: readonly string[] | null;
  readonly memory: number;
  /** Null: none. */
  readonly cache: string | null;
}

const MEMORY = 2 ** 30;
/** Where machines have the rules of time zones. */
const ZONES = '/usr/share/zoneinfo';

/** @throws ConfigurationError for a directory that is not there */
export function pythonSettings(options: PythonOptions, directory: string): PythonSettings {
  const { env } = process;
  const absolute = (path: string): string => resolve(directory, path);
  const listed = (env.PYTHONPATH ?? '').split(delimiter).filter((path) => path !== '');
  const path = [...(options.path ?? []).map((one) => existing('path', absolute(one))), ...listed.map(absolute)];
  const site = packagesOf(options.venv, directory);
  const { root } = options;
  const cache = options.cache ?? join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'quaich');
  const folder = cache === 'off' ? null : absolute(cache);
  const own = [directory, ...path, ...site, tmpdir(), ZONES];
  const roots = root?.map((one) => existing('root', absolute(one)));
  return {
    directory,
    path,
    site,
    roots: roots === undefined ? null : [...roots, ...own, ...(folder === null ? [] : [folder])],
    memory: options.memory ?? MEMORY,
    cache: folder,
  };
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function existing(name: string, path: string): string {
  if (isDirectory(path)) return path;
  throw new ConfigurationError(`the Python ${name} ${path} is no directory`);
}

/** The folders with the packages of a virtual environment. */
function packagesOf(asked: string | undefined, directory: string): string[] {
  const usual = join(directory, '.venv');
  const venv = asked ?? (process.env.VIRTUAL_ENV || (existsSync(join(usual, 'pyvenv.cfg')) ? usual : undefined));
  if (venv === undefined) return [];
  const folder = resolve(directory, venv);
  const libraries = isDirectory(join(folder, 'lib')) ? readdirSync(join(folder, 'lib')) : [];
  const found = libraries
    .filter((name) => name.startsWith('python3'))
    .map((name) => join(folder, 'lib', name, 'site-packages'))
    .filter(isDirectory);
  if (found.length > 0) return found;
  throw new ConfigurationError(`${folder} is no virtual environment: it has no lib/python3.*/site-packages`);
}
