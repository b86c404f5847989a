import { settingNames, settings } from '../server/options.ts';
import { commands, flagName } from './arguments.ts';

const WIDTH = 100;
const COLUMN = 36;

interface Entry {
  /** `-b, --bind ADDRESS` */
  label: string;
  text: string;
}

/** The text of `--help`: at most 100 columns. */
export function helpText(): string {
  const sections: [string, Entry[]][] = [
    [
      'Applications',
      [
        {
          label: '[PREFIX=]MODULE[:EXPORT]',
          text: 'MODULE is a path (JavaScript or TypeScript), a file URL or a package; without EXPORT: application, then app, then the default export; several applications need different prefixes',
        },
      ],
    ],
  ];
  for (const name of settingNames) {
    const { group, text } = settings[name];
    const entry = { label: settingLabel(name), text: `${text} (default: ${defaultText(name)})` };
    const section = sections.find(([title]) => title === group);
    if (section) section[1].push(entry);
    else sections.push([group, [entry]]);
  }
  sections.push([
    'Commands',
    Object.entries(commands).map(([name, command]) => ({ label: commandLabel(name, command), text: command.text })),
  ]);
  const body = sections.map(([title, entries]) => `${title}:\n${entries.map(formatEntry).join('')}`).join('\n');
  return `Usage: quaich [OPTIONS] [PREFIX=]MODULE[:EXPORT]...

Serves WSGI applications for JavaScript, sync and async side by side.

${body}
Sizes take k, m and g, durations ms, s, m and h. Every setting is also an environment variable
(--sync-workers is QUAICH_SYNC_WORKERS) and a key of the configuration file (syncWorkers). A flag
goes before a variable, a variable before the file.

\`quaich bench ./site.js\` measures which way serves it best; see \`quaich bench --help\`.

Exit code: 0 stopped in order, 1 failure, 2 wrong usage or configuration.

Examples:
  quaich ./site.js
  quaich /=./site.ts:app /api=./api.js:api --bind 127.0.0.1:8080 --sync-workers 4 --async-workers 2
  quaich --config quaich.config.mjs --bind unix:/run/site.sock --access-log-format json
`;
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
