import { ConfigurationError } from '../interface/errors.ts';
import type { ProbedApplication } from '../pool/probe.ts';
import { version } from '../rules/version.ts';
import { isJson } from '../server/log/settings.ts';
import { type ResolvedOptions, resolveOptions } from '../server/options.ts';
import { parseArguments } from './arguments.ts';
import { assertApplication, type Configuration, configure, printConfiguration } from './configuration.ts';
import { enterDirectory } from './directory.ts';
import type { Environment } from './environment.ts';
import { STOPPED } from './exit-codes.ts';
import { helpText, shortHelp } from './help.ts';
import { type Say, sayTo } from './messages.ts';
import { type ServingSurroundings, serveUntilStopped } from './serving.ts';
import { tellError } from './tell-error.ts';

/** An application as `--check` shows it. */
export type CheckedApplication = Pick<ProbedApplication, 'kind' | 'foreign' | 'notes'>;

/** The world around the command; tests give their own. */
export interface Surroundings extends ServingSurroundings {
  readonly env: Environment;
  stdout(text: string): void;
  /** Loads the applications without serving them, and tells what they are. */
  probe(options: ResolvedOptions): Promise<readonly CheckedApplication[]>;
}

/**
 * The command `quaich`: does what the arguments say and fulfils with the exit code. Never rejects: whatever fails is
 * told on standard error, in one line where its cause is known.
 */
export async function run(argv: readonly string[], start: Surroundings): Promise<number> {
  let io = start;
  let say: Say = sayTo(io.stderr, false);
  try {
    const args = parseArguments(argv, io.env.PORT);
    if (args.command === 'help') {
      io.stdout(args.apps.includes('all') ? helpText() : shortHelp());
      return STOPPED;
    }
    if (args.command === 'version') {
      io.stdout(`${version()}\n`);
      return STOPPED;
    }
    io = enterDirectory(args, io);
    const read = async (time: number): Promise<Configuration> => {
      const configuration = await configure(args, io.env, io.directory, time);
      say = sayTo(io.stderr, isJson(configuration.options));
      return configuration;
    };
    if (args.command === 'serve') return await serveUntilStopped(read, io, (...message) => say(...message));
    const configuration = await read(0);
    for (const warning of configuration.warnings) say('warn', warning);
    if (args.command === 'check') return await check(configuration, io);
    io.stdout(printConfiguration(configuration));
    return STOPPED;
  } catch (error) {
    return tellError(error, say, io);
  }
}

async function check(configuration: Configuration, io: Surroundings): Promise<number> {
  assertApplication(configuration);
  const resolved = resolveOptions(configuration.options);
  const found = await io.probe(resolved);
  for (const [index, app] of resolved.apps.entries()) {
    const { kind, foreign, notes } = found[index];
    if (app.inline && kind === 'sync') {
      throw new ConfigurationError(`${app.module} is a sync application: it cannot run inline`);
    }
    io.stdout(`ok: ${app.prefix || '/'} = ${app.module}${app.export ? `:${app.export}` : ''} (${foreign ?? kind})\n`);
    for (const note of notes) io.stderr(`quaich: ${note}\n`);
  }
  return STOPPED;
}
