/** What a server is going to be: found out and checked before any of it is made. */
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { loadProxies } from '../environ/load-proxies.ts';
import type { TrustedProxies } from '../environ/trusted-proxies.ts';
import { ConfigurationError } from '../interface/errors.ts';
import type { Kind } from '../interface/types.ts';
import type { LoadedThread } from '../pool/loaded-thread.ts';
import type { ProbedApplication } from '../pool/probe.ts';
import type { WorkerMount } from '../pool/worker-data.ts';
import type { VariableLimits } from '../protocols/variables-record.ts';
import type { RingLayout } from '../rings/index.ts';
import { prefixText } from '../rules/prefix.ts';
import { assertPlace, type ResolvedApp } from './apps.ts';
import { isEncrypted } from './bind.ts';
import { mostSyncWorkers, requestLayout, variableLimits } from './memory.ts';
import {
  fromDirectory,
  type ResolvedOptions,
  readSetting,
  type ServeOptions,
  type SettingName,
  settingNames,
} from './options.ts';
import { loadOnThread } from './probe.ts';
import { proxyOptions } from './proxies/settings.ts';
import type { Certificates } from './tls/certificates.ts';

/** What a reload cannot bring about, and a new start can. */
export class NeedsNewStart extends ConfigurationError {}

/** What a plan is made for. */
type Purpose = 'serve' | 'check';

/** Where an application runs: on workers of its kind, or on the gateway's own thread. */
type Place = Kind | 'inline';

interface PlannedApp extends ResolvedApp {
  /** Its prefix as text: `/blog`; `/` for the root. */
  name: string;
  place: Place;
  known: ProbedApplication;
}

/** Workers that share memory with the gateway: those of one mount, or those of all mounts that have none themselves. */
export interface WorkerGroup {
  /** The name of the mount that has them for itself; '' for those that mounts share. */
  readonly name: string;
  /** By mount; null in place of those that others serve. */
  readonly mounts: (WorkerMount | null)[];
  /** As many as there are at the start; 0 of a kind that none of these applications has. */
  readonly syncWorkers: number;
  readonly asyncWorkers: number;
  readonly layout: RingLayout;
}

export interface Plan {
  readonly options: ResolvedOptions;
  /** Null where no address speaks TLS. */
  readonly certificates: Certificates | null;
  /** Who is believed about clients; null: nobody. */
  readonly proxies: TrustedProxies | null;
  /** By mount. */
  readonly apps: readonly PlannedApp[];
  /** Of requests that come as CGI variables. */
  readonly variables: VariableLimits;
  /** None where all applications run inline. */
  readonly groups: readonly WorkerGroup[];
  /** The thread that has loaded the applications, where it can be the first worker; null where it has ended. */
  readonly first: LoadedThread | null;
}

/** An application that a server serves, in words. */
export interface ServedApplication {
  /** `/` or `/blog`. */
  readonly prefix: string;
  /** As it was given. */
  readonly module: string;
  /** The export; null where a server is served that its module lets listen. */
  readonly export: string | null;
  /** What it was recognised as: `sync application`, `express application`. */
  readonly what: string;
  /** What runs it: `3 async workers`, `2 sync workers of its own`, `inline`. */
  readonly where: string;
}

/**
 * Reads certificates and addresses of proxies; loads the applications on a thread, to learn their kinds (B-01, L-18),
 * and settles where each runs.
 *
 * @param purpose `serve`: the thread is kept for the first worker, where it can be that, and is the caller's to end;
 *   `check`: modules of Python are loaded, too, which otherwise their workers do
 * @throws ConfigurationError, also for a module that does not load; QuaichError for one that takes too long; the reason
 *   of `signal`, when it is aborted meanwhile
 */
export async function makePlan(options: ResolvedOptions, purpose: Purpose, signal?: AbortSignal): Promise<Plan> {
  const certificates = await readCertificates(options);
  const proxies = await loadProxies(proxyOptions(options));
  const modules = purpose === 'check' ? 'check' : options.pythonPreload ? 'preload' : 'prepare';
  const { found, loaded } = await loadOnThread(options, modules, signal);
  let first: LoadedThread | null = null;
  try {
    const apps = options.apps.map((app, mount): PlannedApp => {
      const known = found[mount];
      const name = prefixText(app.prefix);
      return { ...app, name, place: placeOf(app, known.kind, options.inline), known };
    });
    const groups = groupsOf(apps, options);
    if (purpose === 'serve' && serveAll(groups, apps)) first = loaded;
    return { options, certificates, proxies, apps, variables: variableLimits(options), groups, first };
  } finally {
    if (first === null) await loaded.end();
  }
}

/**
 * Whether workers of one kind serve all applications, so that each of them loads just these. A server that listens
 * beside an application of the convention has been kept from that where it was loaded first, and has to be loaded anew;
 * modules of Python have not been loaded, or by an interpreter that serves nothing.
 */
function serveAll(groups: readonly WorkerGroup[], apps: readonly PlannedApp[]): boolean {
  const isWhole = ({ foreign, listens, python }: ProbedApplication): boolean =>
    python === undefined && (foreign !== null || listens.length === 0);
  const { place } = apps[0];
  return groups.length === 1 && place !== 'inline' && apps.every((app) => app.place === place && isWhole(app.known));
}

/** @throws ConfigurationError where the requests of one exceed what threads can share */
function groupsOf(apps: readonly PlannedApp[], options: ResolvedOptions): WorkerGroup[] {
  const groupOf = ({ name, workers }: PlannedApp): string => (workers === undefined ? '' : name);
  const pooled = apps.filter(({ place }) => place !== 'inline');
  // Those that mounts share come first.
  return [...new Set(pooled.map(groupOf).sort())].map((name) => {
    const members = pooled.filter((app) => groupOf(app) === name);
    const count = (kind: Kind, shared: number): number =>
      members.some(({ known }) => known.kind === kind) ? (members[0].workers ?? shared) : 0;
    const syncWorkers = count('sync', options.syncWorkers);
    const asyncWorkers = count('async', options.asyncWorkers);
    // The number of those that are shared can be changed while they run.
    const most = name === '' && syncWorkers > 0 ? mostSyncWorkers(syncWorkers) : syncWorkers;
    return {
      name,
      mounts: apps.map((app) => (members.includes(app) ? workerMount(app) : null)),
      syncWorkers,
      asyncWorkers,
      layout: requestLayout(options, most, asyncWorkers),
    };
  });
}

/** @throws ConfigurationError for files that are missing, wrong, or do not belong together */
async function readCertificates(options: ResolvedOptions): Promise<Certificates | null> {
  if (!options.bind.some(isEncrypted)) return null;
  const { Certificates } = await import('./tls/certificates.ts');
  return new Certificates(options);
}

/**
 * As `makePlan` to serve, for a server that runs: its mounts keep their numbers.
 *
 * @throws ConfigurationError; NeedsNewStart where the mounts, or the places where they run, are not the same
 */
export async function makeNextPlan(now: Plan, options: ResolvedOptions, signal: AbortSignal): Promise<Plan> {
  const apps = now.apps.map(({ prefix }) => options.apps.find((app) => app.prefix === prefix));
  const same = apps.filter((app) => app !== undefined);
  if (same.length !== now.apps.length || options.apps.length !== now.apps.length) {
    throw new NeedsNewStart('mounts that are added or removed need a new start of the server');
  }
  const next = await makePlan({ ...options, apps: same }, 'serve', signal);
  for (const [mount, { name, place }] of now.apps.entries()) {
    const { place: moved } = next.apps[mount];
    if (moved === place) continue;
    await next.first?.end();
    throw new NeedsNewStart(`${name} has become ${moved}, after ${place}: that needs a new start of the server`);
  }
  return next;
}

/** Settings that take effect with new workers. */
const OF_WORKERS: ReadonlySet<SettingName> = new Set([
  ...(['env', 'import', 'validate', 'earlyHints', 'syncWorkers'] as const),
  ...(['pythonPath', 'pythonVenv', 'pythonRoot', 'pythonMemory', 'pythonPreload', 'pythonCache'] as const),
]);

/** The names of what differs between two plans of the same mounts, and takes effect with a new start only. */
export function needsNewStart(now: Plan, next: Plan): string[] {
  const names: string[] = settingNames.filter(
    (name) => !OF_WORKERS.has(name) && !isDeepStrictEqual(now.options[name], next.options[name]),
  );
  if (next.options.syncWorkers > mostSyncWorkers(now.options.syncWorkers)) names.push('syncWorkers');
  for (const [mount, { name, place, workers }] of now.apps.entries()) {
    if (place === 'inline') names.push(`the inline application at ${name}`);
    else if (workers !== next.apps[mount].workers) names.push(`the workers of ${name}`);
  }
  return names;
}

/**
 * What a server that has loaded its applications again would be started with: settings that take effect with new
 * workers by `next`, all others by `now`, whose paths stay where they are.
 */
export function afterReload(now: ServeOptions, next: ServeOptions): ServeOptions {
  const before = resolve(now.directory ?? '.');
  const { apps, directory = '.', wrapper } = next;
  const values = settingNames.map((name): [SettingName, unknown] => {
    if (OF_WORKERS.has(name)) return [name, next[name]];
    const value: unknown = now[name];
    return [name, value === undefined ? value : fromDirectory(name, readSetting(name, value, name), before)];
  });
  return { apps, directory, wrapper, ...Object.fromEntries(values) };
}

function placeOf(app: ResolvedApp, kind: Kind, byDefault: boolean): Place {
  assertPlace(app, kind);
  const { inline, workers } = app;
  return kind === 'async' && (inline ?? (byDefault && workers === undefined)) ? 'inline' : kind;
}

/** An application as a thread of its place gets it. */
export function workerMount(app: PlannedApp): WorkerMount {
  return { prefix: app.prefix, app, known: app.known };
}

/** What is served, by mount. */
export function servedApplications({ apps, options }: Plan): ServedApplication[] {
  const shared = { sync: options.syncWorkers, async: options.asyncWorkers };
  const where = ({ place, workers }: PlannedApp): string => {
    const several = options.processes > 1 ? ` in each of ${options.processes} processes` : '';
    if (place === 'inline') return place + several;
    const count = workers ?? shared[place];
    const whose = workers === undefined ? '' : ' of its own';
    return `${count} ${place} worker${count === 1 ? '' : 's'}${whose}${several}`;
  };
  return apps.map((app) => ({
    prefix: app.name,
    module: app.module,
    export: app.known.export,
    what: app.known.foreign ?? `${app.known.kind} application`,
    where: where(app),
  }));
}
