/** Finds out what would be mounted, without serving it. */
import type { KnownApplication } from '../pool/load.ts';
import type { ProbedApplication } from '../pool/probe.ts';
import { prefixText } from '../rules/prefix.ts';
import { assertPlace } from '../server/apps.ts';
import { type ResolvedOptions, resolveOptions } from '../server/options.ts';
import { assertApplication, type Configuration } from './configuration.ts';

/** What is known of an application when it has loaded. */
export type CheckedApplication = KnownApplication & Pick<ProbedApplication, 'notes'>;

/** Where applications are checked. */
export interface CheckSurroundings {
  stdout(text: string): void;
  stderr(text: string): void;
  /** Loads the applications without serving them, and tells what they are. */
  probe(options: ResolvedOptions): Promise<readonly CheckedApplication[]>;
}

/**
 * Loads the applications, and prints a line for each.
 *
 * @throws ConfigurationError for what could not be served
 */
export async function checkMounts(
  configuration: Configuration,
  io: CheckSurroundings,
): Promise<{ options: ResolvedOptions; found: readonly CheckedApplication[] }> {
  assertApplication(configuration);
  const options = resolveOptions(configuration.options);
  const found = await io.probe(options);
  for (const [index, app] of options.apps.entries()) {
    const { kind, foreign, notes } = found[index];
    assertPlace(app, kind);
    io.stdout(
      `ok: ${prefixText(app.prefix)} = ${app.module}${app.export ? `:${app.export}` : ''} (${foreign ?? kind})\n`,
    );
    for (const note of notes) io.stderr(`quaich: ${note}\n`);
  }
  return { options, found };
}
