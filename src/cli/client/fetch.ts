/** The command `quaich fetch`: one request to an application, without a server. */
import { validated } from '../../pool/applications.ts';
import type { LoadedApplication } from '../../pool/load.ts';
import { endThread } from '../../pool/this-thread.ts';
import { type ResolvedOptions, resolveOptions } from '../../server/options.ts';
import type { AsyncTestClient } from '../../testing/async-client.ts';
import { ResponseBroken, type TestResponse } from '../../testing/response.ts';
import type { SyncTestClient } from '../../testing/sync-client.ts';
import type { CheckedApplication } from '../check-mounts.ts';
import { assertApplication, configure } from '../configuration.ts';
import type { Environment } from '../environment.ts';
import { FAILED, STOPPED } from '../exit-codes.ts';
import { type Say, sayTo } from '../messages.ts';
import { errorText, tellError } from '../tell-error.ts';
import { applicationAt, callMount } from './called-mount.ts';
import { type FetchArguments, fetchHelp, parseFetchArguments } from './fetch-options.ts';
import { ResponseOutput } from './response-output.ts';
import { unlessEnded } from './unless-ended.ts';

/** The world around the command. */
interface FetchSurroundings {
  readonly env: Environment;
  readonly directory: string;
  stdout(text: string): void;
  stderr(text: string): void;
  /** Takes bytes on standard output; false where nobody takes any more. */
  body(bytes: Uint8Array): boolean;
  /** Whether standard output is one. */
  readonly terminal: boolean;
  /** Loads the applications on a thread, and tells what they are. */
  probe(options: ResolvedOptions): Promise<readonly CheckedApplication[]>;
  /** Ends the process at once, by force. */
  kill(): void;
}

/** Does what the arguments behind `fetch` say, and fulfils with the exit code. Never rejects. */
export async function runFetch(argv: readonly string[], io: FetchSurroundings): Promise<number> {
  const say = sayTo(io.stderr, false);
  try {
    const args = parseFetchArguments(argv, io.directory);
    if (args === null) {
      io.stdout(fetchHelp());
      return STOPPED;
    }
    const response = await fetchOnce(args, io, say);
    await endThread((error) => say('error', errorText(error)));
    io.stderr(response.errors);
    if (response.broken) say('error', 'the response broke off before its end');
    return isGood(response) ? STOPPED : FAILED;
  } catch (error) {
    return tellError(error, say, io);
  }
}

async function fetchOnce(
  { request, include, serving }: FetchArguments,
  io: FetchSurroundings,
  say: Say,
): Promise<TestResponse> {
  const configuration = await configure(serving, io.env, io.directory);
  for (const warning of configuration.warnings) say('warn', warning);
  assertApplication(configuration);
  const options = resolveOptions(configuration.options);
  const app = applicationAt(request.path, options.apps);
  const [{ notes, ...known }] = await io.probe({ ...options, apps: [app] });
  for (const note of notes) io.stderr(`quaich: ${note}\n`);
  const output = new ResponseOutput(io.body, include || io.terminal);
  const around = (loaded: LoadedApplication) => (options.validate ? validated(loaded) : loaded);
  return unlessEnded(() =>
    callMount({ app, known, options, around }, async ({ kind, client }) =>
      kind === 'sync' ? fetchSync(client, request, output) : fetchAsync(client, request, output),
    ),
  );
}

type FetchedRequest = FetchArguments['request'];

function fetchSync(client: SyncTestClient, request: FetchedRequest, output: ResponseOutput): TestResponse {
  const response = client.request({
    ...request,
    onChunk(chunk, start) {
      output.head(start);
      return output.body(chunk);
    },
  });
  if (response.status !== 0) output.head(response);
  return response;
}

async function fetchAsync(
  client: AsyncTestClient,
  request: FetchedRequest,
  output: ResponseOutput,
): Promise<TestResponse> {
  const stream = client.open(request);
  try {
    output.head(await stream.started);
    for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) {
      if (!output.body(chunk)) return await stream.disconnect();
    }
  } catch (error) {
    if (!(error instanceof ResponseBroken)) throw error;
  }
  return stream.finished;
}

/** A client that left is one whose standard output nobody reads any more. */
function isGood({ status, failed, broken, disconnected }: TestResponse): boolean {
  return status < 400 && !failed && !broken && !disconnected;
}
