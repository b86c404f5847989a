/**
 * Applications in the validator, driven by the test client, and everything that the validator had to say: also what the
 * application, a middleware or the gateway caught and kept for itself.
 */
import { expect } from 'vitest';
import type { Application, AsyncApplication, Kind } from '../../src/index.ts';
import {
  type AsyncRequest,
  AsyncTestClient,
  type ClientOptions,
  type SyncRequest,
  SyncTestClient,
  type TestResponse,
} from '../../src/testing/index.ts';
import { type ValidatorOptions, validator } from '../../src/validate/index.ts';
import { said } from './noted.ts';

export type AnyApplication = Application | AsyncApplication;

/** A request for either kind: bodies in pieces are iterables. */
export type AnyRequest = Omit<SyncRequest, 'onChunk'> & Omit<AsyncRequest, 'body' | 'signal'>;

/**
 * Around everything. Without `strictProperties`: the test client itself hangs its count of closes on the body (V-129).
 */
export const OUTSIDE: ValidatorOptions = { warn() {}, compareChunks: true };

/** Inside of a middleware, with every check that can be switched on. */
export const INSIDE: ValidatorOptions = { ...OUTSIDE, strictProperties: true, behindMiddleware: true };

export const KINDS: readonly Kind[] = ['sync', 'async'];

/** Calls an application that stands in the validator already. */
export function clientOf(kind: Kind, app: AnyApplication, options: ClientOptions = {}) {
  const client =
    kind === 'async'
      ? new AsyncTestClient(app as AsyncApplication, options)
      : new SyncTestClient(app as Application, options);
  return {
    startup: () => client.startup(),
    shutdown: () => client.shutdown(),
    request: async (request: AnyRequest): Promise<TestResponse> => client.request(request),
  };
}

/**
 * Warnings that are right and nobody's fault:
 *
 * - V-126: an application may answer HEAD as it answers GET, and leave the dropping of the body to the server.
 * - V-60, where no body follows: a redirect or a 412 needs no Content-Type, and only its end shows that there is no
 *   body.
 */
const ANSWERED_AS_GET = /^V-126: the response to a HEAD request has a body/;
const UNTYPED = /^V-60: a [3-5]\d\d response has no Content-Type/;

/** What the validators have said since the last call, violations and warnings, each once. */
export function complaints(): string[] {
  return [...new Set(said.splice(0))];
}

/** One request, after which the validators have nothing to say and nothing is left open. */
export async function expectNoComplaint(
  client: { request(request: AnyRequest): Promise<TestResponse> },
  request: AnyRequest,
  title: string,
): Promise<TestResponse> {
  complaints();
  const open = validator.unclosed().length;
  const response = await client.request(request);
  const { method = 'GET', path = '/' } = request;
  const name = `${title}: ${method} ${path}\n${response.errors}`;
  const unexpected = complaints().filter(
    (message) => !ANSWERED_AS_GET.test(message) && !(UNTYPED.test(message) && response.body.length === 0),
  );
  expect(unexpected, name).toEqual([]);
  // Fewer, where one of another test was garbage-collected meanwhile.
  expect(validator.unclosed().length, name).toBeLessThanOrEqual(open);
  return response;
}
