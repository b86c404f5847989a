/** What `quaich check` asks of an application, and what it finds. */
import type { LoadedApplication } from '../../pool/load.ts';
import { percentEncodeBytes } from '../../rules/native-strings.ts';
import { asciiOf, shown } from '../../rules/show.ts';
import { withOwnFrames } from '../../rules/stack-frame.ts';
import { within } from '../../rules/within.ts';
import type { TestResponse } from '../../testing/response.ts';
import { type ValidationWarning, validator } from '../../validate/index.ts';
import type { CalledMount } from './called-mount.ts';

/** A request, its path below the mount. */
interface Trial {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export const TRIALS: readonly Trial[] = [
  { method: 'GET', path: '/' },
  { method: 'HEAD', path: '/' },
  { method: 'OPTIONS', path: '/' },
  { method: 'POST', path: '/', body: 'quaich=check', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } },
  { method: 'GET', path: '/quaich-check/no/such/path' },
];

/** Milliseconds after which the client leaves a response that goes on, as an event stream does. */
const LONGEST = 1000;
/** Milliseconds that an async application has from then on. */
const GRACE = 1000;
/** What names the request in a report. */
const REQUEST = /^quaich: [A-Z]+ "[^"\n]*": /gm;
/** Chunks after which the client leaves: a stream that never waits would fill the memory. */
const MOST_CHUNKS = 1000;

interface Outcome {
  /** In words. */
  readonly answer: string;
  /** What the application has to mend, with the rows that it broke; `''` for nothing. */
  readonly mistake: string;
  /** The request goes on. */
  readonly isStuck: boolean;
}

/** A warning that tells of no mistake: who answers HEAD as GET loses some work. */
const HEAD_WITH_BODY = 'V-126';

/**
 * An application inside the validator; what an adapter made of another interface is ours to be correct.
 *
 * @param told takes the messages of warnings
 */
export function inValidator(application: LoadedApplication, told: (message: string) => void): LoadedApplication {
  if (application.known.foreign !== null) return application;
  const warn = ({ row, message }: ValidationWarning): void => {
    if (row !== HEAD_WITH_BODY) told(message);
  };
  return application.kind === 'sync'
    ? { ...application, app: validator(application.app, { kind: 'sync', warn }) }
    : { ...application, app: validator(application.app, { kind: 'async', warn }) };
}

/** Sends one request. Never rejects; does not end where a sync application neither returns nor sends anything. */
export async function tryOnce(mount: CalledMount, prefix: string, trial: Trial): Promise<Outcome> {
  try {
    return outcomeOf(await responseTo(mount, { ...trial, path: percentEncodeBytes(prefix) + trial.path }));
  } catch (error) {
    return { answer: 'no answer', mistake: error instanceof Error ? error.message : shown(error), isStuck: true };
  }
}

async function responseTo(mount: CalledMount, trial: Trial): Promise<TestResponse> {
  const request = { ...trial, disconnectAfter: MOST_CHUNKS };
  if (mount.kind === 'sync') {
    const due = performance.now() + LONGEST;
    return mount.client.request({ ...request, onChunk: () => performance.now() < due });
  }
  const client = new AbortController();
  const timer = setTimeout(() => client.abort(), LONGEST);
  const response = mount.client.request({ ...request, signal: client.signal });
  const what = 'the client has left meanwhile, as quaich.signal says, but the request';
  return within(response, LONGEST + GRACE, what).finally(() => clearTimeout(timer));
}

function outcomeOf(response: TestResponse): Outcome {
  const { status, statusLine, errors, failed, broken, disconnected } = response;
  const size = response.body.byteLength;
  const parts = [status === 0 ? 'no answer' : asciiOf(statusLine)];
  if (size > 0) parts.push(`${size} bytes`);
  if (disconnected) parts.push('left before its end');
  const answer = parts.join(', ');
  // What an application reports itself, and 501 and 503, may be meant.
  if (!failed && !broken && status !== 500) return { answer, mistake: '', isStuck: false };
  // The same mistake shows in several requests.
  const report = withOwnFrames(errors).replace(REQUEST, '').trim();
  return { answer, mistake: report || 'it gives no reason on wsgi.errors', isStuck: false };
}
