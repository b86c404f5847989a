/** The command `quaich create`: a folder to begin with. It asks nothing and downloads nothing. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { ConfigurationError } from '../../interface/errors.ts';
import { property } from '../../rules/property.ts';
import { packageFolder } from '../../rules/version.ts';
import { unknownOption } from '../arguments.ts';
import { STOPPED } from '../exit-codes.ts';
import { formatEntry } from '../help.ts';
import { sayTo } from '../messages.ts';
import { tellError } from '../tell-error.ts';
import { type Language, manifestOf } from './manifest.ts';

/** The world around the command. */
interface CreateSurroundings {
  readonly directory: string;
  stdout(text: string): void;
  stderr(text: string): void;
  /** Ends the process at once, by force. */
  kill(): void;
}

const OPTIONS = {
  javascript: 'Write it in JavaScript; so it is without a word',
  typescript: 'Write it in TypeScript',
  help: 'Print this text',
};

const HELP = `Usage: quaich create [--typescript] NAME

Makes the folder NAME, or fills the one that is there if it is empty: a sync application, an async
one and one of Express with their mounts, a test of them, a Dockerfile, and the scripts dev, start
and test. NAME may be a path; "." is the current directory.

Options:
${Object.entries(OPTIONS)
  .map(([name, text]) => formatEntry({ label: `--${name}`, text }))
  .join('')}
Exit code: 0 made, 1 failure, 2 wrong usage, or a folder that is not empty.

Examples:
  quaich create blog
  quaich create ./services/blog --typescript
`;

/** Does what the arguments behind `create` say, and fulfils with the exit code. Never rejects. */
export async function runCreate(argv: readonly string[], io: CreateSurroundings): Promise<number> {
  try {
    if (argv.includes('--help') || argv.includes('-h')) {
      io.stdout(HELP);
      return STOPPED;
    }
    const { name, language } = parseCreateArguments(argv);
    const folder = resolve(io.directory, name);
    makeProject(folder, language);
    io.stdout(nextSteps(relative(io.directory, folder), language));
    return STOPPED;
  } catch (error) {
    return tellError(error, sayTo(io.stderr, false), io);
  }
}

/** @throws ConfigurationError */
function parseCreateArguments(argv: readonly string[]): { name: string; language: Language } {
  const flags = argv.filter((argument) => argument.startsWith('-'));
  const names = Object.keys(OPTIONS);
  const unknown = flags.find((flag) => !names.includes(flag.replace(/^--/, '')));
  if (unknown !== undefined) throw unknownOption(unknown, names);
  const [name, ...others] = argv.filter((argument) => !flags.includes(argument));
  if (name === undefined) throw new ConfigurationError('no name: quaich create NAME, for example quaich create blog');
  if (others.length > 0) throw new ConfigurationError(`create makes one folder; ${others[0]} is another one`);
  if (flags.includes('--javascript') && flags.includes('--typescript')) {
    throw new ConfigurationError('--javascript or --typescript, not both');
  }
  return { name, language: flags.includes('--typescript') ? 'typescript' : 'javascript' };
}

/**
 * Fills a folder, and makes it where it does not exist. No file that exists is written to.
 *
 * @throws ConfigurationError where the folder is not empty, or no folder
 */
function makeProject(folder: string, language: Language): void {
  const found = entriesOf(folder);
  if (found.length > 0) {
    const some = found.slice(0, 3).join(', ');
    throw new ConfigurationError(`${folder} is not empty, it has ${some}: choose another name, or empty it`);
  }
  mkdirSync(folder, { recursive: true });
  for (const kind of ['common', language]) {
    const templates = join(packageFolder(), 'templates', kind);
    for (const file of readdirSync(templates)) {
      // Under its own name npm would not pack it.
      const name = file.replace(/^_/, '.');
      writeFileSync(join(folder, name), readFileSync(join(templates, file)), { flag: 'wx' });
    }
  }
  writeFileSync(join(folder, 'package.json'), manifestOf(folder, language), { flag: 'wx' });
}

/** What is in a folder; nothing where it does not exist. */
function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const code = property(error, 'code');
    if (code === 'ENOENT') return [];
    if (code === 'ENOTDIR') throw new ConfigurationError(`${folder} is a file, or lies in one: choose another name`);
    throw error;
  }
}

function nextSteps(folder: string, language: Language): string {
  const ending = language === 'typescript' ? 'ts' : 'js';
  return `Made ${folder || 'it here'}:

  site.${ending}     sync, at /: may block
  events.${ending}   async, at /events: a stream
  api.${ending}      Express, at /api

Next:

${folder === '' ? '' : `  cd ${folder}\n`}  npm install
  npm run dev
`;
}
