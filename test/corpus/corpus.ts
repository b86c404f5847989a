/**
 * The corpus of raw HTTP/1.x requests. Our own files lie beside this one; inputs that come from the test suites of other
 * projects are read from a folder next to the project where it exists.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ParsedRequest } from '../protocols/http/driver.ts';

export interface Case {
  id: string;
  note: string;
  /** The client's bytes, one character each. */
  input: string;
  /**
   * accept: all requests are delivered and nothing else; reject: the requests, then a refusal; incomplete: the requests,
   * then a valid beginning; either: some of the requests from the first on, and a refusal unless all.
   */
  expect: 'accept' | 'reject' | 'incomplete' | 'either';
  requests: (Omit<ParsedRequest, 'trailers'> & { trailers?: [string, string][] })[];
  /** The fitting status of a refusal. */
  status?: number;
  why: string;
}

const own = fileURLToPath(new URL('.', import.meta.url));
const shared = fileURLToPath(new URL('../../../shared/http-corpus/', import.meta.url));

/** Whether the inputs of other projects are there. */
export const hasShared = existsSync(shared);

const read = (folder: string): Case[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as Case[]);

/** All cases that are there, each once. */
export const cases: Case[] = [
  ...new Map([...read(own), ...(hasShared ? read(shared) : [])].map((c) => [c.id, c])).values(),
];

const comparable = (request: Case['requests'][number]) => ({
  ...request,
  headers: request.headers.map(([name, value]) => [name.toLowerCase(), value]),
  trailers: request.trailers ?? [],
});

/**
 * What is wrong with an outcome for a case, as two values that should be equal: requests without regard to the case of
 * field names, and how the input ended.
 */
export function judge(
  c: Case,
  outcome: { end: string; requests: ParsedRequest[] },
): { found: unknown; expected: unknown } {
  const found = outcome.requests.map(comparable);
  const all = c.requests.map(comparable);
  const ends = {
    accept: ['clean', 'closed'],
    reject: ['refused'],
    // Empty lines alone leave nothing behind.
    incomplete: /^(\r\n)*$/.test(c.input) ? ['clean'] : ['incomplete'],
    either: found.length === all.length ? ['clean', 'closed', 'incomplete', 'refused'] : ['refused'],
  }[c.expect];
  return {
    found: { requests: found, end: outcome.end },
    expected: {
      requests: c.expect === 'either' ? all.slice(0, found.length) : all,
      end: ends.includes(outcome.end) ? outcome.end : ends[0],
    },
  };
}
