import { type Original, originalOf } from '../interface/original.ts';
import type { Kind } from '../interface/types.ts';
import { turn } from '../rules/event-loop.ts';
import { describeFailure, type Failure } from './applications.ts';
import { resolveModule } from './find-module.ts';
import { type AppOptions, loadApplication } from './load.ts';
import { explain } from './module-error.ts';
import { writeOutputDirectly } from './output.ts';

export interface ProbeTask {
  apps: readonly AppOptions[];
  directory: string;
}

/** What is known of an application once it has loaded. */
export interface ProbedApplication {
  readonly kind: Kind;
  /** What an adapter has made it of; null where none has. */
  readonly adapted: Original['interface'] | null;
}

export type ProbeMessage =
  /** The module that is loaded from now on. */
  { type: 'loading'; module: string } | { type: 'loaded'; found: ProbedApplication[] } | ({ type: 'failed' } & Failure);

/**
 * Loads applications on a thread that serves nothing, to learn what they are and whether they load at all (B-01, L-18).
 */
export async function probeApplications(
  { apps, directory }: ProbeTask,
  post: (message: ProbeMessage) => void,
): Promise<void> {
  writeOutputDirectly();
  const found: ProbedApplication[] = [];
  for (const app of apps) {
    const uncaught = (error: unknown): void => {
      const what = explain(error, resolveModule(app.module, directory));
      post({ type: 'failed', message: `cannot load ${app.module}: nobody handles ${what}`, configuration: true });
    };
    process.on('uncaughtException', uncaught);
    post({ type: 'loading', module: app.module });
    try {
      const loaded = await loadApplication(app, directory);
      found.push({ kind: loaded.kind, adapted: originalOf(loaded.app)?.interface ?? null });
    } catch (error) {
      post({ type: 'failed', ...describeFailure(error) });
      return;
    }
    // Promises that it left rejected become known in the next turn.
    await turn();
    process.off('uncaughtException', uncaught);
  }
  post({ type: 'loaded', found });
}
