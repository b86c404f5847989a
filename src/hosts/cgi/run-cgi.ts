/** CGI (RFC 3875): one request for each start of the program (G-170 to G-173, U-43, U-44). */
import { AsyncInput } from '../../engine/async-input.ts';
import { inOwnContext } from '../../engine/context.ts';
import { plainPage } from '../../engine/error-page.ts';
import { createErrorStream } from '../../engine/error-stream.ts';
import { asyncFileWrapper, fileWrapper } from '../../engine/file-wrapper.ts';
import { runAsync } from '../../engine/run-async.ts';
import { runSync } from '../../engine/run-sync.ts';
import { SyncInput } from '../../engine/sync-input.ts';
import { EnvironBuilder, type EnvironTemplate } from '../../environ/builder.ts';
import { cutScriptName, repairVariables, type Variables } from '../../environ/cgi-variables.ts';
import { readEnviron } from '../../environ/read-environ.ts';
import { ConfigurationError } from '../../interface/errors.ts';
import { kindOf } from '../../interface/kind.ts';
import type { Application, AsyncApplication, Kind } from '../../interface/types.ts';
import { FIELD_NAMES, METHODS } from '../../protocols/http/wasm/tables.ts';
import { cgiHead } from '../../rules/head-parts.ts';
import { isNativeString, textToNative } from '../../rules/native-strings.ts';
import { RefusedRequest } from '../../rules/refused-request.ts';
import { AsyncCgiBody, SyncCgiBody } from './body.ts';
import { writeAllSync } from './descriptors.ts';
import { AsyncCgiResponse, SyncCgiResponse } from './transport.ts';

export interface CgiOptions {
  /** Overrules what the function itself shows (B-01). */
  kind?: Kind;
  /** The variables of the request and of the process; `readEnviron()` by default. */
  environ?: Readonly<Record<string, string>>;
  /** Cuts SCRIPT_NAME off the front of PATH_INFO, where IIS repeats it (G-173). */
  iis?: boolean;
  /** Descriptors; 0, 1 and 2 by default. */
  stdin?: number;
  stdout?: number;
  stderr?: number;
  /** `wsgi.multithread`; false by default. */
  multithread?: boolean;
  /** `wsgi.multiprocess`; true by default. */
  multiprocess?: boolean;
}

/**
 * Answers the request for which a web server has started this program, and fulfils when the response is written and
 * the body closed. A sync application may block; what it writes is out when it goes on. The hooks of the application
 * run before and after. Sets the exit status of the process to 1 for a response that broke off; CGI has no other way
 * to tell (G-141).
 *
 * The program ends when its event loop has nothing left to do: an application that leaves timers or sockets behind
 * should be followed by `process.exit()`.
 *
 * @throws ConfigurationError where no web server has started the program: there is no REQUEST_METHOD
 */
export function runCgi(app: Application, options?: CgiOptions): Promise<void>;
export function runCgi(app: Application | AsyncApplication, options?: CgiOptions): Promise<void>;
export async function runCgi(app: Application | AsyncApplication, options: CgiOptions = {}): Promise<void> {
  const { stdin = 0, stdout = 1, stderr = 2, kind = kindOf(app) } = options;
  const variables = nativeVariables(options.environ ?? readEnviron());
  if (variables.REQUEST_METHOD === undefined) {
    throw new ConfigurationError('REQUEST_METHOD is not set: this program is to be started by a web server, by CGI');
  }
  if (options.iis === true) cutScriptName(variables);
  try {
    repairVariables(variables);
  } catch (error) {
    if (!(error instanceof RefusedRequest)) throw error;
    const { head, body } = plainPage(error.status, false, error.message);
    writeAllSync(stdout, Buffer.concat([Buffer.from(cgiHead(head), 'latin1'), body ?? new Uint8Array(0)]));
    return;
  }
  const length = Number(variables.CONTENT_LENGTH ?? 0);
  const state: Record<string, unknown> = {};
  const template = {
    fieldNames: FIELD_NAMES,
    methods: METHODS,
    multithread: options.multithread ?? false,
    multiprocess: options.multiprocess ?? true,
    runOnce: true,
    errors: createErrorStream(stderr),
    state,
  } satisfies Partial<EnvironTemplate>;

  await inOwnContext(() => app.startup?.(state));
  let broken: boolean;
  try {
    // The casts: the kind is known from the function itself, or by the word of its owner (B-01).
    if (kind === 'sync') {
      const builder = new EnvironBuilder({ ...template, async: false, fileWrapper });
      const input = new SyncInput(length > 0 ? new SyncCgiBody(stdin, length) : null);
      const response = new SyncCgiResponse(stdout);
      runSync(app as Application, builder.complete(variables, '', input), response);
      broken = response.broken;
    } else {
      const builder = new EnvironBuilder({ ...template, async: true, fileWrapper: asyncFileWrapper });
      const input = new AsyncInput(length > 0 ? new AsyncCgiBody(stdin, length) : null);
      const response = new AsyncCgiResponse(stdout);
      const running = runAsync(app as AsyncApplication, builder.complete(variables, '', input), response);
      response.onDisconnect = (reason) => running?.disconnect(reason);
      await response.whenDone;
      broken = response.broken;
    }
  } finally {
    await inOwnContext(() => app.shutdown?.(state));
  }
  if (broken) process.exitCode = 1;
}

/** Variables of the process that are text become native strings too (G-06, G-07). */
function nativeVariables(environ: Readonly<Record<string, string>>): Variables {
  const variables: Variables = Object.create(null);
  for (const [name, value] of Object.entries(environ)) {
    if (isNativeString(name)) variables[name] = isNativeString(value) ? value : textToNative(value);
  }
  return variables;
}
