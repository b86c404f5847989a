import { type ParseArgsConfig, parseArgs } from 'node:util';
import { ConfigurationError } from '../interface/errors.ts';
import { nearest } from '../server/names.ts';
import { readSetting, type SettingName, settingNames, settings } from '../server/options.ts';
import { ELSEWHERE } from './elsewhere.ts';

/** What the command line has beside the settings. */
export const commands = {
  port: { value: 'PORT', short: 'p', text: 'Listen on this port: --bind with the usual host, or with that of --host' },
  host: {
    value: 'HOST',
    text: 'Listen on this address, such as 0.0.0.0: --bind with the usual port, or with that of --port',
  },
  config: {
    value: 'PATH',
    short: 'c',
    text: 'Read settings from this file; without it from quaich.config.js, .mjs, .cjs, .ts, .mts, .cts or .json in the current directory, if there is one',
  },
  chdir: {
    value: 'PATH',
    text: 'Change to this directory first: modules, packages, the configuration file and relative paths are looked up from there',
  },
  check: { value: '', text: 'Load the applications, check all settings, and do not serve' },
  printConfig: { value: '', text: 'Print every setting, with its origin, as a configuration file' },
  help: { value: '', short: 'h', text: 'Print the usual settings; all of them with --help all' },
  version: { value: '', short: 'v', text: 'Print the version' },
} as const satisfies Record<string, { value: string; short?: string; text: string }>;

export type CommandName = keyof typeof commands;

export function isCommand(name: string): name is CommandName {
  return Object.hasOwn(commands, name);
}

export const commandNames = Object.keys(commands).filter(isCommand);

/** Values by setting, each with what messages call its origin. */
export type Layer = Map<SettingName, { value: unknown; where: string }>;

export interface Arguments {
  apps: string[];
  layer: Layer;
  config: string | undefined;
  chdir: string | undefined;
  command: 'serve' | Exclude<CommandName, 'config' | 'chdir' | 'port' | 'host'>;
}

/** `syncWorkers` becomes `sync-workers`. */
export function flagName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `value` is what help calls the value, `''` for a switch. */
type Meaning = { value: string } & (
  | { name: SettingName; negative: boolean }
  | { name: CommandName; negative?: undefined }
);

const meanings = new Map<string, Meaning>();
const parserOptions: NonNullable<ParseArgsConfig['options']> = {};

for (const name of settingNames) {
  const { value, short } = settings[name];
  const flag = flagName(name);
  meanings.set(flag, { name, value, negative: false });
  parserOptions[flag] = { type: value === '' ? 'boolean' : 'string', ...(short && { short }) };
  if (value !== '') continue;
  meanings.set(`no-${flag}`, { name, value, negative: true });
  parserOptions[`no-${flag}`] = { type: 'boolean' };
}
for (const name of commandNames) {
  const command: { value: string; short?: string } = commands[name];
  meanings.set(flagName(name), { name, value: command.value });
  parserOptions[flagName(name)] = {
    type: command.value === '' ? 'boolean' : 'string',
    ...(command.short && { short: command.short }),
  };
}

/**
 * Reads the arguments of the command. Where a flag is given twice the last one counts, unless it is repeatable.
 *
 * @param argv without the names of Node and of the program
 * @param usualPort that of an address of which only the host is given
 * @throws ConfigurationError
 */
export function parseArguments(argv: readonly string[], usualPort?: string): Arguments {
  // Not strict: its messages run over several lines and suggest nothing.
  const { tokens } = parseArgs({
    args: [...argv],
    options: parserOptions,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const result: Arguments = { apps: [], layer: new Map(), config: undefined, chdir: undefined, command: 'serve' };
  const repeated = new Map<SettingName, string[]>();
  const place: { port?: string; host?: string } = {};
  for (const token of tokens) {
    if (token.kind === 'positional') result.apps.push(token.value);
    if (token.kind !== 'option') continue;
    const meaning = meanings.get(token.name);
    if (!meaning) throw unknownOption(token.rawName, [...meanings.keys()], ELSEWHERE);
    const text = textOf(token, meaning.value);
    if (meaning.negative === undefined) {
      if (meaning.name === 'config' || meaning.name === 'chdir') result[meaning.name] = text;
      else if (meaning.name === 'port' || meaning.name === 'host') Object.assign(place, { [meaning.name]: text });
      else result.command = meaning.name;
      continue;
    }
    const { name, negative } = meaning;
    const where = `--${flagName(name)}`;
    if (text === undefined) {
      result.layer.set(name, { value: !negative, where: token.rawName });
      continue;
    }
    const texts = [...(repeated.get(name) ?? []), text];
    repeated.set(name, texts);
    const input = settings[name].separator === undefined ? text : texts;
    result.layer.set(name, { value: readSetting(name, input, where), where });
  }
  if (place.port !== undefined || place.host !== undefined) setPlace(place, result.layer, usualPort);
  return result;
}

/** Makes an address of its parts, which are no settings: of a service "quaich" Kubernetes sets QUAICH_PORT itself. */
function setPlace({ port, host }: { port?: string; host?: string }, layer: Layer, usualPort?: string): void {
  const where = port === undefined ? '--host' : '--port';
  if (layer.has('bind')) throw new ConfigurationError(`${where}: an address is given by --bind already`);
  const [usual] = settings.bind.default;
  const colon = usual.lastIndexOf(':');
  const text = addressOf(host ?? usual.slice(0, colon), port ?? (usualPort || usual.slice(colon + 1)));
  layer.set('bind', { value: readSetting('bind', [text], where), where });
}

export function addressOf(host: string, port: string): string {
  return `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
}

type OptionToken = { name: string; rawName: string; value?: string; inlineValue?: boolean };

/**
 * The value of an option; undefined for a switch.
 *
 * @param value what help calls it, `''` for a switch
 * @throws ConfigurationError
 */
export function textOf(token: OptionToken, value: string): string | undefined {
  if (value === '') {
    if (token.value === undefined) return undefined;
    throw new ConfigurationError(`${token.rawName} takes no value, got "${token.value}"`);
  }
  // A flag in the place of a value is a forgotten value; a negative number is a bad one, and is told so later.
  if (token.value === undefined || token.value === '' || (!token.inlineValue && /^-[^\d]/.test(token.value))) {
    throw new ConfigurationError(`${token.rawName} needs a value: ${value}`);
  }
  return token.value;
}

/**
 * @param known names without their dashes
 * @param elsewhere what other commands have, with what there is here
 */
export function unknownOption(
  rawName: string,
  known: readonly string[],
  elsewhere: Readonly<Record<string, string>> = {},
): ConfigurationError {
  const name = rawName.slice(2);
  if (Object.hasOwn(elsewhere, name)) return new ConfigurationError(`unknown option ${rawName}: ${elsewhere[name]}`);
  const meant = rawName.startsWith('--') ? nearest(rawName.slice(2), known) : undefined;
  return new ConfigurationError(`unknown option ${rawName}${meant ? `; did you mean --${meant}?` : '; see --help'}`);
}
