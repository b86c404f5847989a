/** Commands that take what serving takes, and options of their own. */
import { ConfigurationError } from '../interface/errors.ts';
import { type Arguments, parseArguments } from './arguments.ts';

/** An option beside the settings; `value` is what help calls its value, `''` for a switch. */
interface OwnOption {
  readonly value: string;
  readonly short?: string;
  readonly text: string;
}

interface Taken<N extends string> {
  /** What was given of these options; `''` for a switch. */
  readonly given: ReadonlyMap<N, readonly string[]>;
  /** All other arguments, in order. */
  readonly rest: readonly string[];
}

/**
 * Takes the options of a table out of arguments, wherever they stand: `-X PUT`, `-XPUT`, `--request PUT` or
 * `--request=PUT`. Values may be empty, and begin with a dash.
 *
 * @throws ConfigurationError for one without its value
 */
export function takeOptions<N extends string>(
  argv: readonly string[],
  table: Readonly<Record<N, OwnOption>>,
): Taken<N> {
  const names = Object.keys(table).filter((name): name is N => Object.hasOwn(table, name));
  const given = new Map<N, string[]>();
  const rest: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at];
    const name = names.find((name) => isOption(argument, name, table[name]));
    if (name === undefined) {
      rest.push(argument);
      continue;
    }
    const { value } = table[name];
    const text = value === '' ? '' : (inlineText(argument, name) ?? argv[++at]);
    if (text === undefined) throw new ConfigurationError(`${argument} needs a value: ${value}`);
    given.set(name, [...(given.get(name) ?? []), text]);
  }
  return { given, rest };
}

function isOption(argument: string, name: string, { value, short }: OwnOption): boolean {
  if (argument === `--${name}` || argument === `-${short}`) return true;
  if (value === '') return false;
  return argument.startsWith(`--${name}=`) || (short !== undefined && argument.startsWith(`-${short}`));
}

/** The value that stands in the same argument. */
function inlineText(argument: string, name: string): string | undefined {
  if (argument.startsWith('--')) return argument === `--${name}` ? undefined : argument.slice(name.length + 3);
  return argument.length > 2 ? argument.slice(2) : undefined;
}

/**
 * The arguments of a command that takes what serving takes.
 *
 * @param command its name
 * @returns null where its help is asked for
 * @throws ConfigurationError
 */
export function servingArguments(argv: readonly string[], command: string): Arguments | null {
  const args = parseArguments(argv);
  if (args.command === 'help') return null;
  assertServes(args, command);
  return args;
}

/** @throws ConfigurationError for what `quaich` does without serving */
export function assertServes(args: Arguments, command: string): void {
  if (args.command === 'serve') return;
  throw new ConfigurationError(`--check, --print-config and --version are for quaich without ${command}`);
}
