/** The parts of a server, made from its plan and joined to each other. Nothing is started. */
import { PARSER_END, READ_AREA, READ_SIZE } from '../../assembly/layout.ts';
import { describeFailure } from '../pool/applications.ts';
import { Parser } from '../protocols/http/parser.ts';
import { createSharedMemory, type SharedMemory } from '../rules/webassembly.ts';
import { Acceptor } from './accept.ts';
import { Gateway, type Route } from './gateway.ts';
import { InlineApplications } from './inline-applications.ts';
import { type AccessLog, noAccessLog, openAccessLog } from './log/access-log.ts';
import { requestMemory, tlsVariablesSize } from './memory.ts';
import type { ResolvedOptions } from './options.ts';
import { type Plan, type WorkerGroup, workerMount } from './plan.ts';
import type { Report } from './report.ts';
import type { Service } from './service.ts';
import { Readiness } from './status/readiness.ts';
import { OwnSnapshots } from './status/snapshot.ts';
import { noStatus, type StatusAddress, type StatusOptions, StatusServer } from './status/status-server.ts';
import { CountedTraffic, noTraffic, type Traffic } from './status/traffic.ts';
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
  readonly readiness: Readiness;
  readonly status: StatusAddress;
  readonly encryption: Encryption;
}

/** Makes what tells of a server. */
export type StatusOf = (snapshots: OwnSnapshots, options: StatusOptions) => StatusAddress;

/**
 * Makes the parts of a server.
 *
 * @param statusOf for a server that somebody wants to be told of
 * @throws ConfigurationError when the access log cannot be opened; QuaichError where the system has no memory
 */
export async function build(
  plan: Plan,
  report: Report,
  statusOf: StatusOf = (snapshots, options) => new StatusServer(snapshots, options),
): Promise<Parts> {
  const { options, apps, groups } = plan;
  const { status: bind, socketMode } = options;
  const counted = bind === undefined ? null : { bind, traffic: new CountedTraffic(apps.length) };
  const traffic = counted?.traffic ?? noTraffic;
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
  const inline = new InlineApplications({ ...options, mounts: onThisThread, traffic, report }, parser, turn);
  const workers = groups.map(
    (group, index) => new Workers(workersOptions(group, memories[index], options, traffic, report), parser, turn),
  );
  const routes = apps.map(({ prefix }, mount): Route => {
    const group = groups.findIndex(({ mounts }) => mounts[mount] !== null);
    return { prefix, mount, destination: workers[group] ?? inline };
  });

  const area = parser.bytes.subarray(READ_AREA, READ_AREA + READ_SIZE);
  const encryption = await encryptionOf(plan, report);
  const acceptor = await Acceptor.create(area, options.directReads);
  const accessLog = await accessLogOf(options, report); // last of what can fail, since it is to be closed again
  const services: Service[] = [inline, ...workers];
  const readiness = new Readiness(services);
  const gateway = new Gateway({
    parser,
    turn,
    acceptor,
    encryption,
    routes,
    connection: {
      serverLine: options.serverHeader ? 'Server: quaich\r\n' : '',
      limitBody: options.limitBody === 0 ? Number.POSITIVE_INFINITY : options.limitBody,
      pipelined: PIPELINED,
      keepAlive: options.timeoutKeepAlive > 0,
      mostRequests: options.maxConnectionRequests || Number.POSITIVE_INFINITY,
    },
    variables: plan.variables,
    deadlines: options,
    accessLog,
    traffic,
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
      : statusOf(new OwnSnapshots({ traffic: counted.traffic, gateway, services, accessLog, readiness, names }), {
          bind: counted.bind,
          socketMode,
          objection: () => readiness.objection,
          report,
        });
  return { gateway, services, accessLog, encryption, readiness, status };
}

function workersOptions(
  { name, layout, mounts }: WorkerGroup,
  memory: SharedMemory,
  options: ResolvedOptions,
  traffic: Traffic,
  report: Report,
): WorkersOptions {
  return {
    ...options,
    mount: name,
    data: {
      memory,
      layout,
      mounts,
      directory: options.directory,
      validate: options.validate,
      environ: options.env,
      multithread: options.asyncRequests !== 1,
      earlyHints: options.earlyHints,
      timed: traffic.isCounted,
    },
    leaveTimeout: Math.max(options.timeoutGraceful, HOOK_LIMIT),
    traffic,
    report: name === '' ? report : (level, message) => report(level, `${name}: ${message}`),
  };
}

async function encryptionOf({ certificates, options }: Plan, report: Report): Promise<Encryption> {
  if (certificates === null) return noEncryption;
  // Loaded where it is needed: TLS takes memory.
  const { Handshakes } = await import('./tls/handshakes.ts');
  const { tlsClientCert, timeoutHead } = options;
  const mostVariables = tlsVariablesSize(options);
  return new Handshakes({ certificates, tlsClientCert, timeoutHead, mostVariables, report });
}

function accessLogOf(options: ResolvedOptions, report: Report): AccessLog | Promise<AccessLog> {
  if (!options.accessLog) return noAccessLog;
  return openAccessLog({
    format: options.accessLogFormat,
    file: options.accessLogFile,
    stream: options.accessLogStream,
    onError: (error) => report('warn', `access log: ${error.message}`),
  });
}
