/** The parts of a server, made from its plan and joined to each other. Nothing is started. */
import { PARSER_END, READ_AREA, READ_SIZE } from '../../assembly/layout.ts';
import { describeFailure } from '../pool/applications.ts';
import { Parser } from '../protocols/http/parser.ts';
import { nativeToText } from '../rules/native-strings.ts';
import { createSharedMemory } from '../rules/webassembly.ts';
import { Acceptor } from './accept.ts';
import { Gateway, type Route } from './gateway.ts';
import { InlineApplications } from './inline-applications.ts';
import { type AccessLog, noAccessLog, openAccessLog } from './log/access-log.ts';
import type { ErrorLog } from './log/error-log.ts';
import { accessFormat } from './log/format.ts';
import type { AccessFormat } from './log/record.ts';
import { ADDRESSES_SIZE, requestMemory } from './memory.ts';
import type { ResolvedOptions } from './options.ts';
import { mountsOf, type Plan } from './plan.ts';
import { noProxies, type Proxies } from './proxies/proxies.ts';
import { proxyOptions } from './proxies/settings.ts';
import type { Report } from './report.ts';
import { noService, type Service } from './service.ts';
import { loadMetrics } from './status/metrics.ts';
import { Readiness } from './status/readiness.ts';
import { noStatus, type StatusAddress, StatusServer } from './status/status-server.ts';
import { CountedTraffic, noTraffic } from './status/traffic.ts';
import { type Encryption, noEncryption } from './tls/encryption.ts';
import { Turn } from './turn.ts';
import { Workers } from './workers.ts';

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

/**
 * Makes the parts of a server.
 *
 * @param fail called when they cannot go on
 * @throws ConfigurationError when the access log cannot be opened, or a package is missing; QuaichError where the
 *   system has no memory
 */
export async function build(plan: Plan, errorLog: ErrorLog, fail: (error: Error) => void): Promise<Parts> {
  const { options, layout } = plan;
  const { report, errors } = errorLog;
  const { status: bind, socketMode } = options;
  const counting =
    bind === undefined
      ? null
      : { bind, socketMode, traffic: new CountedTraffic(plan.apps.length), writeMetrics: await loadMetrics() };
  const traffic = counting?.traffic ?? noTraffic;
  const format = options.accessLog ? accessFormat(options.accessLogFormat) : null;
  const timed = traffic.isCounted || format?.facts.worker === true;
  const memory = layout.workers > 0 ? requestMemory(layout) : createSharedMemory(PARSER_END);
  const parser = new Parser({
    memory,
    limits: {
      requestLine: options.limitRequestLine,
      fields: options.limitRequestFields,
      head: options.limitRequestHead,
    },
  });
  const turn = new Turn();

  const inline = new InlineApplications(
    { ...options, mounts: mountsOf(plan, true), proxies: plan.proxies, traffic, timed, report, errors },
    parser,
    turn,
  );
  let workers = noService;
  if (layout.workers > 0) {
    workers = new Workers(
      {
        ...options,
        data: {
          memory,
          layout,
          directory: options.directory,
          imports: options.import,
          mounts: mountsOf(plan, false),
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
        traffic,
        report,
        errors,
        fail,
      },
      parser,
      turn,
    );
  }
  const routes = plan.apps.map(
    ({ prefix, place }, mount): Route => ({ prefix, mount, destination: place === 'inline' ? inline : workers }),
  );

  const area = parser.bytes.subarray(READ_AREA, READ_AREA + READ_SIZE);
  const encryption = await encryptionOf(plan, report);
  const proxies = await proxiesOf(plan, report);
  const acceptor = await Acceptor.create(area, options.directReads);
  const accessLog = await accessLogOf(format, options, report); // last of what can fail, since it is to be closed again
  const services = [inline, workers];
  const readiness = new Readiness(services);
  const gateway = new Gateway({
    parser,
    turn,
    acceptor,
    encryption,
    proxies,
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
    queueTime: options.queueTime,
    health: options.healthPath === undefined ? undefined : { path: options.healthPath, readiness },
    maxConnections: options.maxConnections,
    maxConnectionsPerAddress: options.maxConnectionsPerAddress,
    limitQueue: options.limitQueue,
    minRate: options.minRate,
    onDefect: (error) => report('error', `a connection was dropped: ${describeFailure(error).message}`),
  });
  const names = plan.apps.map(({ prefix, place }) => ({ mount: nativeToText(prefix) || '/', kind: place }));
  const status =
    counting === null
      ? noStatus
      : new StatusServer({ ...counting, gateway, services, logs: [accessLog, errorLog], readiness, names, report });
  return { gateway, services, accessLog, errorLog, encryption, readiness, status };
}

async function encryptionOf({ certificates, options, layout }: Plan, report: Report): Promise<Encryption> {
  if (certificates === null) return noEncryption;
  // Loaded where it is needed: TLS takes memory.
  const { Handshakes } = await import('./tls/handshakes.ts');
  const { tlsClientCert, timeoutHead } = options;
  const mostVariables = layout.connectionSize - ADDRESSES_SIZE;
  return new Handshakes({ certificates, tlsClientCert, timeoutHead, mostVariables, report });
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
