/** The command `quaich dev`: serves applications to those who write them. */
import { relative } from 'node:path';
import { ConfigurationError } from '../../interface/errors.ts';
import { nothing } from '../../rules/promises.ts';
import { describeError } from '../../rules/show.ts';
import type { ServeOptions } from '../../server/options.ts';
import { findConfigFile } from '../config-file.ts';
import { assertApplication, type Configuration, configure } from '../configuration.ts';
import { enterDirectory } from '../directory.ts';
import type { Environment } from '../environment.ts';
import { FAILED, MISCONFIGURED, STOPPED } from '../exit-codes.ts';
import { assertServes } from '../own-options.ts';
import { banner, clickable } from './banner.ts';
import { openBrowser } from './browser.ts';
import { type CertificateFiles, localCertificate } from './certificate.ts';
import { type Paint, paintFor, type Style } from './colours.ts';
import { isLoadError, type LoadFailure, loadFailure } from './failure.ts';
import { KEYS, type KeyInput, listenToKeys } from './keys.ts';
import { type DevArguments, developmentOptions, devHelp, foldersOf, parseDevArguments } from './options.ts';
import { requestLines } from './request-lines.ts';
import { type ReloadOutcome, Serving } from './serving.ts';
import { SourceWatcher } from './watch.ts';

/** The world around the command. */
interface DevSurroundings {
  readonly env: Environment;
  readonly directory: string;
  readonly stdin: KeyInput;
  stdout(text: string): void;
  stderr(text: string): void;
  /** Whether these two are terminals. */
  readonly terminals: { readonly stdout: boolean; readonly stderr: boolean };
  /** Where signals are heard: the process. */
  readonly signals: { on(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP', listener: () => void): unknown };
  /** Ends the process at once, by force. */
  kill(): void;
}

/** Does what the arguments behind `dev` say, and fulfils with the exit code. Never rejects. */
export async function runDev(argv: readonly string[], io: DevSurroundings): Promise<number> {
  try {
    const args = parseDevArguments(argv);
    if (args.others.command === 'help') {
      io.stdout(devHelp());
      return STOPPED;
    }
    assertServes(args.others, 'dev');
    return await new Development(args, enterDirectory(args.others, io)).run();
  } catch (error) {
    const { message, source } = loadFailure(error);
    io.stderr(`quaich: ${message}\n${source === '' ? '' : `\n${source}`}`);
    return error instanceof ConfigurationError ? MISCONFIGURED : FAILED;
  }
}

/** Clears a terminal, and what has been scrolled out of it. */
const CLEAR = '\x1b[2J\x1b[3J\x1b[H';
/** Names of files that are told with a reload. */
const MOST_FILES = 3;

/** One run of the command: the server, the watcher of files, and the terminal. */
class Development {
  readonly #args: DevArguments;
  readonly #io: DevSurroundings;
  readonly #paint: Paint;
  readonly #requestPaint: Paint;
  readonly #serving = new Serving();
  #watcher: SourceWatcher | null = null;
  /** What that looks after, in words. */
  #watched = '';
  /** Fulfils when it does. */
  #watching: Promise<void> | undefined;
  /** Files that have changed since the applications were loaded; null where no load is due. */
  #due: Set<string> | null = null;
  #loading = true;
  /** How often the configuration has been read. */
  #readings = 0;
  /** What was printed when the server had started. */
  #banner = '';
  #stops = 0;
  #end: (outcome: Promise<void>) => void = nothing;

  constructor(args: DevArguments, io: DevSurroundings) {
    this.#args = args;
    this.#io = io;
    this.#paint = paintFor(io.terminals.stderr, io.env);
    this.#requestPaint = paintFor(io.terminals.stdout, io.env);
  }

  /** Fulfils with the exit code when the server has stopped. */
  async run(): Promise<number> {
    const { signals, stdin } = this.#io;
    // Ends: by a key or a signal, with the stop that it begins; or with a server that cannot go on.
    const ended = new Promise<void>((resolve) => {
      this.#end = resolve;
    });
    const stop = (): void => this.#stop();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) signals.on(signal, stop);
    const endKeys = listenToKeys(stdin, {
      r: () => this.#changed([]),
      o: () => this.#open(),
      c: () => this.#io.stderr(`${CLEAR}${this.#banner}`),
      q: stop,
      h: () => this.#say('dim', KEYS),
    });
    try {
      await Promise.race([this.#start(), ended]);
      void this.#loadAgain();
      await ended;
      return STOPPED;
    } finally {
      endKeys();
      await this.#watcher?.close();
    }
  }

  async #start(): Promise<void> {
    const began = performance.now();
    await this.#serving.start(await this.#configure());
    await this.#watching;
    this.#greet(began);
    if (this.#args.open) this.#open();
  }

  /** Reads the configuration, and watches what it leads to. */
  async #configure(): Promise<ServeOptions> {
    const { env, directory, stdout, stderr } = this.#io;
    const { others, https } = this.#args;
    const configuration = await configure(others, env, directory, this.#readings++);
    for (const warning of configuration.warnings) stderr(`quaich: warning: ${warning}\n`);
    assertApplication(configuration);
    const options = developmentOptions(configuration, {
      requests: { write: (text) => stdout(requestLines(text, this.#requestPaint)) },
      certificate: https ? await this.#certificate(configuration) : null,
    });
    const file = findConfigFile(others.config ?? (env.QUAICH_CONFIG || undefined), directory);
    this.#watching = this.#watch(foldersOf(options), file === undefined ? [] : [file]);
    return options;
  }

  /** That of this user, unless another is given. */
  async #certificate({ origins }: Configuration): Promise<Partial<CertificateFiles>> {
    const { directory, env } = this.#io;
    return origins.has('tlsCert') ? {} : localCertificate(directory, env);
  }

  async #watch(folders: readonly string[], files: readonly string[]): Promise<void> {
    const watched = JSON.stringify([folders, files]);
    if (watched === this.#watched) return;
    this.#watched = watched;
    await this.#watcher?.close();
    this.#watcher = new SourceWatcher({
      folders,
      files,
      changed: (paths) => this.#changed(paths),
      failed: (error) => this.#say('yellow', `saves may go unnoticed, press r then: ${describeError(error)}`),
    });
    await this.#watcher.ready;
  }

  #changed(files: readonly string[]): void {
    this.#due ??= new Set();
    for (const file of files) this.#due.add(file);
    if (!this.#loading) void this.#loadAgain();
  }

  /** Loads the applications as often as they have changed, once at a time. */
  async #loadAgain(): Promise<void> {
    this.#loading = true;
    while (this.#due !== null && this.#stops === 0) {
      const files = [...this.#due];
      this.#due = null;
      try {
        await this.#reload(files);
      } catch (error) {
        if (this.#stops === 0) this.#end(Promise.reject(error));
      }
    }
    this.#loading = false;
  }

  async #reload(files: readonly string[]): Promise<void> {
    const began = performance.now();
    const { server } = this.#serving;
    const outcome = await this.#outcome();
    await this.#watching;
    if (this.#serving.server !== server) this.#greet(began);
    else if (typeof outcome === 'object') this.#complain(outcome);
    if (typeof outcome === 'object') return;
    const names = files.slice(0, MOST_FILES).map((file) => relative(this.#io.directory, file));
    if (files.length > MOST_FILES) names.push(`${files.length - MOST_FILES} more`);
    const time = `${Math.round(performance.now() - began)} ms`;
    this.#say('green', [`${outcome} in ${time}`, ...(names.length > 0 ? [names.join(', ')] : [])].join(' · '));
  }

  async #outcome(): Promise<ReloadOutcome> {
    let options: ServeOptions;
    try {
      options = await this.#configure();
    } catch (error) {
      if (isLoadError(error)) return loadFailure(error);
      throw error;
    }
    return this.#serving.reload(options);
  }

  /** For a server that has just begun to answer requests. */
  #greet(began: number): void {
    const { server, failure } = this.#serving;
    if (server === null) return;
    const { directory, stdin, stderr } = this.#io;
    const applications = failure === null ? server.applications : [];
    const time = performance.now() - began;
    this.#banner = banner(
      { urls: server.urls, applications },
      { directory, time, keys: stdin.isTTY === true, paint: this.#paint },
    );
    stderr(this.#banner);
    server.failed.catch((error: unknown) => this.#end(Promise.reject(error)));
    if (failure !== null) this.#complain(failure);
  }

  #complain({ message, source }: LoadFailure): void {
    const after =
      this.#serving.failure === null ? 'the code before it goes on serving' : 'every request gets this as its answer';
    this.#say('red', message);
    if (source !== '') this.#io.stderr(`\n${source.replace(/^/gm, '  ').trimEnd()}\n\n`);
    this.#say('yellow', `${after}; mend it and save`);
  }

  #open(): void {
    const [url] = this.#serving.server?.urls ?? [];
    if (url === undefined) return;
    openBrowser(clickable(url), this.#io.env, (reason) => this.#say('yellow', `cannot open a browser: ${reason}`));
  }

  /** A first time ends the run in order, a second without waiting, a third by force. */
  #stop(): void {
    this.#stops++;
    const { server } = this.#serving;
    if (this.#stops === 1) this.#end(this.#serving.stop());
    else if (this.#stops === 2 && server !== null) server.abort();
    else this.#io.kill();
  }

  #say(style: Style, text: string): void {
    this.#io.stderr(`${this.#paint(style, text)}\n`);
  }
}
