/**
 * The log of the server's own messages: standard error, an object of the owner's, or a file. To a file goes as well
 * what applications write to `wsgi.errors` and, on threads of their own, to the console. Those threads write themselves
 * (pool/log-file.ts); what they lose is counted here.
 */
import { createErrorStream } from '../../engine/error-stream.ts';
import type { ErrorStream } from '../../interface/types.ts';
import { lostLines, reopenLogFile, type SharedLogFile, shareLogFile } from '../../pool/log-file.ts';
import { nothing } from '../../rules/promises.ts';
import type { ResolvedOptions } from '../options.ts';
import { createReport, type Report, sinkWriter } from '../report.ts';
import { FileOutput, openLog } from './file.ts';
import { Losses } from './losses.ts';
import { isJson } from './settings.ts';

export interface ErrorLog {
  /** Takes the server's messages. Never throws. */
  readonly report: Report;
  /** `wsgi.errors` of applications on this thread. */
  readonly errors: ErrorStream;
  /** Where threads write to; undefined: to standard output and error. */
  readonly shared: SharedLogFile | undefined;
  /** Lines of a file lost so far. */
  readonly dropped: number;
  /** Opens the file anew, under the same name. */
  reopen(): void;
  /** Writes what is left, for at most a second. What is said after that goes to standard error. */
  close(): Promise<void>;
}

type ErrorLogSettings = Pick<
  ResolvedOptions,
  'accessLog' | 'accessLogFormat' | 'errorLog' | 'errorLogFile' | 'errorLogFormat' | 'logLevel'
>;

/** Milliseconds between two looks at what threads have lost. */
const COUNT_EVERY = 1000;

/** @throws ConfigurationError when the file cannot be opened */
export async function openErrorLog(settings: ErrorLogSettings, open = openLog): Promise<ErrorLog> {
  const { errorLog, errorLogFile: path, logLevel } = settings;
  const report = createReport(logLevel, isJson(settings) ? 'json' : 'text', sinkWriter(errorLog ?? process.stderr));
  if (errorLog === undefined && path !== '-') {
    const losses = new Losses((error) => report('warn', `error log: ${error.message}`));
    const output = await FileOutput.open({ path, what: 'error log', open }, losses);
    return new FileErrorLog(settings, report, output, losses);
  }
  return { report, errors: createErrorStream(), shared: undefined, dropped: 0, reopen: nothing, close: async () => {} };
}

class FileErrorLog implements ErrorLog {
  readonly report: Report;
  readonly errors: ErrorStream;
  readonly shared: SharedLogFile;
  readonly #output: FileOutput;
  readonly #losses: Losses;
  readonly #counting: NodeJS.Timeout;
  #closed = false;

  /** @param otherwise what takes messages once it is closed */
  constructor(settings: ErrorLogSettings, otherwise: Report, output: FileOutput, losses: Losses) {
    const form = isJson(settings) ? 'json' : 'dated text';
    const toFile = createReport(settings.logLevel, form, (line) => output.write(Buffer.from(line), 1));
    this.report = (...message) => (this.#closed ? otherwise : toFile)(...message);
    this.errors = createErrorStream(2, (text) => {
      if (!this.#closed) output.write(Buffer.from(text), 1);
      return !this.#closed;
    });
    this.shared = shareLogFile(settings.errorLogFile);
    this.#output = output;
    this.#losses = losses;
    this.#counting = setInterval(() => this.#count(), COUNT_EVERY).unref();
  }

  get dropped(): number {
    return this.#losses.lines;
  }

  reopen(): void {
    this.#output.reopen();
    reopenLogFile(this.shared);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#counting);
    await this.#output.close();
    this.#count();
    this.#losses.finish();
  }

  #count(): void {
    const lost = lostLines(this.shared);
    if (lost > 0) this.#losses.add(lost, 'the file did not take what a worker wrote');
  }
}
