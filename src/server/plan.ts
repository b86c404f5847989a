/** What a server is going to be: found out and checked before any of it is made. */
import { isDeepStrictEqual } from 'node:util';
import { loadProxies } from '../environ/load-proxies.ts';
import type { TrustedProxies } from '../environ/trusted-proxies.ts';
import { ConfigurationError } from '../interface/errors.ts';
import type { Kind } from '../interface/types.ts';
import type { ProbedApplication } from '../pool/probe.ts';
import type { WorkerMount } from '../pool/worker-data.ts';
import type { VariableLimits } from '../protocols/variables-record.ts';
import type { RingLayout } from '../rings/index.ts';
import { nativeToText } from '../rules/native-strings.ts';
import { isEncrypted } from './bind.ts';
import { mostSyncWorkers, requestLayout, variableLimits } from './memory.ts';
import { type ResolvedApp, type ResolvedOptions, type SettingName, settingNames } from './options.ts';
import { probe } from './probe.ts';
import { proxyOptions } from './proxies/settings.ts';
import type { Certificates } from './tls/certificates.ts';

/** What a reload cannot bring about, and a new start can. */
export class NeedsNewStart extends ConfigurationError {}

/** Where an application runs: on workers of its kind, or on the gateway's own thread. */
type Place = Kind | 'inline';

interface PlannedApp extends ResolvedApp {
  kind: Kind;
  place: Place;
  known: ProbedApplication;
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
  /** Of the memory shared with the workers; without places for workers where all applications run inline. */
  readonly layout: RingLayout;
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
  /** What runs it: `3 async workers`, `inline`. */
  readonly where: string;
}

/**
 * Reads certificates and addresses of proxies; loads the applications on a thread that ends with that, to learn their
 * kinds (B-01, L-18), and settles where each runs.
 *
 * @throws ConfigurationError, also for a module that does not load; QuaichError for one that takes too long
 */
export async function makePlan(options: ResolvedOptions): Promise<Plan> {
  const certificates = await readCertificates(options);
  const proxies = await loadProxies(proxyOptions(options));
  const found = await probe(options);
  const apps = options.apps.map((app, mount): PlannedApp => {
    const known = found[mount];
    const { kind } = known;
    return { ...app, kind, place: placeOf(app, kind, options.inline), known };
  });
  const workersAt = (place: Place, workers: number): number => (apps.some((app) => app.place === place) ? workers : 0);
  const most = mostSyncWorkers(options.syncWorkers);
  const layout = requestLayout(options, workersAt('sync', most), workersAt('async', options.asyncWorkers));
  return { options, certificates, proxies, apps, variables: variableLimits(options), layout };
}

/** @throws ConfigurationError for files that are missing, wrong, or do not belong together */
async function readCertificates(options: ResolvedOptions): Promise<Certificates | null> {
  if (!options.bind.some(isEncrypted)) return null;
  const { Certificates } = await import('./tls/certificates.ts');
  return new Certificates(options);
}

/**
 * As `makePlan`, for a server that runs: its mounts keep their numbers.
 *
 * @throws ConfigurationError; NeedsNewStart where the mounts, or the places where they run, are not the same
 */
export async function makeNextPlan(now: Plan, options: ResolvedOptions): Promise<Plan> {
  const apps = now.apps.map(({ prefix }) => options.apps.find((app) => app.prefix === prefix));
  const same = apps.filter((app) => app !== undefined);
  if (same.length !== now.apps.length || options.apps.length !== now.apps.length) {
    throw new NeedsNewStart('mounts that are added or removed need a new start of the server');
  }
  const next = await makePlan({ ...options, apps: same });
  for (const [mount, { prefix, place }] of now.apps.entries()) {
    const { place: moved } = next.apps[mount];
    if (moved === place) continue;
    throw new NeedsNewStart(
      `${prefix || '/'} has become ${moved}, after ${place}: that needs a new start of the server`,
    );
  }
  return next;
}

/** Settings that take effect with new workers. */
const OF_WORKERS: ReadonlySet<SettingName> = new Set(['env', 'import', 'validate', 'earlyHints', 'syncWorkers']);

/** The names of what differs between two plans of the same mounts, and takes effect with a new start only. */
export function needsNewStart(now: Plan, next: Plan): string[] {
  const names: string[] = settingNames.filter(
    (name) => !OF_WORKERS.has(name) && !isDeepStrictEqual(now.options[name], next.options[name]),
  );
  if (next.options.syncWorkers > mostSyncWorkers(now.options.syncWorkers)) names.push('syncWorkers');
  for (const { prefix, place } of now.apps)
    if (place === 'inline') names.push(`the inline application at ${prefix || '/'}`);
  return names;
}

function placeOf({ module, inline }: ResolvedApp, kind: Kind, byDefault: boolean): Place {
  if (inline && kind === 'sync') throw new ConfigurationError(`${module} is a sync application: it cannot run inline`);
  return kind === 'async' && (inline ?? byDefault) ? 'inline' : kind;
}

/** The applications by mount, inline ones or the others; null in place of the rest. */
export function mountsOf({ apps }: Plan, inline: boolean): (WorkerMount | null)[] {
  return apps.map((app) =>
    (app.place === 'inline') === inline ? { prefix: app.prefix, app, known: app.known } : null,
  );
}

/** What is served, by mount. */
export function servedApplications({ apps, options }: Plan): ServedApplication[] {
  const { syncWorkers: sync, asyncWorkers } = options;
  const workers = (count: number, kind: Kind): string => `${count} ${kind} worker${count === 1 ? '' : 's'}`;
  const where = { sync: workers(sync, 'sync'), async: workers(asyncWorkers, 'async'), inline: 'inline' };
  return apps.map(({ prefix, module, place, known }) => ({
    prefix: nativeToText(prefix) || '/',
    module,
    export: known.export,
    what: known.foreign ?? `${known.kind} application`,
    where: where[place],
  }));
}
