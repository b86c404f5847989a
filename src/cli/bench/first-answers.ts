/** The first answers of the application, by which all later ones are judged. */
import { STATUS_CODES } from 'node:http';
import { ask, type Expected, type HttpAnswer } from '../../bench/load-request.ts';
import { ServerProcess } from '../../bench/server-process.ts';
import { QuaichError } from '../../interface/errors.ts';
import type { BenchOptions } from './options.ts';
import type { Way } from './ways.ts';

export interface FirstAnswers {
  readonly first: HttpAnswer;
  readonly expect: Expected;
  /** The ways that gave it. */
  readonly ways: readonly Way[];
  /** Those without Quaich that did not, with the reason. */
  readonly leftOut: ReadonlyMap<string, string>;
}

/**
 * Starts the application in each way, and asks it twice. Whether bodies are compared later depends on whether all of
 * these are the same.
 *
 * @throws QuaichError where Quaich does not start it, or where the status is not the right one
 */
export async function firstAnswers(ways: readonly Way[], options: BenchOptions): Promise<FirstAnswers> {
  const taken: { way: Way; answers: HttpAnswer[] }[] = [];
  const leftOut = new Map<string, string>();
  for (const way of ways) {
    try {
      taken.push({ way, answers: await askTwice(way, options) });
    } catch (error) {
      if (way.flags !== null) throw error;
      leftOut.set(way.name, error instanceof Error ? error.message : String(error));
    }
  }
  const ours = taken.find(({ way }) => way.flags !== null);
  if (ours === undefined) throw new QuaichError('QUAICH_BENCH', 'there is no way to serve the application');
  const [first] = ours.answers;
  const status = options.status ?? first.status;
  const asked = `${options.method} ${options.path}`;
  const same = taken.filter(({ way, answers }) => {
    const wrong = answers.find((answer) => answer.status !== status);
    if (wrong === undefined) return true;
    const message = `${asked} is answered with ${statusText(wrong.status)}`;
    if (way.flags !== null) throw new QuaichError('QUAICH_BENCH', `${way.name}: ${message} in place of ${status}`);
    leftOut.set(way.name, message);
    return false;
  });
  if (options.status === undefined && status >= 400) {
    throw new QuaichError(
      'QUAICH_BENCH',
      `${asked} is answered with ${statusText(status)}: give another request (--path, --method, --header, --body), ` +
        `or --status ${status} where that is the answer to be measured`,
    );
  }
  const equal = same.every(({ answers }) => answers.every(({ body }) => body.equals(first.body)));
  return {
    first,
    expect: { status, ...(equal && { body: first.body }) },
    ways: same.map(({ way }) => way),
    leftOut,
  };
}

async function askTwice({ server }: Way, options: BenchOptions): Promise<HttpAnswer[]> {
  const running = await ServerProcess.start(server);
  try {
    const one = () => running.during(ask(running.url, options));
    return [await one(), await one()];
  } finally {
    await running.stop();
  }
}

/** `404 Not Found` */
export function statusText(status: number): string {
  const reason = STATUS_CODES[status];
  return reason === undefined ? String(status) : `${status} ${reason}`;
}
