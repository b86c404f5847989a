/** The commands on the pages are understood: each flag exists, and takes the value that it is given. */
import { describe, expect, it } from 'vitest';
import { commandNames, flagName, parseArguments } from '../../src/cli/arguments.ts';
import { parseBenchArguments } from '../../src/cli/bench/options.ts';
import { parseFetchArguments } from '../../src/cli/client/fetch-options.ts';
import { parseDevArguments } from '../../src/cli/dev/options.ts';
import { takeOptions } from '../../src/cli/own-options.ts';
import { settingNames } from '../../src/server/options.ts';
import { type Exceptions, FINE, judged } from '../house/exceptions.ts';
import { read } from '../house/sources.ts';
import { pages, withoutBlocks } from './pages.ts';
import { fences } from './samples.ts';

/** Options that commands have beside the settings, where no function of theirs reads them alone. */
const SWITCHES = {
  open: { value: '', text: '' },
  typescript: { value: '', text: '' },
  javascript: { value: '', text: '' },
};

const READERS: Readonly<Record<string, (argv: string[]) => unknown>> = {
  bench: (argv) => parseBenchArguments(argv, '.'),
  check: parseArguments,
  create: (argv) => parseArguments(takeOptions(argv, SWITCHES).rest),
  demo: (argv) => parseArguments(takeOptions(argv, SWITCHES).rest),
  dev: parseDevArguments,
  fetch: (argv) => parseFetchArguments(argv, '.'),
};

/** The command lines of a page, in blocks and within lines, without the programs that npm or a shell puts around. */
function commandsOf(page: string): string[] {
  const blocks = fences(page).filter(({ language }) => language === '' || language === 'sh');
  const lines = blocks.flatMap(({ code }) => code.replaceAll('\\\n', ' ').split('\n'));
  const inline = [...withoutBlocks(read(page)).matchAll(/`([^`\n]+)`/g)].map(([, text]) => text);
  return [...lines, ...inline].flatMap((line) => /^(?:\$ )?(?:npx )?quaich (.+)$/.exec(line)?.[1] ?? []);
}

/** The words of a command line, up to a comment, a pipe or a redirection. */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [word] of line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)) {
    if (/^(?:#|\||\d?>)/.test(word)) break;
    words.push(word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'));
  }
  return words;
}

/** What is wrong with a command line; undefined where nothing is. */
function fault(line: string): string | undefined {
  const words = wordsOf(line);
  try {
    const reader = READERS[words[0]];
    // The name of a command alone is a word of the text.
    if (reader === undefined) parseArguments(words);
    else if (words.length > 1) reader(words.slice(1));
    return undefined;
  } catch (error) {
    return `${line}: ${error instanceof Error ? error.message : error}`;
  }
}

/** Flags that pages name and no command of ours has. */
const OF_GUNICORN = [
  ...['access-logfile', 'access-logformat', 'ca-certs', 'certfile', 'error-logfile', 'forwarded-allow-ips'],
  ...['graceful-timeout', 'keep-alive', 'keyfile', 'pid', 'preload', 'proxy-protocol', 'pythonpath', 'reload'],
  ...['statsd-host', 'threads', 'timeout', 'worker-class'],
];
const FOREIGN: Exceptions = {
  ...Object.fromEntries(OF_GUNICORN.map((name) => [`--${name}`, 'of gunicorn'])),
  '--max-inlined-bytecode-size-cumulative': 'of V8',
};

describe('the commands of the pages', () => {
  const all = pages.flatMap((page) => commandsOf(page).map((line) => ({ page, line })));

  it('are understood', () => {
    expect(wordsOf(`./site.js --path '/a b' -H "X: 1" # more`)).toEqual(['./site.js', '--path', '/a b', '-H', 'X: 1']);
    expect(fault('./site.js --no-such-flag')).toContain('unknown option --no-such-flag');
    expect(fault('dev ./site.js --sync-workers none')).toContain('--sync-workers');
    expect(all.length).toBeGreaterThan(60);
    const faults = all.map(({ page, line }) => [page, fault(line)]).filter(([, found]) => found !== undefined);
    expect(faults).toEqual([]);
  });

  it('have the flags that the text names', () => {
    const own = ['https', 'open', 'typescript', 'javascript', 'json', 'path', 'connections', 'workers', 'seconds'];
    const known = new Set([
      ...[...settingNames, ...commandNames].map(flagName),
      ...settingNames.map((name) => `no-${flagName(name)}`),
      ...own,
      ...['help', 'status', 'body', 'header', 'method', 'rounds', 'generator', 'request', 'data', 'include'],
    ]);
    const named = pages
      .filter((page) => page.startsWith('docs/') || page === 'README.md')
      .flatMap((page) => [...withoutBlocks(read(page)).matchAll(/`--([a-z][\w-]*)/g)].map(([, flag]) => flag));
    expect(named.length).toBeGreaterThan(100);
    const isForeign = (flag: string) => process.allowedNodeEnvironmentFlags.has(`--${flag}`);
    const unknown = named.filter((flag) => !known.has(flag) && !isForeign(flag)).map((flag) => `--${flag}`);
    expect(judged(unknown, FOREIGN)).toEqual(FINE);
  });
});
