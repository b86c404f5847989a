/** What `quaich dev` adds to the settings, and what it sets where their owner has set nothing. */
import { resolve } from 'node:path';
import { resolveModule } from '../../pool/find-module.ts';
import { parseApplication } from '../../pool/load.ts';
import { builtModule } from '../../rules/own-files.ts';
import { formatBind, isGateway, parseBind } from '../../server/bind.ts';
import { type AppOptions, type ServeOptions, settings } from '../../server/options.ts';
import { type Arguments, parseArguments } from '../arguments.ts';
import type { Configuration } from '../configuration.ts';
import { formatEntry } from '../help.ts';
import type { CertificateFiles } from './certificate.ts';
import { KEYS } from './keys.ts';
import { projectOf } from './watch.ts';

/** What the command line has beside the settings, and what the server itself takes. */
const SWITCHES = {
  open: 'Open the first address in a browser',
  https: 'Speak TLS, with a certificate for localhost that is made if there is none (needs the package selfsigned)',
};

export interface DevArguments extends Record<keyof typeof SWITCHES, boolean> {
  readonly others: Arguments;
}

/** @throws ConfigurationError */
export function parseDevArguments(argv: readonly string[]): DevArguments {
  const flags = Object.keys(SWITCHES).map((name) => `--${name}`);
  const others = parseArguments(argv.filter((argument) => !flags.includes(argument)));
  return { open: argv.includes('--open'), https: argv.includes('--https'), others };
}

/** The text of `quaich dev --help`. */
export function devHelp(): string {
  const entries = Object.entries(SWITCHES).map(([name, text]) => formatEntry({ label: `--${name}`, text }));
  return `Usage: quaich dev [OPTIONS] [[PREFIX=]MODULE[:EXPORT]...]

Serves what \`quaich\` serves, for those who write it: loads the applications again when a file of
theirs is saved, shows each request, checks applications against the rules of the interface, and
shows errors with their source in the browser.

${entries.join('')}
All settings of \`quaich --help all\` are there, too.
Keys: ${KEYS}.

Examples:
  quaich dev
  quaich dev ./app.js --port 3000 --open
`;
}

/** Two, so that a sync application that blocks blocks nobody else. More threads would only make each reload slower. */
const MOST_SYNC_WORKERS = 2;
/** One is enough for applications that do not block, and it loads them once for each save. */
const ASYNC_WORKERS = 1;
/** Milliseconds that running requests have to end when the server stops. */
const GRACE = 500;

/** What is of the machine that serves, and is not taken from its configuration. */
const PRODUCTION_ONLY = { user: undefined, group: undefined, pidFile: undefined } satisfies Partial<ServeOptions>;

interface DevParts {
  /** Takes the access log in JSON, where nothing is said of that. */
  readonly requests: NonNullable<ServeOptions['accessLogStream']>;
  /** With `--https`: that of this user, or nothing where the owner has given his own. */
  readonly certificate: Partial<CertificateFiles> | null;
}

/**
 * Options for development. Applications run on workers, also where they are to run inline later: what this thread has
 * loaded it has for good.
 */
export function developmentOptions(
  { options, origins }: Configuration,
  { requests, certificate }: DevParts,
): ServeOptions {
  const usual: Partial<ServeOptions> = {
    syncWorkers: Math.min(MOST_SYNC_WORKERS, settings.syncWorkers.default),
    asyncWorkers: ASYNC_WORKERS,
    timeoutGraceful: GRACE,
    ...(!['accessLog', 'accessLogFormat', 'accessLogFile'].some((name) => origins.has(name)) && {
      accessLogFormat: 'json',
      accessLogStream: requests,
    }),
  };
  return {
    ...usual,
    ...options,
    apps: applicationsOf(options).map((app) => ({ ...app, inline: false })),
    inline: false,
    // The wrapper has it.
    validate: false,
    ...PRODUCTION_ONLY,
    wrapper: builtModule('src/cli/dev/around').href,
    ...(certificate !== null && { bind: encrypted(options.bind), ...certificate }),
  };
}

function encrypted(given: ServeOptions['bind'] = settings.bind.default): string[] {
  return settings.bind.read(given).map((text) => {
    const bind = parseBind(text);
    return bind.type !== 'tcp' || isGateway(bind) ? text : formatBind({ ...bind, protocol: 'https' });
  });
}

function applicationsOf({ apps }: ServeOptions): AppOptions[] {
  return [apps].flat().map((app) => (typeof app === 'string' ? parseApplication(app) : app));
}

/** The folders of the projects that the applications belong to; none for those of installed packages. */
export function foldersOf(options: ServeOptions): string[] {
  const { directory = '.' } = options;
  const files = applicationsOf(options).map(({ module }) => {
    try {
      return resolveModule(module, directory);
    } catch {
      return resolve(directory, module); // not there yet
    }
  });
  return files.filter((file) => !/[\\/]node_modules[\\/]/.test(file)).map(projectOf);
}
