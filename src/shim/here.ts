/**
 * A sync application on an async gateway's own event loop, at its owner's explicit wish (B-20): the request body is
 * collected first, then the application runs one step for each chunk that is asked for, and the loop has a turn in
 * between.
 */
import { isPromise } from 'node:util/types';
import { fileOf, fileWrapper } from '../engine/file-wrapper.ts';
import { CLOSE_FAILED } from '../engine/response.ts';
import { SyncInput } from '../engine/sync-input.ts';
import { copyEnviron } from '../environ/copy.ts';
import { markAsync } from '../interface/kind.ts';
import type {
  Application,
  AsyncApplication,
  AsyncBody,
  AsyncEnviron,
  AsyncStartResponse,
  Environ,
} from '../interface/types.ts';
import { closeLate, isPlainArray, notSyncFault } from '../rules/body.ts';
import { faultError } from '../rules/fault.ts';
import { reportClosing, tellsDisconnect } from './closing.ts';
import { arrayHere, SteppedBody } from './here-body.ts';
import { HereCall } from './here-call.ts';
import { functionsBehind } from './inner-application.ts';
import { keepContext } from './link/context.ts';
import { collect, type Spool } from './spool.ts';

/** Limits of the request body (B-21); bytes. */
export interface HereOptions {
  /** Bytes of a request body kept in memory; a temporary file takes larger ones. 65536 by default. */
  memory?: number;
  /** The largest request body; more is answered with 413. 64 MiB by default. */
  limit?: number;
}

const DEFAULT_MEMORY = 65536;
const DEFAULT_LIMIT = 64 * 1024 * 1024;

/** An error page of the bridge itself. */
export function refusal(startResponse: AsyncStartResponse, status: string): AsyncBody {
  startResponse(status, [['Content-Type', 'text/plain; charset=utf-8']]);
  return [new TextEncoder().encode(`${status}\n`)];
}

/** The bridge; the application's hooks are those of the result, called on that application (L-14, L-15). */
export function bridgeHere(app: Application, options: HereOptions): AsyncApplication {
  const { memory = DEFAULT_MEMORY, limit = DEFAULT_LIMIT } = options;
  const bridged: AsyncApplication = markAsync(async (environ: AsyncEnviron, startResponse: AsyncStartResponse) => {
    // B-60: whatever context the gateway's call has is that of every step.
    const within = keepContext();
    const spool = await collect(environ, memory, limit);
    if (spool === null) return refusal(startResponse, '413 Content Too Large');
    const call = new HereCall(environ, spool, limit, within);
    const start = call.startOver(startResponse);
    let body: unknown;
    try {
      body = call.step(() => app(environHere(environ, spool), start));
      if (isPromise(body)) {
        closeLate(body, (error) => reportClosing(environ, CLOSE_FAILED, error));
        throw faultError(notSyncFault('a promise'));
      }
    } catch (error) {
      spool.close();
      call.response.failWith(error);
      throw error;
    }
    if (isArray(body)) {
      // What was written goes out first; then an array is as good as any (G-117).
      const array = arrayHere(body, call);
      await call.settle();
      return array();
    }
    if (call.settled === null && isFile(body)) {
      spool.close();
      call.end();
      return body as AsyncBody; // M-16
    }
    return new SteppedBody(body, call);
  });
  const { startup, shutdown } = app;
  if (startup !== undefined) bridged.startup = (state) => startup.call(app, state);
  if (shutdown !== undefined) bridged.shutdown = (state) => shutdown.call(app, state);
  functionsBehind.set(bridged, app);
  return bridged;
}

/** As `isPlainArray`; what throws when it is asked fails when it is iterated. */
function isArray(body: unknown): body is unknown[] {
  try {
    return isPlainArray(body);
  } catch {
    return false;
  }
}

/** Whether the gateway can send a body as a file. */
function isFile(body: unknown): boolean {
  try {
    return fileOf(body) !== null;
  } catch {
    return true; // a wrapper, of a file that cannot be asked for its size: it fails there, and is closed
  }
}

/** B-31, B-64: what differs on this side of the bridge. A copy, since it is for the inner application only (M-12). */
function environHere(environ: AsyncEnviron, spool: Spool): Environ {
  const { 'quaich.signal': signal } = environ;
  const inner = copyEnviron<Record<string, unknown>>(environ) as Environ;
  delete inner['quaich.signal'];
  inner['wsgi.input'] = new SyncInput(spool.empty ? null : spool);
  inner['wsgi.input_terminated'] = true;
  inner['quaich.async'] = false;
  if (inner['wsgi.file_wrapper'] !== undefined) inner['wsgi.file_wrapper'] = fileWrapper;
  if (signal === undefined) return inner;
  const disconnected = (): boolean => tellsDisconnect(signal);
  inner['quaich.client_disconnected'] = disconnected;
  return inner;
}
