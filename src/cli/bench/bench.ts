/** The command `quaich bench`: measures somebody's own application in every way that it can be served. */
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { HTTP_METRICS, type HttpCase, startHttp } from '../../bench/http-case.ts';
import { type Generator, generators } from '../../bench/load.ts';
import { Progress } from '../../bench/progress.ts';
import { type Candidate, countSteps, measureSuite, type Suite, type SuiteResult } from '../../bench/suite.ts';
import { ConfigurationError } from '../../interface/errors.ts';
import { version } from '../../rules/version.ts';
import { FAILED, MISCONFIGURED, STOPPED } from '../exit-codes.ts';
import { type BenchedApplication, inspectApplication } from './application.ts';
import { type FirstAnswers, firstAnswers, statusText } from './first-answers.ts';
import { type BenchOptions, benchHelp, parseBenchArguments } from './options.ts';
import { type Findings, type Hop, reportText } from './report.ts';
import { judge, longer } from './verdict.ts';
import { FETCH_SERVERS, preparedWays, type Way, waysOf } from './ways.ts';

/** The world around the command. */
interface BenchSurroundings {
  readonly directory: string;
  stdout(text: string): void;
  stderr(text: string): void;
  /** Whether standard error is one, where a line can be written anew. */
  readonly terminal: boolean;
}

/** Does what the arguments behind `bench` say, and fulfils with the exit code. Never rejects. */
export async function runBench(argv: readonly string[], io: BenchSurroundings): Promise<number> {
  try {
    const options = parseBenchArguments(argv, io.directory);
    if (options === null) io.stdout(benchHelp());
    else await bench(options, io);
    return STOPPED;
  } catch (error) {
    io.stderr(`quaich: ${reasons(error)}\n`);
    return error instanceof ConfigurationError ? MISCONFIGURED : FAILED;
  }
}

/** An error with its causes, the last of which says most. */
function reasons(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined || error instanceof ConfigurationError
    ? error.message
    : `${error.message}: ${reasons(error.cause)}`;
}

async function bench(options: BenchOptions, io: BenchSurroundings): Promise<void> {
  const [generatorName, generator] = chooseGenerator(options.generator);
  const application = await inspectApplication(options.app, io.directory);
  const answers = await firstAnswers(waysOf(application, io.directory, options.workers), options);
  io.stdout(`${introduction(options, application, answers)}Load by ${generatorName}.\n\n`);

  const cases = options.connections.map((connections) => caseOf(options, answers, connections));
  const prepared = application.kind === 'sync' ? preparedWays(answers.first.body.length, io.directory) : null;
  const suite: Suite<HttpCase> = {
    name: 'bench',
    title: options.application,
    metrics: HTTP_METRICS,
    base: answers.ways[0].name,
    candidates: [
      ...answers.ways.map((way) => candidateOf(way, generator)),
      ...(prepared === null ? [] : [prepared.inline, prepared.pooled].map((way) => alone(way, generator, cases))),
    ],
    cases,
  };
  const { rounds, seconds } = options;
  const progress = new Progress(countSteps(suite, 1), { rounds }, { isTTY: io.terminal, write: io.stderr });
  const result = await measureSuite(suite, {
    rounds,
    seconds,
    warmUp: seconds < 1 ? 0 : 1,
    onStep: (step) => progress.step(step),
  }).finally(() => progress.end());
  io.stdout(reportText(findingsOf(options, application, answers, result)));
  if (options.json !== undefined) {
    writeFileSync(options.json, JSON.stringify({ ...origin(options, generatorName), answers: told(answers), result }));
  }
}

function chooseGenerator(wanted = ''): [string, Generator] {
  const found = [...generators].find(([name]) => name.startsWith(wanted));
  if (found !== undefined) return found;
  if (generators.size > 0) {
    throw new ConfigurationError(`no load generator "${wanted}"; there is ${[...generators.keys()].join(' and ')}`);
  }
  throw new ConfigurationError(
    'no load generator: type "npm install --save-dev autocannon", or install wrk, and start again',
  );
}

function introduction(
  { application, method, path }: BenchOptions,
  known: BenchedApplication,
  answers: FirstAnswers,
): string {
  const { first, expect, leftOut } = answers;
  const { kind, adapted, foreign } = known;
  const target = adapted === 'fetch' ? 'handler for fetch' : 'listener for node:http';
  const made = foreign !== null ? ` (${foreign})` : adapted === null ? '' : ` made of a ${target}`;
  const lines = [
    `${application} is ${kind === 'sync' ? 'a sync' : 'an async'} application${made}.`,
    `${method} ${path} is answered with ${statusText(first.status)} and ${first.body.length} bytes, ` +
      `${expect.body === undefined ? 'not always the same ones' : 'always the same ones'}.`,
    ...[...leftOut].map(([name, reason]) => `Left out: ${name}: ${reason}`),
  ];
  if (adapted === 'fetch' && !FETCH_SERVERS.some((name) => answers.ways.some((way) => way.name === name))) {
    lines.push(`Left out: servers for fetch: neither ${FETCH_SERVERS.join(' nor ')} serves it here.`);
  }
  return `${lines.join('\n')}\n`;
}

function caseOf(
  { method, path, headers, body }: BenchOptions,
  { expect }: FirstAnswers,
  connections: number,
): HttpCase {
  return {
    name: `${connections} connection${connections === 1 ? '' : 's'}`,
    request: { method, path, headers, body, expect },
    connections,
  };
}

function candidateOf({ name, server }: Way, generator: Generator): Candidate<HttpCase> {
  return { name, start: () => startHttp(server, generator) };
}

/** The server alone, measured with one connection: whatever it is asked, it gives the response that was prepared. */
function alone(way: Way, generator: Generator, cases: readonly HttpCase[]): Candidate<HttpCase> {
  const others = cases.filter(({ connections }) => connections > 1);
  return {
    name: way.name,
    cannot: Object.fromEntries(others.map(({ name }) => [name, 'it shows the hop of one request alone'])),
    start: async () => {
      const running = await startHttp(way.server, generator);
      const measure: typeof running.measure = (one, seconds) =>
        running.measure({ ...one, request: { ...one.request, expect: { status: 200 } } }, seconds);
      return { ...running, measure };
    },
  };
}

function findingsOf(
  { application, rounds, connections }: BenchOptions,
  { kind }: BenchedApplication,
  { ways, first }: FirstAnswers,
  result: SuiteResult,
): Findings {
  const cores = availableParallelism();
  const judged = (some: readonly Way[]) =>
    result.cases.map((one) =>
      judge(
        result,
        one.case,
        some.map(({ name }) => name),
        cores,
      ),
    );
  const ours = ways.filter(({ flags }) => flags !== null);
  return {
    application,
    cases: judged(ways),
    ours: judged(ours),
    flags: new Map(ours.map(({ name, flags }) => [name, flags ?? ''])),
    hop: connections[0] === 1 ? hopOf(kind, ours, first.body.length, result) : null,
    rounds,
    cores,
  };
}

/** Of the application itself, where it can do without; else of a response of the same size, prepared beforehand. */
function hopOf(kind: 'sync' | 'async', ours: readonly Way[], size: number, result: SuiteResult): Hop {
  const [pooled, inline] =
    kind === 'async' ? [ours[1].name, ours[0].name] : Object.values(preparedWays(size, '')).map(({ name }) => name);
  const between = kind === 'async' ? `${pooled} against ${inline}` : `${pooled}, against inline; ${size} bytes`;
  return { time: longer(result, result.cases[0].case, pooled, inline), between };
}

/** Where and of what the figures are. */
function origin(options: BenchOptions, generator: string) {
  const { body, ...others } = options;
  return {
    format: 1,
    date: new Date().toISOString(),
    quaich: version(),
    node: process.version,
    cpu: cpus()[0]?.model,
    cores: availableParallelism(),
    generator,
    options: { ...others, bodyBytes: body?.byteLength ?? 0 },
  };
}

function told({ first, expect, leftOut }: FirstAnswers) {
  const bytes = first.body.length;
  return { status: expect.status, bytes, sameBody: expect.body !== undefined, leftOut: Object.fromEntries(leftOut) };
}
