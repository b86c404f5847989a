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

export type ProbeMessage =
  /** The module that is loaded from now on. */
  { type: 'loading'; module: string } | { type: 'loaded'; kinds: Kind[] } | ({ type: 'failed' } & Failure);

/**
 * Loads applications on a thread that serves nothing, to learn their kinds and whether they load at all (B-01, L-18).
 */
export async function probeApplications(
  { apps, directory }: ProbeTask,
  post: (message: ProbeMessage) => void,
): Promise<void> {
  writeOutputDirectly();
  const kinds: Kind[] = [];
  for (const app of apps) {
    const uncaught = (error: unknown): void => {
      const what = explain(error, resolveModule(app.module, directory));
      post({ type: 'failed', message: `cannot load ${app.module}: nobody handles ${what}`, configuration: true });
    };
    process.on('uncaughtException', uncaught);
    post({ type: 'loading', module: app.module });
    try {
      kinds.push((await loadApplication(app, directory)).kind);
    } catch (error) {
      post({ type: 'failed', ...describeFailure(error) });
      return;
    }
    // Promises that it left rejected become known in the next turn.
    await turn();
    process.off('uncaughtException', uncaught);
  }
  post({ type: 'loaded', kinds });
}
