// The command line of the bench, read and checked.
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** What there is in suites, in the order of a report: servers first, then their parts. */
const SUITES = readdirSync(new URL('suites', import.meta.url))
  .map((file) => file.replace(/\.mjs$/, ''))
  .sort((a, b) => placeOf(a) - placeOf(b));

function placeOf(name) {
  const order = [
    'http',
    'bodies',
    'frameworks',
    'mix',
    'scale',
    'workers',
    'idle',
    'start',
    'python',
    'python-start',
    'parse',
    'dispatch',
    'shim',
  ];
  return order.includes(name) ? order.indexOf(name) : order.length;
}
const GENERATORS = ['wrk', 'autocannon'];

export const HELP = `npm run bench -- [options] [suite ...]
npm run bench -- --compare A.json B.json [--limit PERCENT]

  --suite A,B        only these suites: ${SUITES.join(', ')}
  --only A,B         only candidates whose name holds one of these words
  --quick            the main cases alone, short, as many rounds as 3 minutes hold: an overview
  --tiny             one case of each suite once, with two candidates: whether it works
  --rounds N         how often each candidate is started (default: 5)
  --seconds S        length of one measurement (default: 0.5; quick: 1; tiny: 0.1)
  --warm-up S        load ahead of the first one of a start, a quarter of it ahead of the others (default: 1; quick:
                     0.5; tiny: 0); what is compiled later counts as the code's own
  --generator NAME   ${GENERATORS.join(' or ')} (default: wrk where it is installed)
  --against FOLDER   another build of Quaich, measured in the same run
  --out FOLDER       where report.json, report.md and report.html go (default: build/bench)

  --compare          what has become worse or better from one report.json to the other; exits with 1 where something
                     is worse by more than the limit
  --limit PERCENT    that limit (default: 5)
`;

/** The command line asks for what does not exist; the message is one line. */
export class UsageError extends Error {}

/** Lengths in seconds; `budget` are milliseconds after which no further round begins. */
const FULL = { rounds: 5, seconds: 0.5, warmUp: 1, budget: Number.POSITIVE_INFINITY };
const QUICK = { rounds: 7, seconds: 1, warmUp: 0.5, budget: 150_000 };
const TINY = { rounds: 1, seconds: 0.1, warmUp: 0, budget: Number.POSITIVE_INFINITY };

/** @throws UsageError */
export function parseOptions(args) {
  const { values, positionals } = parse(args);
  if (values.help) return { help: true };
  if (values.compare) {
    if (positionals.length !== 2) throw new UsageError('--compare takes two files, report.json of two runs');
    return { compare: positionals, limit: numberOf('limit', values.limit ?? '5', 0) };
  }
  if (values.limit !== undefined) throw new UsageError('--limit goes with --compare');
  if (values.quick && values.tiny) throw new UsageError('--quick and --tiny exclude each other');
  const size = values.tiny ? TINY : values.quick ? QUICK : FULL;
  const rounds = numberOf('rounds', values.rounds ?? size.rounds, 1);
  if (!Number.isInteger(rounds)) throw new UsageError('--rounds takes a whole number');
  return {
    suites: chosen('suite', [...listOf(values.suite), ...positionals], SUITES),
    only: listOf(values.only),
    size: values.tiny ? 'tiny' : values.quick ? 'quick' : 'full',
    rounds,
    seconds: numberOf('seconds', values.seconds ?? size.seconds, 0.1),
    warmUp: numberOf('warm-up', values['warm-up'] ?? size.warmUp, 0),
    budget: size.budget,
    generator: chosen('load generator', listOf(values.generator), GENERATORS, [])[0],
    against: values.against && resolve(values.against),
    out: resolve(values.out ?? fileURLToPath(new URL('../build/bench', import.meta.url))),
  };
}

function parse(args) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        suite: { type: 'string' },
        only: { type: 'string' },
        quick: { type: 'boolean' },
        tiny: { type: 'boolean' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        'warm-up': { type: 'string' },
        generator: { type: 'string' },
        against: { type: 'string' },
        out: { type: 'string' },
        compare: { type: 'boolean' },
        limit: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError(error.message.split(/\n|\. To specify/)[0]); // the rest is about other programs
  }
}

const listOf = (text = '') => text.split(',').filter((word) => word !== '');

function numberOf(option, text, least) {
  const number = Number(text);
  if (text === '' || !(number >= least) || number === Number.POSITIVE_INFINITY) {
    throw new UsageError(`--${option} takes a number from ${least} on, not ${JSON.stringify(text)}`);
  }
  return number;
}

/** The names that are asked for, each of which is one of `all`; without any, all of them or `none`. */
function chosen(what, names, all, none = all) {
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new UsageError(`no ${what} ${unknown}; there are ${all.join(', ')}`);
  return names.length === 0 ? none : [...new Set(names)];
}
