/** The parts of a server, made from its plan and joined to each other. Nothing is started. */
import { PARSER_END, READ_AREA, READ_SIZE } from '../../assembly/layout.ts';
import { describeFailure } from '../pool/applications.ts';
import { Parser } from '../protocols/http/parser.ts';
import { createSharedMemory, type SharedMemory } from '../rules/webassembly.ts';
import { Acceptor } from './accept.ts';
import { SpoolSpace } from './body-spool.ts';
import { Deaths } from './deaths.ts';
import { Gateway, type Route } from './gateway.ts';
import type { OpenSession } from './http2/session-host.ts';
import { InlineApplications } from './inline-applications.ts';
import { type AccessLog, noAccessLog, openAccessLog } from './log/access-log.ts';
import type { ErrorLog } from './log/error-log.ts';
import { accessFormat } from './log/format.ts';
import type { AccessFormat } from './log/record.ts';
import { requestMemory, tlsVariablesSize } from './memory.ts';
import type { ResolvedOptions } from './options.ts';
import { type Plan, type WorkerGroup, workerMount } from './plan.ts';
import { noProxies, type Proxies } from './proxies/proxies.ts';
import { proxyOptions } from './proxies/settings.ts';
import type { Report } from './report.ts';
import type { Service } from './service.ts';
import { Readiness } from './status/readiness.ts';
import { OwnSnapshots } from './status/snapshot.ts';
import { noStatus, type StatusAddress, type StatusOptions, StatusServer } from './status/status-server.ts';
import { CountedTraffic, noTraffic } from './status/traffic.ts';
import { type Encryption, noEncryption } from './tls/encryption.ts';
import { Turn } from './turn.ts';
import { Workers, type WorkersOptions } from './workers.ts';

/** Requests of one connection that are begun before the first is answered. */
const PIPELINED = 16;
/** Milliseconds that shutdown hooks get at least. */
export const HOOK_LIMIT = 1000;

export interface Parts {
  readonly gateway: Gateway;
  /** In the order in which they are started; they are stopped the other way round. */
  readonly services: readonly Service[];
  readonly accessLog: AccessLog;
  readonly errorLog: ErrorLog;
  readonly readiness: Readiness;
  readonly status: StatusAddress;
  readonly encryption: Encryption;
}

/** Makes what tells of a server. */
export type StatusOf = (snapshots: OwnSnapshots, options: StatusOptions) => StatusAddress;

/**
 * Makes the parts of a server.
 *
 * @param fail called when they cannot go on
 * @param statusOf for a server that somebody wants to be told of
 * @throws ConfigurationError when the access log cannot be opened; QuaichError where the system has no memory
 */
export async function build(
  plan: Plan,
  errorLog: ErrorLog,
  fail: (error: Error) => void,
  statusOf: StatusOf = (snapshots, options) => new StatusServer(snapshots, options),
): Promise<Parts> {
  const { options, apps, groups } = plan;
  const { report, errors } = errorLog;
  const { status: bind, socketMode } = options;
  const counted = bind === undefined ? null : { bind, traffic: new CountedTraffic(apps.length) };
  const traffic = counted?.traffic ?? noTraffic;
  const format = options.accessLog ? accessFormat(options.accessLogFormat) : null;
  const timed = traffic.isCounted || format?.facts.worker === true;
  const memories = groups.map(({ layout }) => requestMemory(layout));
  // The parser shares that of the first workers, which spares their requests a way.
  const parser = new Parser({
    memory: memories[0] ?? createSharedMemory(PARSER_END),
    limits: {
      requestLine: options.limitRequestLine,
      fields: options.limitRequestFields,
      head: options.limitRequestHead,
    },
  });
  const turn = new Turn();

  const onThisThread = apps.map((app) => (app.place === 'inline' ? workerMount(app) : null));
  const inline = new InlineApplications(
    { ...options, mounts: onThisThread, proxies: plan.proxies, traffic, timed, report, errors },
    parser,
    turn,
  );
  const deaths = new Deaths(options.maxDeaths, options.deathsWindow);
  const spoolSpace = options.limitSpool === 0 ? null : new SpoolSpace(options.limitSpool, report);
  const shared = { traffic, timed, errorLog, deaths, spoolSpace, fail, first: plan.first };
  const workers = groups.map(
    (group, index) => new Workers(workersOptions(group, memories[index], options, shared), parser, turn),
  );
  const routes = apps.map(({ prefix }, mount): Route => {
    const group = groups.findIndex(({ mounts }) => mounts[mount] !== null);
    return { prefix, mount, destination: workers[group] ?? inline };
  });

  const area = parser.bytes.subarray(READ_AREA, READ_AREA + READ_SIZE);
  const encryption = await encryptionOf(plan, report);
  const http2 = await http2Of(plan);
  const proxies = await proxiesOf(plan, report);
  const acceptor = await Acceptor.create(area, options.directReads);
  const accessLog = await accessLogOf(format, options, report); // last of what can fail, since it is to be closed again
  const services: Service[] = [inline, ...workers];
  const readiness = new Readiness(services);
  const gateway = new Gateway({
    parser,
    turn,
    acceptor,
    encryption,
    http2,
    proxies,
    routes,
    connection: {
      serverLine: options.serverHeader ? 'Server: quaich\r\n' : '',
      keepAliveLines: keepAliveLines(options),
      limitBody: options.limitBody === 0 ? Number.POSITIVE_INFINITY : options.limitBody,
      pipelined: PIPELINED,
      keepAlive: options.timeoutKeepAlive > 0,
      mostRequests: options.maxConnectionRequests || Number.POSITIVE_INFINITY,
      variables: plan.variables,
    },
    deadlines: options,
    accessLog,
    traffic,
    queueTime: options.queueTime,
    health: options.healthPath === undefined ? undefined : { path: options.healthPath, readiness },
    maxConnections: options.maxConnections,
    maxConnectionsPerAddress: options.maxConnectionsPerAddress,
    limitQueue: options.limitQueue,
    minRate: options.minRate,
    onDefect: (error) => report('error', `a connection was dropped: ${describeFailure(error).message}`),
  });
  const names = apps.map(({ name, place }) => ({ mount: name, kind: place }));
  const status =
    counted === null
      ? noStatus
      : statusOf(
          new OwnSnapshots({
            traffic: counted.traffic,
            gateway,
            services,
            logs: [accessLog, errorLog],
            readiness,
            names,
          }),
          { bind: counted.bind, socketMode, objection: () => readiness.objection, report },
        );
  return { gateway, services, accessLog, errorLog, encryption, readiness, status };
}

/** Seconds are whole: less than one is not told. */
function keepAliveLines({ keepAliveHeader, timeoutKeepAlive }: ResolvedOptions): string {
  const seconds = Math.floor(timeoutKeepAlive / 1000);
  return keepAliveHeader && seconds > 0 ? `Connection: keep-alive\r\nKeep-Alive: timeout=${seconds}\r\n` : '';
}

/** What all groups of workers are given. */
interface SharedParts extends Pick<WorkersOptions, 'traffic' | 'deaths' | 'spoolSpace' | 'fail' | 'first'> {
  timed: boolean;
  errorLog: ErrorLog;
}

function workersOptions(
  { name, syncWorkers, asyncWorkers, layout, mounts }: WorkerGroup,
  memory: SharedMemory,
  options: ResolvedOptions,
  { timed, errorLog, ...shared }: SharedParts,
): WorkersOptions {
  const { report, errors } = errorLog;
  return {
    ...options,
    ...shared,
    mount: name,
    syncWorkers,
    asyncWorkers,
    data: {
      memory,
      layout,
      mounts,
      directory: options.directory,
      imports: options.import,
      validate: options.validate,
      wrapper: options.wrapper,
      environ: options.env,
      proxies: proxyOptions(options),
      multithread: options.asyncRequests !== 1,
      earlyHints: options.earlyHints,
      queueTime: options.queueTime,
      logFile: errorLog.shared,
      timed,
      recycleMemory: options.recycleMemory,
    },
    leaveTimeout: Math.max(options.timeoutGraceful, HOOK_LIMIT),
    errors,
    report: name === '' ? report : (level, message) => report(level, `${name}: ${message}`),
  };
}

async function encryptionOf({ certificates, options }: Plan, report: Report): Promise<Encryption> {
  if (certificates === null) return noEncryption;
  // Loaded where it is needed: TLS takes memory.
  const { Handshakes } = await import('./tls/handshakes.ts');
  const { tlsClientCert, timeoutHead, http2 } = options;
  const mostVariables = tlsVariablesSize(options);
  return new Handshakes({ certificates, tlsClientCert, timeoutHead, http2, mostVariables, report });
}

async function http2Of({ options }: Plan): Promise<OpenSession | undefined> {
  if (!options.http2) return undefined;
  const { sessions } = await import('./http2/session-host.ts');
  return sessions(options);
}

async function proxiesOf({ proxies, options }: Plan, report: Report): Promise<Proxies> {
  if (proxies === null) return noProxies;
  const { KnownProxies } = await import('./proxies/known-proxies.ts');
  return new KnownProxies(proxies, options.timeoutHead, report);
}

function accessLogOf(
  format: AccessFormat | null,
  { accessLogFile: file, accessLogStream: stream }: ResolvedOptions,
  report: Report,
): AccessLog | Promise<AccessLog> {
  if (format === null) return noAccessLog;
  return openAccessLog({
    format,
    file,
    stream,
    onError: (error) => report('warn', `access log: ${error.message}`),
  });
}
