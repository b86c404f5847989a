import { Contexts } from '../engine/context.ts';
import { createErrorStream } from '../engine/error-stream.ts';
import { addExtensions } from '../engine/extensions.ts';
import type { EngineOptions } from '../engine/options.ts';
import { EnvironBuilder, type EnvironTemplate } from '../environ/builder.ts';
import { loadProxies } from '../environ/load-proxies.ts';
import type { TrustedProxies } from '../environ/trusted-proxies.ts';
import { type ConnectionInfo, type EnvironOf, type InputOf, SOFTWARE } from '../environ/variables.ts';
import type { Application, AsyncApplication } from '../interface/types.ts';
import { FIELD_NAMES, METHODS } from '../protocols/http/wasm/tables.ts';
import type { RingRequest } from '../rings/index.ts';
import { copyOf, Memo } from '../rules/memo.ts';
import { nativeToText } from '../rules/native-strings.ts';
import { nothing } from '../rules/promises.ts';
import { describeError } from '../rules/show.ts';
import { within } from '../rules/within.ts';
import { Applications, describeFailure } from './applications.ts';
import { noteOpenFiles } from './open-files.ts';
import { watchOwnMemory } from './own-memory.ts';
import { tellMetrics } from './own-metrics.ts';
import { leftError, STARTUP } from './start-step.ts';
import type { WorkerMessage, WorkerOrder, WorkerTask } from './thread.ts';
import { METRICS_WAIT } from './thread-metrics.ts';
import { onUncaught } from './uncaught.ts';
import type { Offers, WorkerData } from './worker-data.ts';

/** Flag of a request in the rings: its client takes the text of `wsgi.errors` (G-174). */
export const TAKES_ERRORS = 1;

/** What differs between the environs of the ways to run an application. */
type EnvironKind<Async extends boolean> = Pick<
  EnvironTemplate<Async>,
  'async' | 'multithread' | 'multiprocess' | 'fileWrapper' | 'clientDisconnected' | 'proxies'
>;

type ApplicationOf<Async extends boolean> = Async extends true ? AsyncApplication : Application;

/** An application with the builder of its environs. */
export interface Runnable<Async extends boolean> {
  readonly app: ApplicationOf<Async>;
  readonly prefix: string;
  /** For the engine: what reports call it, which is its module, and its mount. */
  readonly options: Pick<EngineOptions, 'application'> & Required<Pick<EngineOptions, 'contexts'>>;
  readonly builder: EnvironBuilder<Async>;
}

/** The applications of a thread by mount; null for a mount of other threads. */
export function runnables<Async extends boolean>(
  applications: Applications,
  kind: EnvironKind<Async>,
  extra: Readonly<Record<string, string>>,
  errors = createErrorStream(),
): (Runnable<Async> | null)[] {
  const contexts = new Contexts();
  return applications.mounted.map((application) => {
    if (application === null) return null;
    if ((application.kind === 'async') !== kind.async)
      throw new Error(`a ${application.kind} application on this thread`);
    const builder = new EnvironBuilder<Async>({
      ...kind,
      fieldNames: FIELD_NAMES,
      methods: METHODS,
      serverSoftware: SOFTWARE,
      errors,
      state: application.state,
      extra,
    });
    const { prefix, module } = application;
    const options = { contexts, application: prefix === '' ? module : `${module} at ${nativeToText(prefix)}` };
    // The kind, compared above, tells the type.
    return { app: application.app as ApplicationOf<Async>, prefix, options, builder };
  });
}

/**
 * The environ of a request that came through the rings.
 *
 * @param offers what the server offers beyond what all environs have
 */
export function ringEnviron<Async extends boolean>(
  { builder, prefix }: Runnable<Async>,
  request: RingRequest,
  input: InputOf<Async>,
  offers: Offers,
): EnvironOf<Async> {
  const text = request.text();
  const connection = connectionInfo(text.substring(0, request.headStart));
  const environ = builder.build(text, request.headStart, request.words, request.record, connection, prefix, input);
  const errors = request.flags === TAKES_ERRORS ? (text: Uint8Array) => request.errors(text) : undefined;
  addExtensions(environ, request, offers.earlyHints, errors);
  if (offers.queueTime) environ['quaich.queue_time'] = request.waited();
  return environ;
}

/** What texts about connections say. */
const KNOWN_CONNECTIONS = new Memo<ConnectionInfo>(1024);

/** The inverse of `SocketHost.connectionText`, which is the same for all requests of a connection. */
function connectionInfo(meta: string): ConnectionInfo {
  const known = KNOWN_CONNECTIONS.get(meta);
  if (known !== undefined) return known;
  const text = copyOf(meta);
  const [remoteAddress, remotePort, serverName, serverPort, protocol, kind, tls] = text.split('\n');
  const scheme = protocol === 'https' ? 'https' : 'http';
  const info: ConnectionInfo = {
    remoteAddress,
    remotePort,
    serverName,
    serverPort,
    scheme,
    unixSocket: kind === 'unix',
  };
  if (tls !== undefined) info.tls = JSON.parse(tls);
  return KNOWN_CONNECTIONS.keep(text, info);
}

/** Serves requests, and fulfils when the worker is to serve no more (L-08, L-16). */
export type ServeRequests = (
  task: WorkerTask<WorkerData>,
  applications: Applications,
  proxies: TrustedProxies | null,
) => Promise<void>;

/**
 * The frame of a worker's life: loads and starts up the applications, says `ready`, serves until told to stop or to
 * leave, runs the shutdown hooks, and waits for its end. Never fulfils: the pool ends the thread, since one that
 * returned would be used again, with all that its modules have kept.
 *
 * @param serve serves the requests of one kind
 */
export async function live(task: WorkerTask<WorkerData>, serve: ServeRequests): Promise<never> {
  const { port, files, held, data } = task;
  const post = (message: WorkerMessage): void => port.postMessage(message);
  const applications = new Applications();
  let step = STARTUP;
  let started = false;
  let broken = false;
  if (files !== undefined) noteOpenFiles(files);
  onUncaught((error) => {
    if (started) {
      post({ type: 'uncaught', message: describeError(error) });
    } else {
      // An error while modules are loaded counts as a failed load, also if nobody waits for what failed.
      broken = true;
      post({ type: 'failed', ...leftError(step, error, data.directory) });
    }
  });
  try {
    const proxies = await loadProxies(data.proxies);
    await applications.start(data, (next) => {
      step = next;
      post({ type: 'step', step });
    });
    if (!broken) {
      started = true;
      const { registries } = applications;
      const tell = async (): Promise<void> => post({ type: 'metrics', ...(await tellMetrics(registries)) });
      // Ends: when all that were started with it have started up, or it is to leave; with the thread.
      const released = new Promise<void>((resolve) => {
        port.on('message', (order: WorkerOrder) => (order === 'serve' ? resolve() : void tell()));
      });
      const measures = registries.size > 0;
      post({ type: 'ready', measures });
      if (held) await released;
      watchOwnMemory(data.recycleMemory, (bytes) => post({ type: 'memory', bytes }));
      await serve(task, applications, proxies);
      if (measures) await within(tell(), METRICS_WAIT, 'to tell of metrics').catch(nothing);
      post({ type: 'leaving' });
      await applications.stop((error) => {
        post({ type: 'shutdown-failed', message: `the shutdown failed: ${describeFailure(error).message}` });
      });
      post({ type: 'left' });
    }
  } catch (error) {
    post({ type: 'failed', ...describeFailure(error) });
  }
  // Ends: with the thread.
  return new Promise<never>(() => {});
}
