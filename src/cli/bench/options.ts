/** What `quaich bench` takes on its command line. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { METHODS, type Method } from '../../bench/load-request.ts';
import { ConfigurationError } from '../../interface/errors.ts';
import { type AppOptions, parseApplication } from '../../pool/load.ts';
import { expected } from '../../server/setting-kinds.ts';
import { flagName, textOf, unknownOption } from '../arguments.ts';
import { commandLabel, formatEntry } from '../help.ts';
import { fieldOf, fileAt, named } from '../request-options.ts';

export interface BenchOptions {
  /** As it was written. */
  readonly application: string;
  readonly app: AppOptions;
  /** By default the place where the application is mounted. */
  readonly path: string;
  readonly method: Method;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  /** The status that is right; without it any below 400 that the application gives. */
  readonly status: number | undefined;
  /** Each once, the fewest first. */
  readonly connections: readonly number[];
  /** Numbers of workers, likewise; by default what fits this machine. */
  readonly workers: readonly number[] | undefined;
  readonly rounds: number;
  readonly seconds: number;
  /** The beginning of the name of a load generator. */
  readonly generator: string | undefined;
  /** A file for all figures. */
  readonly json: string | undefined;
}

/** Load generators cannot tell that an answer to HEAD has no body. */
const METHODS_OF_LOAD = METHODS.filter((method) => method !== 'HEAD');

const table = {
  path: {
    value: 'PATH',
    text: 'The target of the request, with its query (default: where the application is mounted)',
  },
  method: { value: 'METHOD', text: 'The method (default: GET; POST where there is a body)' },
  header: { value: 'NAME:VALUE', text: 'A header field of the request; repeatable' },
  body: { value: 'FILE', text: 'The body of the request' },
  status: { value: 'N', text: 'The status that is right (default: any below 400 that the application gives)' },
  connections: { value: 'N,N', text: 'Connections that are busy at a time, as one or several loads (default: 1,64)' },
  workers: { value: 'N,N', text: 'Numbers of workers (default: powers of two that fit the cores of this machine)' },
  rounds: { value: 'N', text: 'How often each way is started and measured (default: 5)' },
  seconds: { value: 'N', text: 'Length of one measurement (default: 2)' },
  generator: { value: 'NAME', text: 'wrk or autocannon (default: wrk where it is installed)' },
  json: { value: 'FILE', text: 'Write all figures, every single measurement too, to this file' },
  help: { value: '', short: 'h', text: 'Print this text' },
} as const satisfies Record<string, { value: string; short?: string; text: string }>;

type OptionName = keyof typeof table;

/** The text of `quaich bench --help`: at most 100 columns. */
export function benchHelp(): string {
  const entries = Object.entries(table).map(([name, option]) => ({
    label: commandLabel(name, option),
    text: option.text,
  }));
  return `Usage: quaich bench [OPTIONS] [PREFIX=]MODULE[:EXPORT]

Measures your own application in every way that it can be served on this machine: by sync or async
workers, inline, and, where an adapter or a framework is around it, on that framework's own server.
Says which way serves it best, and the command line for it. Needs wrk, or the package autocannon.

Options:
${entries.map(formatEntry).join('')}
Settings come from the environment and the configuration file, as in serving; the access log is off.

Exit code: 0 measured, 1 failure, 2 wrong usage or configuration.

Examples:
  quaich bench ./site.js
  quaich bench ./api.js:api --path '/search?q=tea' --connections 1,16,256
  quaich bench ./api.js --path /orders --body order.json --header 'Content-Type: application/json'
`;
}

/**
 * Reads the arguments behind `bench`.
 *
 * @param directory that the paths of files start from
 * @returns null where help is asked for
 * @throws ConfigurationError
 */
export function parseBenchArguments(argv: readonly string[], directory: string): BenchOptions | null {
  const given = tokensOf(argv);
  if (given.texts.has('help')) return null;
  const [application, ...others] = given.positionals;
  if (application === undefined) {
    throw new ConfigurationError('no application: give MODULE[:EXPORT], for example ./site.js; see bench --help');
  }
  if (others.length > 0) throw new ConfigurationError(`bench measures one application; ${others[0]} is another one`);
  const app = parseApplication(application);
  const read = <T>(name: OptionName, reader: (text: string) => T): T | undefined => {
    const text = given.texts.get(name)?.at(-1);
    if (text === undefined) return undefined;
    return named(name, () => reader(text));
  };
  const body = read('body', (text) => fileAt(text, directory));
  return {
    application,
    app,
    path: read('path', targetOf) ?? app.prefix ?? '/',
    method: read('method', methodOf) ?? (body === undefined ? 'GET' : 'POST'),
    headers: named('header', () => Object.fromEntries((given.texts.get('header') ?? []).map(fieldOf))),
    body,
    status: read('status', (text) => wholeNumber(text, 200, 599)),
    connections: read('connections', numbersUpTo(10_000)) ?? [1, 64],
    workers: read('workers', numbersUpTo(256)),
    rounds: read('rounds', (text) => wholeNumber(text, 1, 1000)) ?? 5,
    seconds: read('seconds', seconds) ?? 2,
    generator: read('generator', String),
    json: read('json', (text) => resolve(directory, text)),
  };
}

function tokensOf(argv: readonly string[]): { texts: Map<OptionName, string[]>; positionals: string[] } {
  const names = Object.keys(table).filter((name): name is OptionName => Object.hasOwn(table, name));
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      names.map((name) => {
        const { value, short }: { value: string; short?: string } = table[name];
        return [flagName(name), { type: value === '' ? 'boolean' : 'string', ...(short && { short }) }];
      }),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const texts = new Map<OptionName, string[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const name = names.find((name) => flagName(name) === token.name);
    if (name === undefined) throw unknownOption(token.rawName, names);
    texts.set(name, [...(texts.get(name) ?? []), textOf(token, table[name].value) ?? '']);
  }
  return { texts, positionals };
}

function seconds(text: string): number {
  const value = /^[0-9]{1,4}(?:\.[0-9]{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0.1 && value <= 3600) return value;
  throw expected('a number from 0.1 to 3600', text);
}

function wholeNumber(text: string, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw expected(`a whole number from ${least} to ${most}`, text);
}

function numbersUpTo(most: number): (text: string) => number[] {
  return (text) => {
    const numbers = text.split(',').map((part) => wholeNumber(part.trim(), 1, most));
    return [...new Set(numbers)].sort((a, b) => a - b);
  };
}

function targetOf(text: string): string {
  if (/^\/[!-~]*$/.test(text)) return text;
  throw expected('a target that begins with "/", in printable ASCII, other characters percent-encoded', text);
}

function methodOf(text: string): Method {
  const method = METHODS_OF_LOAD.find((known) => known === text.toUpperCase());
  if (method === undefined) throw expected(`one of ${METHODS_OF_LOAD.join(', ')}`, text);
  return method;
}
