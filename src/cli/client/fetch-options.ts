/** What `quaich fetch` takes on its command line. */
import { readSync } from 'node:fs';
import { whenReady } from '../../engine/descriptors.ts';
import { ConfigurationError } from '../../interface/errors.ts';
import type { Arguments } from '../arguments.ts';
import { commandLabel, formatEntry } from '../help.ts';
import { servingArguments, takeOptions } from '../own-options.ts';
import { fieldOf, fileAt, named } from '../request-options.ts';

const OPTIONS = {
  request: { value: 'METHOD', short: 'X', text: 'The method (default: GET; POST where there is a body)' },
  header: { value: 'NAME:VALUE', short: 'H', text: 'A header field of the request; repeatable' },
  data: {
    value: 'BODY',
    short: 'd',
    text: 'The body, by default as application/x-www-form-urlencoded; @FILE is that of a file, @- standard input',
  },
  include: {
    value: '',
    short: 'i',
    text: 'Print status and header fields also where standard output is no terminal',
  },
} as const;

/** Bytes that are read of standard input at a time. */
const BLOCK = 65_536;
const FORM = 'application/x-www-form-urlencoded';

/** The request of the test client. */
interface FetchedRequest {
  readonly path: string;
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: Uint8Array;
}

export interface FetchArguments {
  readonly request: FetchedRequest;
  /** Whether the head is printed in any case. */
  readonly include: boolean;
  /** Applications and settings. */
  readonly serving: Arguments;
}

/** The text of `quaich fetch --help`: at most 100 columns. */
export function fetchHelp(): string {
  const entries = Object.entries(OPTIONS).map(([name, option]) =>
    formatEntry({ label: commandLabel(name, option), text: option.text }),
  );
  return `Usage: quaich fetch [OPTIONS] [[PREFIX=]MODULE[:EXPORT]...] PATH

Loads an application, sends it one request without a server, and prints the response: status and
header fields only in a terminal, so that what stands behind a pipe gets the body. What the
application writes to wsgi.errors goes to standard error. The application is that of PATH; where
none is named, those of the configuration, or the usual file.

Options:
${entries.join('')}
Settings of \`quaich --help all\` that concern applications count, such as --adapt and --validate.

Exit code: 0 answered with a status below 400, 1 another status or a failure, 2 wrong usage or
configuration.

Examples:
  quaich fetch /
  quaich fetch ./api.js:api '/orders?open=1' -H 'Accept: application/json' | jq
  quaich fetch ./api.js /orders -d '{"tea":2}' -H 'Content-Type: application/json'
`;
}

/**
 * Reads the arguments behind `fetch`.
 *
 * @param directory that the paths of files start from
 * @returns null where help is asked for
 * @throws ConfigurationError
 */
export function parseFetchArguments(argv: readonly string[], directory: string): FetchArguments | null {
  const { given, rest } = takeOptions(argv, OPTIONS);
  const serving = servingArguments(rest, 'fetch');
  if (serving === null) return null;
  const path = serving.apps.at(-1);
  if (!path?.startsWith('/')) {
    throw new ConfigurationError('no path: it is the last argument and begins with "/": quaich fetch ./site.js /');
  }
  const data = given.get('data')?.at(-1);
  const body = data === undefined ? undefined : named('data', () => bodyOf(data, directory));
  const headers = named('header', () => (given.get('header') ?? []).map(fieldOf));
  const isTyped = headers.some(([name]) => name.toLowerCase() === 'content-type');
  if (body !== undefined && !isTyped) headers.push(['Content-Type', FORM]);
  const method = given.get('request')?.at(-1) ?? (body === undefined ? 'GET' : 'POST');
  return {
    request: { path, method, headers, ...(body && { body }) },
    include: given.has('include'),
    serving: { ...serving, apps: serving.apps.slice(0, -1) },
  };
}

function bodyOf(text: string, directory: string): Uint8Array {
  if (!text.startsWith('@')) return new TextEncoder().encode(text);
  return text === '@-' ? standardInput() : fileAt(text.slice(1), directory);
}

/** All of it, however long that takes to come. */
function standardInput(): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (;;) {
    const block = new Uint8Array(BLOCK);
    const count = whenReady(() => readSync(0, block));
    if (count === 0) return Buffer.concat(blocks);
    blocks.push(block.subarray(0, count));
  }
}
