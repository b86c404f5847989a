import { type SettingName, settingNames, settings } from '../server/options.ts';
import { type CommandName, commandNames, commands, flagName, isCommand } from './arguments.ts';

const WIDTH = 100;
const COLUMN = 36;

interface Entry {
  /** `-b, --bind ADDRESS` */
  label: string;
  text: string;
}

/** What most people need. */
const USUAL: readonly (SettingName | CommandName)[] = [
  'port',
  'host',
  'bind',
  'syncWorkers',
  'asyncWorkers',
  'inline',
  'adapt',
  'accessLog',
  'timeoutGraceful',
  'config',
  'check',
  'printConfig',
  'help',
  'version',
];

const USAGE = `Usage: quaich [OPTIONS] [[PREFIX=]MODULE[:EXPORT]...]
`;

const APPLICATION: Entry = {
  label: '[PREFIX=]MODULE[:EXPORT]',
  text: 'MODULE is a path (JavaScript, TypeScript, Python), a file URL, a package or python:NAME; without EXPORT: application, app, the default export or fetch; several need different prefixes; without any, package.json and the usual files are looked at',
};

/** The text of `--help`: a screen of at most 100 columns. */
export function shortHelp(): string {
  const entries = USUAL.map((name) => (isCommand(name) ? commandEntry(name) : settingEntry(name)));
  return `${USAGE}
Serves what the module exports: an application (environ, startResponse), sync or async, or one of
Express, Fastify, Koa, Hono, h3 and their like, or a server that it lets listen.

${[APPLICATION, ...entries].map(formatEntry).join('')}
Other commands: demo (what it is for), create (begin one), dev (develop), fetch (send one request),
check (try applications out), bench (measure): \`quaich bench --help\` and so on.
\`quaich --help all\` lists every setting.

Examples:
  quaich ./app.js
  quaich --port 3000 /=./site.ts /api=./api.js:api
`;
}

/** The text of `--help all`: at most 100 columns. */
export function helpText(): string {
  const sections: [string, Entry[]][] = [['Applications', [APPLICATION]]];
  for (const name of settingNames) {
    const { group } = settings[name];
    const section = sections.find(([title]) => title === group);
    if (section) section[1].push(settingEntry(name));
    else sections.push([group, [settingEntry(name)]]);
  }
  sections.push(['Commands', commandNames.map(commandEntry)]);
  const body = sections.map(([title, entries]) => `${title}:\n${entries.map(formatEntry).join('')}`).join('\n');
  return `${USAGE}
Serves WSGI applications for JavaScript, sync and async side by side.

${body}
Sizes take k, m and g, durations ms, s, m and h. Every setting is also an environment variable
(--sync-workers is QUAICH_SYNC_WORKERS) and a key of the configuration file (syncWorkers). A flag
goes before a variable, a variable before the file.

\`quaich demo\` shows what it is for; \`quaich create\` makes a folder to begin with; \`quaich dev\` is
for development, and reloads on save; \`quaich fetch\` sends one request without a server;
\`quaich check\` tries applications out; \`quaich bench\` measures which way serves best. Each has a
\`--help\` of its own.

Exit code: 0 stopped in order, 1 failure, 2 wrong usage or configuration, 3 workers that die again
and again.

Examples:
  quaich ./site.js
  quaich /=./site.ts:app /api=./api.js:api --bind 127.0.0.1:8080 --sync-workers 4 --async-workers 2
  quaich --config quaich.config.mjs --bind unix:/run/site.sock --access-log-format json
`;
}

function settingEntry(name: SettingName): Entry {
  return { label: settingLabel(name), text: `${settings[name].text} (default: ${defaultText(name)})` };
}

function commandEntry(name: CommandName): Entry {
  return { label: commandLabel(name, commands[name]), text: commands[name].text };
}

/** The default in words. */
export function defaultText(name: keyof typeof settings): string {
  const { default: normal, defaultText: words } = settings[name];
  return words ?? settings[name].show(normal);
}

/** `-b, --bind ADDRESS`, `--[no-]inline`. */
export function settingLabel(name: keyof typeof settings): string {
  const { value, short } = settings[name];
  return label(value === '' ? `[no-]${flagName(name)}` : flagName(name), value, short);
}

/** `-c, --config PATH` */
export function commandLabel(name: string, { value, short }: { value: string; short?: string }): string {
  return label(flagName(name), value, short);
}

function label(flag: string, value: string, short: string | undefined): string {
  return `${short ? `-${short}, ` : ''}--${flag}${value ? ` ${value}` : ''}`;
}

/** An entry with its text beside it, or below. */
export function formatEntry({ label, text }: Entry): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1];
    if (last === '') lines[lines.length - 1] = word;
    else if (COLUMN + last.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  const indented = lines.map((line) => ' '.repeat(COLUMN) + line);
  const head = `  ${label}`;
  if (head.length + 2 > COLUMN) return `${head}\n${indented.join('\n')}\n`;
  indented[0] = head.padEnd(COLUMN) + lines[0];
  return `${indented.join('\n')}\n`;
}
