import { ConfigurationError } from '../../interface/errors.ts';
import { builtModule } from '../../rules/own-files.ts';
import { formatBind, parseBind } from '../../server/bind.ts';
import { type Server, serve } from '../../server/index.ts';
import { resolveOptions, type ServeOptions, settings } from '../../server/options.ts';
import { NeedsNewStart } from '../../server/plan.ts';
import { probe } from '../../server/probe.ts';
import { FAILURE, written } from './failed-application.ts';
import { isLoadError, type LoadFailure, loadFailure } from './failure.ts';

/** What became of a reload: the new code serves, in the server that ran or in a new one, or the old goes on. */
export type ReloadOutcome = 'reloaded' | 'restarted' | LoadFailure;

/**
 * The server of `quaich dev`. Where the applications do not load at the start, an application that tells why takes
 * their place, until they do. Later, where new code does not load, the old goes on. What no reload can bring about
 * (other mounts, kinds, or settings) makes it start anew, at the same addresses.
 */
export class Serving {
  /** What answers requests; null while nothing does. */
  server: Server | null = null;
  /** What every request is told; null where the applications are served. */
  failure: LoadFailure | null = null;
  /** Of the addresses, once the first server has been left: a free one that was asked for stays the same. */
  #ports: readonly number[] | null = null;

  /** @throws BindError; ConfigurationError for what is wrong beside the applications */
  async start(options: ServeOptions): Promise<void> {
    const placed = this.#placed(options);
    this.failure = null;
    try {
      this.server = await serve(placed);
    } catch (error) {
      if (!isLoadError(error)) throw error;
      this.failure = loadFailure(error);
      this.server = await serve(standIn(placed, this.failure)).catch((other: unknown) => {
        // What is wrong with its settings is wrong with those of the applications.
        throw other instanceof ConfigurationError ? error : other;
      });
    }
  }

  /** @throws as `start`, and QuaichError where the server is stopping */
  async reload(options: ServeOptions): Promise<ReloadOutcome> {
    try {
      if (await this.#loadAgain(this.#placed(options))) return 'reloaded';
    } catch (error) {
      if (!isLoadError(error)) throw error;
      const failure = loadFailure(error);
      if (this.failure !== null) {
        this.failure = failure;
        await this.server?.reload(standIn(this.#placed(options), failure));
      }
      return failure;
    }
    await this.#restart(options);
    return this.failure ?? 'restarted';
  }

  async stop(): Promise<void> {
    await this.server?.close();
  }

  /** Whether the new code serves; false where that takes a new start, which it has loaded well enough for. */
  async #loadAgain(options: ServeOptions): Promise<boolean> {
    if (this.failure === null && this.server !== null) {
      try {
        return (await this.server.reload(options)).length === 0;
      } catch (error) {
        if (!(error instanceof NeedsNewStart)) throw error;
      }
    }
    await probe(resolveOptions(options));
    return false;
  }

  async #restart(options: ServeOptions): Promise<void> {
    const { server } = this;
    this.#ports ??= (server?.urls ?? []).map(portOf);
    this.server = null;
    // A shutdown hook that failed has been told of.
    await server?.close().catch(() => {});
    await this.start(options);
  }

  #placed(options: ServeOptions): ServeOptions {
    const ports = this.#ports;
    if (ports === null) return options;
    const bind = settings.bind.read(options.bind ?? settings.bind.default).map((text, index) => {
      const place = parseBind(text);
      return place.type === 'tcp' && place.port === 0 ? formatBind({ ...place, port: ports[index] ?? 0 }) : text;
    });
    return { ...options, bind };
  }
}

/** Of an address; 0 for a Unix socket. */
function portOf(url: string): number {
  return Number(/:(\d+)$/.exec(url)?.[1] ?? 0);
}

/** Options to serve, at the same addresses, an application that tells of the failure. */
function standIn(options: ServeOptions, failure: LoadFailure): ServeOptions {
  const module = builtModule('src/cli/dev/failed-application').href;
  return {
    ...options,
    apps: { module, kind: 'async' },
    env: { [FAILURE]: written(failure) },
    asyncWorkers: 1,
    wrapper: undefined,
  };
}
