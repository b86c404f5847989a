import { version } from '../rules/version.ts';
import { isJson } from '../server/log/settings.ts';
import { parseArguments } from './arguments.ts';
import { type CheckSurroundings, checkMounts } from './check-mounts.ts';
import { type Configuration, configure, printConfiguration } from './configuration.ts';
import { enterDirectory } from './directory.ts';
import type { Environment } from './environment.ts';
import { STOPPED } from './exit-codes.ts';
import { helpText, shortHelp } from './help.ts';
import { type Say, sayTo } from './messages.ts';
import { type ServingSurroundings, serveUntilStopped } from './serving.ts';
import { tellError } from './tell-error.ts';

/** The world around the command; tests give their own. */
export interface Surroundings extends ServingSurroundings, CheckSurroundings {
  readonly env: Environment;
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
    if (args.command === 'check') await checkMounts(configuration, io);
    else io.stdout(printConfiguration(configuration));
    return STOPPED;
  } catch (error) {
    return tellError(error, say, io);
  }
}
