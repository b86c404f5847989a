import { inOwnContext } from '../engine/context.ts';
import { ConfigurationError, QuaichError } from '../interface/errors.ts';
import type { Stage } from '../interface/hooks.ts';
import { turn } from '../rules/event-loop.ts';
import { isInstance } from '../rules/failures.ts';
import { prefixText } from '../rules/prefix.ts';
import { nothing } from '../rules/promises.ts';
import { describeError } from '../rules/show.ts';
import { importFirst } from './imports.ts';
import { endLoading, type LoadedApplication, loadApplication } from './load.ts';
import type { MetricsRegistry } from './own-metrics.ts';
import { type Failure, hookStep, loadingStep, type StartStep } from './start-step.ts';
import { endThread } from './this-thread.ts';
import type { ThreadLoad } from './worker-data.ts';

/** An application that has been loaded and started up. */
export type StartedApplication = LoadedApplication & {
  /** As its owner has named it. */
  module: string;
  prefix: string;
  /** What startup left; every request gets a shallow copy (L-06). */
  state: Record<string, unknown>;
};

/** What a module that wraps applications exports. */
export interface Wrapper {
  wrap(application: LoadedApplication, module: string): LoadedApplication;
}

/** A lifespan hook has thrown: whose it is, as its message says, and what it has thrown, as the cause. */
class HookError extends QuaichError {
  constructor(stage: Stage, application: StartedApplication, cause: unknown) {
    super('QUAICH_HOOK', hookName(stage, application), { cause });
  }
}

function hookName(stage: Stage, { module, prefix }: StartedApplication): string {
  return `the ${stage} hook of ${module} at ${prefixText(prefix)}`;
}

/** The applications of one thread with their lifespan hooks. */
export class Applications {
  /** By mount; null where a mount is not this thread's. */
  readonly mounted: (StartedApplication | null)[] = [];
  /** In order of startup, each shutdown hook once (L-14). */
  private readonly started: StartedApplication[] = [];

  /**
   * Runs the modules that are to be imported first, loads all applications, then runs their startup hooks, one after
   * the other (L-02).
   *
   * @param at is told of each step before it is taken
   */
  async start(
    { imports, mounts, directory, validate, wrapper }: ThreadLoad,
    at: (step: StartStep) => void = nothing,
  ): Promise<void> {
    const taken = async <T>(step: StartStep, take: () => Promise<T>): Promise<T> => {
      at(step);
      const result = await take();
      // Promises that it left rejected become known in the next turn, while it is still known whose they are.
      await turn();
      return result;
    };
    for (const module of imports) await taken(loadingStep(module), () => importFirst([module], directory));
    const outermost: Wrapper | null = wrapper === undefined ? null : await import(wrapper);
    const alone = mounts.filter((mount) => mount !== null).length === 1;
    for (const mount of mounts) {
      if (mount === null) {
        this.mounted.push(null);
        continue;
      }
      const { app, known } = mount;
      const loaded = await taken(loadingStep(app.module), () => loadApplication(app, directory, { known, alone }));
      const twin = this.mounted.find((other) => other !== null && identity(other) === identity(loaded));
      const checked = validate ? await validated(loaded) : loaded;
      const wrapped = outermost === null ? checked : outermost.wrap(checked, mount.app.module);
      const { module } = mount.app;
      this.mounted.push({ ...wrapped, module, prefix: mount.prefix, state: twin?.state ?? {} });
    }
    endLoading();
    const run = new Set<unknown>();
    try {
      for (const application of this.mounted) {
        if (application === null) continue;
        const { startup, shutdown, state } = application;
        if (startup !== undefined && !run.has(startup)) {
          run.add(startup);
          const hook = () => runHook('startup', application, () => startup(state));
          await taken(hookStep(hookName('startup', application)), hook);
        }
        if (!this.started.some((other) => other.shutdown === shutdown)) this.started.push(application);
      }
    } catch (error) {
      // Those before it have completed their startup, so their shutdown is due (L-09).
      await this.stop(() => {});
      throw error;
    }
  }

  /** What they measure with, each registry once. */
  get registries(): ReadonlySet<MetricsRegistry> {
    return new Set(this.mounted.flatMap((application) => application?.metrics ?? []));
  }

  /**
   * Runs the shutdown hooks in reverse order, and ends what the applications have begun on this thread; what throws is
   * reported and keeps nothing else from running (L-10).
   */
  async stop(report: (error: unknown) => void): Promise<void> {
    for (const application of this.started.splice(0).reverse()) {
      try {
        await runHook('shutdown', application, () => application.shutdown?.(application.state));
      } catch (error) {
        report(error);
      }
    }
    await endThread(report);
  }
}

/** @throws HookError */
async function runHook(stage: Stage, application: StartedApplication, hook: () => unknown): Promise<void> {
  try {
    await inOwnContext(hook);
  } catch (error) {
    throw new HookError(stage, application, error);
  }
}

/** The same inside the conformance validator. */
export async function validated(application: LoadedApplication): Promise<LoadedApplication> {
  // Loaded by those who ask for it.
  const { validator } = await import('../validate/index.ts');
  return application.kind === 'sync'
    ? { ...application, app: validator(application.app, { kind: 'sync' }) }
    : { ...application, app: validator(application.app, { kind: 'async' }) };
}

/** What decides whether two mounts share one startup: the owner of their hooks, for which a hook stands (L-19). */
function identity({ app, startup, shutdown }: LoadedApplication): unknown {
  return startup ?? shutdown ?? app;
}

/** The inverse of `describeFailure`, on the side of the server. */
export function failureError({ message, configuration }: Failure): QuaichError {
  return configuration ? new ConfigurationError(message) : new QuaichError('QUAICH_STARTUP', message);
}

/**
 * An error in words for the other side of a thread: in full (B-32), unless it is one of configuration. What a hook has
 * thrown is told with whose it is, and without the way that led to it here.
 */
export function describeFailure(error: unknown): Failure {
  if (isInstance(error, HookError)) {
    const { message, configuration } = describeFailure(error.cause);
    return { message: `${error.message} threw: ${message}`, configuration };
  }
  if (isInstance(error, ConfigurationError)) return { message: error.message, configuration: true };
  return { message: describeError(error), configuration: false };
}
