/** The command `quaich check`: what would be mounted, and whether it keeps the rules. */
import type { LoadedApplication } from '../../pool/load.ts';
import { endThread } from '../../pool/this-thread.ts';
import { prefixText } from '../../rules/prefix.ts';
import type { ResolvedApp } from '../../server/apps.ts';
import type { ResolvedOptions } from '../../server/options.ts';
import { type CheckedApplication, type CheckSurroundings, checkMounts } from '../check-mounts.ts';
import { configure } from '../configuration.ts';
import type { Environment } from '../environment.ts';
import { FAILED, STOPPED } from '../exit-codes.ts';
import { sayTo } from '../messages.ts';
import { servingArguments } from '../own-options.ts';
import { errorText, tellError } from '../tell-error.ts';
import { callMount } from './called-mount.ts';
import { inValidator, TRIALS, tryOnce } from './trials.ts';
import { unlessEnded } from './unless-ended.ts';

/** The world around the command. */
interface CheckCommandSurroundings extends CheckSurroundings {
  readonly env: Environment;
  readonly directory: string;
  /** Ends the process at once, by force. */
  kill(): void;
}

/** The text of `quaich check --help`: at most 100 columns. */
const HELP = `Usage: quaich check [OPTIONS] [[PREFIX=]MODULE[:EXPORT]...]

Prints what would be mounted, as \`quaich --check\` does; then calls each application inside the
validator, without a server: GET, HEAD, OPTIONS and POST of a small form at its mount, and GET of a
path that is not there. Says what is wrong, by which row of the specification, and what to do. The
POST may change something: use the database of a test.

All settings of \`quaich --help all\` are there. A sync application that never returns keeps the
command waiting; Control-C ends it.

Exit code: 0 nothing to mend (there may be warnings), 1 mistakes or a failure, 2 wrong usage or
configuration.

Examples:
  quaich check
  quaich check ./site.js /api=./api.js:api
`;

/** Does what the arguments behind `check` say, and fulfils with the exit code. Never rejects. */
export async function runCheck(argv: readonly string[], io: CheckCommandSurroundings): Promise<number> {
  const say = sayTo(io.stderr, false);
  try {
    const args = servingArguments(argv, 'check');
    if (args === null) {
      io.stdout(HELP);
      return STOPPED;
    }
    const configuration = await configure(args, io.env, io.directory);
    for (const warning of configuration.warnings) say('warn', warning);
    const { options, found } = await checkMounts(configuration, io);
    const mistakes = await unlessEnded(() => tryAll(options, found, io));
    await endThread((error) => say('error', errorText(error)));
    io.stdout(`\n${mistakes === 0 ? 'nothing to mend' : `to mend: ${mistakes}`}\n`);
    return mistakes === 0 ? STOPPED : FAILED;
  } catch (error) {
    return tellError(error, say, io);
  }
}

/** Calls each application, and fulfils with the number of mistakes. */
async function tryAll(
  options: ResolvedOptions,
  found: readonly CheckedApplication[],
  io: CheckCommandSurroundings,
): Promise<number> {
  let mistakes = 0;
  for (const [index, app] of options.apps.entries()) mistakes += await tryMount(app, found[index], options, io);
  return mistakes;
}

/** One application. What was told of it once is not told again. */
async function tryMount(
  app: ResolvedApp,
  known: CheckedApplication,
  options: ResolvedOptions,
  io: CheckCommandSurroundings,
): Promise<number> {
  const told = new Set<string>();
  const warnings: string[] = [];
  let mistakes = 0;
  const tell = (lead: string, text: string): boolean => {
    if (told.has(text)) return false;
    told.add(text);
    io.stdout(`${lead}${text}`.replace(/^/gm, '    ').concat('\n'));
    return true;
  };
  const around = (loaded: LoadedApplication) => inValidator(loaded, (message) => warnings.push(message));
  io.stdout(`\n${prefixText(app.prefix)}  ${app.module}\n`);
  await callMount({ app, known, options, around }, async (mount) => {
    for (const trial of TRIALS) {
      const outcome = await tryOnce(mount, app.prefix, trial);
      io.stdout(`  ${`${trial.method} ${trial.path}`.padEnd(32)}${outcome.answer}\n`);
      if (outcome.mistake !== '' && tell('', outcome.mistake)) mistakes++;
      for (const warning of warnings.splice(0)) tell('warning: ', warning);
      if (outcome.isStuck) break;
    }
  });
  return mistakes;
}
