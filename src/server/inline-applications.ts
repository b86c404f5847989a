import { HEAD_RECORD } from '../../assembly/layout.ts';
import { AsyncInput } from '../engine/async-input.ts';
import { runAsync } from '../engine/run-async.ts';
import type { EnvironBuilder } from '../http/environ.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Parser } from '../http/parser.ts';
import { ConfigurationError, QuaichError } from '../interface/errors.ts';
import type { AsyncApplication, AsyncEnviron } from '../interface/types.ts';
import { Applications, describeFailure } from '../pool/applications.ts';
import { environBuilders } from '../pool/worker.ts';
import type { WorkerMount } from '../pool/worker-data.ts';
import { asyncFileWrapper } from '../toolbox/file-wrapper.ts';
import { InlineRequest } from './inline.ts';
import type { Report } from './report.ts';
import type { SocketHost } from './socket-host.ts';

/** The async applications that run on the gateway's own thread, at their owner's wish: no hop, and no protection. */
export class InlineApplications {
  private readonly parser: Parser;
  private readonly report: Report;
  private readonly applications = new Applications();
  private builders: (EnvironBuilder | null)[] = [];

  constructor(parser: Parser, report: Report) {
    this.parser = parser;
    this.report = report;
  }

  /** Loads and starts up. Throws ConfigurationError or QuaichError. */
  async start(
    mounts: readonly (WorkerMount | null)[],
    directory: string,
    environ: Readonly<Record<string, string>>,
  ): Promise<void> {
    try {
      await this.applications.start(mounts, directory);
    } catch (error) {
      if (error instanceof ConfigurationError) throw error;
      throw new QuaichError('QUAICH_STARTUP', describeFailure(error).message, { cause: error });
    }
    this.builders = environBuilders(
      this.applications,
      { async: true, multithread: true, multiprocess: false, fileWrapper: asyncFileWrapper },
      environ,
    );
  }

  /** Runs the shutdown hooks; fulfils with the number of those that failed. */
  async stop(): Promise<number> {
    let failures = 0;
    await this.applications.stop((error) => {
      failures++;
      this.report('error', `a shutdown hook failed: ${describeFailure(error).message}`);
    });
    return failures;
  }

  /** See `Destination.accept`; there is always room. */
  accept(mount: number, exchange: Exchange, host: SocketHost, hasBody: boolean): boolean {
    const { parser } = this;
    const mounted = this.applications.mounted[mount];
    const builder = this.builders[mount];
    if (mounted === null || builder === null) throw new Error(`mount ${mount} does not run inline`);
    const request = new InlineRequest(exchange, parser, hasBody);
    exchange.owner = request;
    const text = parser.headText();
    const environ = builder.build(
      text,
      0,
      parser.words,
      HEAD_RECORD >> 2,
      host.info,
      mounted.prefix,
      new AsyncInput(hasBody ? request : null),
    );
    const running = runAsync(mounted.app as AsyncApplication, environ as AsyncEnviron, request);
    if (running !== undefined) request.onDisconnect = (reason) => running.disconnect(reason);
    return true;
  }
}
