/** What the application to be measured is, learnt without a request. */
import { resolveModule } from '../../pool/find-module.ts';
import type { AppOptions } from '../../pool/load.ts';
import type { ProbedApplication } from '../../pool/probe.ts';
import { resolveOptions } from '../../server/options.ts';
import { probe } from '../../server/probe.ts';

export interface BenchedApplication extends ProbedApplication {
  /** What to give to `serve`, or to the command. */
  readonly app: AppOptions;
  /** The file of its module. */
  readonly file: string;
}

/**
 * Loads the application on a thread that ends with that.
 *
 * @throws ConfigurationError for a module that does not load
 */
export async function inspectApplication(app: AppOptions, directory: string): Promise<BenchedApplication> {
  const [found] = await probe(resolveOptions({ apps: app, directory }));
  return { ...found, app, file: resolveModule(app.module, directory) };
}
