/** The command `quaich demo`: the examples of the package, and a server of node:http beside them. */
import { join } from 'node:path';
import { ServerProcess } from '../../bench/server-process.ts';
import { ConfigurationError } from '../../interface/errors.ts';
import { packageFolder } from '../../rules/version.ts';
import { settings } from '../../server/options.ts';
import type { Arguments } from '../arguments.ts';
import { configure } from '../configuration.ts';
import { openBrowser } from '../dev/browser.ts';
import type { Environment } from '../environment.ts';
import { STOPPED } from '../exit-codes.ts';
import { commandLabel, formatEntry } from '../help.ts';
import { type Say, sayTo } from '../messages.ts';
import { servingArguments, takeOptions } from '../own-options.ts';
import { type RunningServer, type ServingSurroundings, serveUntilStopped } from '../serving.ts';
import { tellError } from '../tell-error.ts';

/** The world around the command. */
interface DemoSurroundings extends ServingSurroundings {
  readonly env: Environment;
  stdout(text: string): void;
}

const OPTIONS = {
  open: { value: '', text: 'Open the page in a browser' },
} as const;

/** The key of the environ by which the page finds the other server. */
const OTHER = 'late.other';

const HELP = `Usage: quaich demo [OPTIONS]

Serves the examples that come with the package, and starts a server of node:http beside them, with
the same clock and the same query that sleeps inside SQLite. The page measures and draws how late
both clocks are. Node 22.13 and later have SQLite; before that the package node-sqlite3-wasm is used
where it is installed, else the thread sleeps by itself.

Options:
${Object.entries(OPTIONS)
  .map(([name, option]) => formatEntry({ label: commandLabel(name, option), text: option.text }))
  .join('')}
All settings of \`quaich --help all\` are there, such as --port and --sync-workers.

Examples:
  quaich demo
  quaich demo --port 3000 --open
`;

/** Does what the arguments behind `demo` say, and fulfils with the exit code. Never rejects. */
export async function runDemo(argv: readonly string[], io: DemoSurroundings): Promise<number> {
  const say = sayTo(io.stderr, false);
  try {
    const { given, rest } = takeOptions(argv, OPTIONS);
    const args = servingArguments(rest, 'demo');
    if (args === null) {
      io.stdout(HELP);
      return STOPPED;
    }
    if (args.apps.length > 0) throw new ConfigurationError(`demo serves the examples; ${args.apps[0]} is none of them`);
    if (args.config !== undefined) throw new ConfigurationError('demo has a configuration of its own');
    return await demonstrate(args, given.has('open'), io, say);
  } catch (error) {
    return tellError(error, say, io);
  }
}

/** Serves until a signal stops it. */
async function demonstrate(args: Arguments, open: boolean, io: DemoSurroundings, say: Say): Promise<number> {
  const examples = join(packageFolder(), 'examples');
  const plain = await ServerProcess.start({ command: process.execPath, args: [join(examples, 'plain.js')] });
  try {
    const asked: Arguments = { ...args, config: join(examples, 'quaich.config.mjs') };
    let server: RunningServer | undefined;
    let isOpen = !open;
    return await serveUntilStopped(
      async (time) => {
        const { options, ...others } = await configure(asked, io.env, io.directory, time);
        const env = { ...settings.env.read(options.env ?? settings.env.default), [OTHER]: plain.url };
        return { ...others, options: { ...options, env } };
      },
      {
        ...io,
        async serve(options) {
          server = await io.serve(options);
          return server;
        },
        notify(state) {
          const [url] = server?.urls ?? [];
          if (state !== 'ready' || url === undefined) return;
          io.stderr(invitation(url, plain.url));
          if (isOpen) return;
          isOpen = true;
          openBrowser(pageOf(url), io.env, (reason) => say('warn', `cannot open a browser: ${reason}`));
        },
      },
      say,
    );
  } finally {
    await plain.stop();
  }
}

/** The page of the demonstration. */
function pageOf(url: string): string {
  return `${url}/late/`;
}

function invitation(url: string, plain: string): string {
  return `
Open these side by side, and let SQLite sleep:
  ${pageOf(url)}  Quaich, and its neighbour in the same page
  ${plain}/       node:http alone

All examples: ${url}/
`;
}
