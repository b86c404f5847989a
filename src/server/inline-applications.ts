import { HEAD_RECORD } from '../../assembly/layout.ts';
import { AsyncInput } from '../engine/async-input.ts';
import { Context } from '../engine/context.ts';
import { earlyHints } from '../engine/early-hints.ts';
import { createErrorStream } from '../engine/error-stream.ts';
import { asyncFileWrapper } from '../engine/file-wrapper.ts';
import { runAsync } from '../engine/run-async.ts';
import { ConfigurationError, QuaichError } from '../interface/errors.ts';
import { Applications, describeFailure } from '../pool/applications.ts';
import { type Runnable, runnables } from '../pool/worker.ts';
import type { WorkerMount } from '../pool/worker-data.ts';
import type { Exchange } from '../protocols/exchange.ts';
import type { Parser } from '../protocols/http/parser.ts';
import { InlineRequest } from './inline.ts';
import type { ResolvedOptions } from './options.ts';
import type { Report } from './report.ts';
import type { SocketHost } from './socket-host.ts';

type InlineOptions = Pick<ResolvedOptions, 'directory' | 'env' | 'validate' | 'timeoutStartup' | 'earlyHints'>;

/** Waits for a promise, `timeout` milliseconds at most (L-04, L-11). */
async function within(promise: Promise<void>, timeout: number, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  // Ends: by the time limit.
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${timeout} ms`)), timeout);
  });
  try {
    await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** The async applications that run on the gateway's own thread, at their owner's wish: no hop, and no protection. */
export class InlineApplications {
  private readonly parser: Parser;
  private readonly report: Report;
  private readonly applications = new Applications();
  private mounts: (Runnable<true> | null)[] = [];
  private readonly mostRequests: number;
  private inProgress = 0;
  private offersHints = false;
  /** That of whoever made the server; requests that follow another one on its connection are begun in that one's. */
  private readonly context = new Context();
  private readonly roomAgain: () => void;

  /**
   * @param asyncRequests in progress at a time; 0: no limit (G-09)
   * @param roomAgain there is room after `accept` returned false
   */
  constructor(parser: Parser, report: Report, asyncRequests: number, roomAgain: () => void) {
    this.parser = parser;
    this.report = report;
    this.mostRequests = asyncRequests || Number.POSITIVE_INFINITY;
    this.roomAgain = roomAgain;
  }

  /** Loads and starts up. Throws ConfigurationError or QuaichError. */
  async start(
    mounts: readonly (WorkerMount | null)[],
    { directory, env, validate, timeoutStartup, earlyHints }: InlineOptions,
  ): Promise<void> {
    try {
      const started = this.applications.start(mounts, directory, validate);
      await within(started, timeoutStartup, 'the startup of an inline application');
    } catch (error) {
      if (error instanceof ConfigurationError) throw error;
      throw new QuaichError('QUAICH_STARTUP', describeFailure(error).message, { cause: error });
    }
    this.offersHints = earlyHints;
    this.mounts = runnables<true>(
      this.applications,
      { async: true, multithread: this.mostRequests > 1, multiprocess: false, fileWrapper: asyncFileWrapper },
      env,
    );
  }

  /** Runs the shutdown hooks, for `timeout` milliseconds at most; fulfils with the number of those that failed. */
  async stop(timeout: number): Promise<number> {
    let failures = 0;
    const failed = (error: unknown): void => {
      failures++;
      this.report('error', `a shutdown hook failed: ${describeFailure(error).message}`);
    };
    await within(this.applications.stop(failed), timeout, 'the shutdown of an inline application').catch(failed);
    return failures;
  }

  /** See `Destination.accept`. */
  accept(mount: number, exchange: Exchange, host: SocketHost, hasBody: boolean): boolean {
    const { parser } = this;
    const runnable = this.mounts[mount];
    if (runnable === null) throw new Error(`mount ${mount} does not run inline`);
    if (this.inProgress >= this.mostRequests) return false;
    const request = new InlineRequest(exchange, parser, hasBody, this.over);
    exchange.owner = request;
    const text = parser.headText();
    const environ = runnable.builder.build(
      text,
      0,
      parser.words,
      HEAD_RECORD >> 2,
      host.info,
      runnable.prefix,
      new AsyncInput(hasBody ? request : null),
    );
    if (exchange.connection.takesErrors) {
      environ['wsgi.errors'] = createErrorStream(2, (text) => exchange.connection.errors(exchange, text));
    }
    if (this.offersHints) environ['quaich.early_hints'] = earlyHints(request);
    this.inProgress++;
    const running = this.context.runInAsyncScope(runAsync, null, runnable.app, environ, request);
    if (running !== undefined) request.onDisconnect = (reason) => running.disconnect(reason);
    return true;
  }

  /** One function for all requests. */
  private readonly over = (): void => {
    if (this.inProgress-- === this.mostRequests) this.roomAgain();
  };
}
