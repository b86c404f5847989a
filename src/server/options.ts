import { resolve } from 'node:path';
import { CARRY_SIZE, MAX_FIELDS } from '../../assembly/layout.ts';
import { ConfigurationError } from '../interface/errors.ts';
import { usableCpus } from '../pool/cpus.ts';
import { resolveModule } from '../pool/find-module.ts';
import type { AppOptions } from '../pool/load.ts';
import { DEFAULT_LIMITS } from '../protocols/http/limits.ts';
import { textToNative } from '../rules/native-strings.ts';
import { shown } from '../rules/show.ts';
import { MOST_WORKERS, type ResolvedApp, resolveApps } from './apps.ts';
import { type Bind, formatBind, isEncrypted, isGateway, isProxied, parseBind } from './bind.ts';
import { accessLogFile, accessLogFormat, errorLogFile, errorLogFormat } from './log/settings.ts';
import type { TextSink } from './log/stream.ts';
import { checkNames } from './names.ts';
import { group, pidFile, umask, user } from './processes/settings.ts';
import { checkProxies, trustedFields, trustedProxies } from './proxies/settings.ts';
import {
  checkPython,
  pythonCache,
  pythonMemory,
  pythonPath,
  pythonPreload,
  pythonRoot,
  pythonVenv,
} from './python-settings.ts';
import { choice, count, duration, expected, files, octal, type Setting, size, toggle } from './setting-kinds.ts';

export type { AppOptions } from '../pool/load.ts';

const bind: Setting<readonly string[], string | readonly string[]> = {
  group: 'Sockets',
  value: 'ADDRESS',
  default: ['127.0.0.1:8000'],
  short: 'b',
  separator: ',',
  text: 'Listen on HOST:PORT, [IPV6]:PORT, :PORT (every address), unix:PATH or fd://N (an inherited socket); with https:// before it for TLS, with fastcgi+ or scgi+ for a front server of these protocols; with proxy+ before HTTP or https for the PROXY protocol of trusted proxies; port 0 takes a free one; repeatable',
  read(input) {
    const list: readonly unknown[] = Array.isArray(input) ? input : [input];
    if (list.length === 0) throw expected('at least one address', input);
    return list.map((text) => {
      if (typeof text !== 'string') throw expected('an address such as "127.0.0.1:8000"', text);
      parseBind(text);
      return text;
    });
  },
  show: (input) => bind.read(input).join(', '),
};

const env: Setting<Readonly<Record<string, string>>, Readonly<Record<string, string>> | readonly string[]> = {
  group: 'Responses and environ',
  value: 'KEY=VALUE',
  default: {},
  defaultText: 'none',
  separator: '\n',
  text: 'Add a pair to the environ of every request, unless the request has that key itself; repeatable',
  read(input) {
    const given: unknown = typeof input === 'string' ? [input] : input;
    if (typeof given !== 'object' || given === null) throw expected('pairs KEY=VALUE', input);
    const pairs: [string, unknown][] = Array.isArray(given) ? given.map(splitPair) : Object.entries(given);
    const checked = pairs.map(([key, value]): [string, string] => {
      if (typeof value !== 'string') throw expected(`a string for ${key}`, value);
      if (!/^[!-~]+$/.test(key)) throw expected('a name of printable ASCII', key);
      if (/^(wsgi|quaich)\./.test(key)) throw expected('a name that is not reserved for the server', key);
      return [key, value];
    });
    return Object.fromEntries(checked);
  },
  show: (input) =>
    Object.entries(env.read(input))
      .map((pair) => pair.join('='))
      .join(' '),
};

function splitPair(text: unknown): [string, string] {
  const equals = typeof text === 'string' ? text.indexOf('=') : -1;
  if (typeof text !== 'string' || equals < 1) throw expected('KEY=VALUE', text);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

const healthPath: Setting<string | undefined, string> = {
  group: 'Health and status',
  value: '/PATH',
  default: undefined,
  defaultText: 'none',
  text: 'Answer health checks at this path of every address, ahead of all applications: 200 while the server is ready, else 503',
  read(input) {
    if (typeof input === 'string' && /^\/[!-~]*$/.test(input) && !/[?#%]/.test(input)) return input;
    throw expected('a path such as "/healthz"', input);
  },
  show: String,
};

const status: Setting<string | undefined, string> = {
  group: 'Health and status',
  value: 'ADDRESS',
  default: undefined,
  defaultText: 'none',
  text: 'Tell of the server at HOST:PORT or unix:PATH: a page for people, /status as JSON, /metrics for Prometheus (needs the package prom-client), /live and /ready; for your own eyes, not for the world',
  read(input) {
    if (typeof input !== 'string') throw expected('an address such as "127.0.0.1:9000"', input);
    const place = parseBind(input);
    if (isGateway(place) || isEncrypted(place) || isProxied(place)) throw expected('an address for HTTP', input);
    return input;
  },
  show: String,
};

const cpus = usableCpus();

/** Most bytes of a request body that are kept from a sync worker. */
const MOST_BUFFERED = 262_144;

/**
 * Every setting, once: flags (`syncWorkers` is `--sync-workers`), environment variables (`QUAICH_SYNC_WORKERS`), keys
 * of the configuration file, options of `serve()`, help and documentation all come from these rows.
 */
export const settings = {
  bind,
  backlog: count('Sockets', 2048, [1, 65_535], 'Connections that may wait to be accepted; the kernel may allow fewer'),
  maxConnections: count(
    'Sockets',
    16_384,
    [1, 1_000_000],
    'Connections open at a time; more of them get 503, or are closed at once where they are very many',
  ),
  maxConnectionsPerAddress: count(
    'Sockets',
    0,
    [0, 1_000_000],
    'The same for each address of a client; 0 for no limit, as behind a front server, whose address all of them have',
  ),
  maxConnectionRequests: count(
    'Sockets',
    0,
    [0, Number.MAX_SAFE_INTEGER],
    'Requests on one connection, which ends with the response to the last; 0 for no limit',
  ),
  socketMode: octal('Sockets', 'as the umask says', 'Access rights of Unix sockets, such as 660'),
  directReads: toggle('Sockets', true, 'Read sockets straight into shared memory, where this version of Node lets it'),
  tlsCert: files(
    'TLS',
    'Certificate for https addresses, its chain behind it (PEM); repeatable: a client gets the first one with the name that it asks for, else the first of all',
  ),
  tlsKey: files('TLS', 'Private key (PEM), one for each certificate, in their order; repeatable'),
  tlsClientCert: choice(
    'TLS',
    'none',
    ['none', 'optional', 'required'],
    'Ask clients for a certificate; those with a bad one are refused, and where it is required those without one',
  ),
  tlsCa: files('TLS', 'Certificates (PEM) of those who may sign the certificates of clients; repeatable'),
  http2: toggle('TLS', false, 'Speak HTTP/2, too, at https addresses, with clients that choose it (ALPN)'),
  trustedProxies,
  trustedFields,
  syncWorkers: count(
    'Workers',
    Math.max(2, cpus),
    [1, MOST_WORKERS],
    'Threads for sync applications, started if one is mounted',
    {
      defaultText: 'one for each CPU that it may use, at least 2',
    },
  ),
  asyncWorkers: count(
    'Workers',
    Math.max(1, cpus - 1),
    [1, MOST_WORKERS],
    'Threads for async applications, started if one is mounted',
    {
      defaultText: 'one for each such CPU but one, at least 1',
    },
  ),
  processes: count(
    'Workers',
    1,
    [1, 256],
    'Processes that share the addresses, each with all these workers; one that dies costs its own requests, and is replaced',
  ),
  asyncRequests: count(
    'Workers',
    0,
    [0, 16_384],
    'Requests that one async worker, or the inline thread, works on at a time; more of them wait; 0 for no limit',
  ),
  inline: toggle(
    'Workers',
    false,
    "Run async applications on the gateway's own thread: fastest, but what blocks there blocks all",
  ),
  adapt: choice(
    'Workers',
    'known',
    ['known', 'node', 'fetch'],
    'What functions are: with `known` those of frameworks are recognised and all others are applications (environ, startResponse); with `node` these others are listeners (request, response) for node:http, with `fetch` handlers from a Request to a Response',
  ),
  import: files(
    'Workers',
    'Run a module on each thread ahead of its applications, as one that starts a tracer does; repeatable',
    'MODULE',
  ),
  maxRequests: count(
    'Workers',
    0,
    [0, Number.MAX_SAFE_INTEGER],
    'Requests after which a worker is replaced by a new thread, when it is idle; 0 for never',
  ),
  maxRequestsJitter: count(
    'Workers',
    0,
    [0, 2 ** 31],
    'Most requests, at random, that a worker serves beyond that, so that not all of them are replaced in a row',
  ),
  recycleAge: duration(
    'Workers',
    0,
    0,
    'The same by age: a worker is replaced after so long, and up to a tenth of that more, at random; 0 for never',
  ),
  recycleMemory: size(
    'Workers',
    0,
    [0, Number.MAX_SAFE_INTEGER],
    'The same by memory: a worker is replaced when its heap, and what that holds outside, is larger; one of each kind in ten seconds; 0 for never',
  ),
  maxDeaths: count(
    'Workers',
    0,
    [0, 10_000],
    'Workers that die within the time of the next setting, or do not start, and end the server with exit code 3; 0 for never: each is started again',
  ),
  deathsWindow: duration('Workers', 60_000, 1, 'The time within which so many deaths end the server'),
  uncaughtErrors: choice(
    'Workers',
    'replace',
    ['replace', 'report'],
    'What becomes of a worker with an error outside of any request, such as a throw in a timer: it is replaced, and ends the requests that it has, or the error is only reported',
  ),
  bufferSmallBody: size(
    'Workers',
    65_536,
    [0, MOST_BUFFERED],
    'Bytes of a request body, unless it is shorter, that must be there before a sync worker gets the request; 0 for none',
  ),
  bufferBody: size(
    'Workers',
    0,
    [0, MOST_BUFFERED],
    'As many in place of that, also where the client waits to be asked for its body (100 Continue)',
  ),
  limitSpool: size(
    'Workers',
    2 ** 30,
    [0, Number.MAX_SAFE_INTEGER],
    'Bytes that bodies may take in temporary files, all together (in the folder TMPDIR): of requests that wait for their turn to have a sync worker, and of responses whose clients are slow while others wait for the worker. Where there is no more space such requests wait unread, and get 503 when that takes too long, and such responses may break off. 0: none is kept, and workers wait for slow clients',
  ),
  validate: toggle('Workers', false, 'Put the conformance validator around every application; for development'),
  maxRequestsInProgress: count('Workers', 4096, [1, 16_384], 'Requests in progress at a time; more of them wait'),
  pythonPath,
  pythonVenv,
  pythonRoot,
  pythonMemory,
  pythonPreload,
  pythonCache,
  user,
  group,
  umask,
  pidFile,
  limitRequestLine: size(
    'Limits',
    DEFAULT_LIMITS.requestLine,
    [16, 65_535],
    'Longest request line; a longer one gets 414',
  ),
  limitRequestFields: count(
    'Limits',
    DEFAULT_LIMITS.fields,
    [1, MAX_FIELDS],
    'Most header fields of a request; more of them get 431',
  ),
  limitRequestHead: size(
    'Limits',
    DEFAULT_LIMITS.head,
    [64, CARRY_SIZE],
    'Largest request head, request line and all fields; a larger one gets 431',
  ),
  limitBody: size(
    'Limits',
    1024 ** 3,
    [0, Number.MAX_SAFE_INTEGER],
    'Largest request body; a larger one gets 413; 0 for no limit',
  ),
  limitQueue: count(
    'Limits',
    0,
    [0, 1_000_000],
    'Requests that may wait for a sync worker, or for room where there is none; more of them get 503 at once; 0 for no limit',
  ),
  limitWorkerMemory: size(
    'Limits',
    0,
    [0, Number.MAX_SAFE_INTEGER],
    'Largest JavaScript heap of a worker; one that outgrows it is replaced; 0 leaves it to Node',
  ),
  timeoutHead: duration('Timeouts', 20_000, 1, 'For the head of a request to arrive whole'),
  timeoutBody: duration('Timeouts', 30_000, 1, 'For the next bytes of a request body that is waited for'),
  timeoutKeepAlive: duration(
    'Timeouts',
    5000,
    0,
    'For the next request on an idle connection; 0 closes after each response',
  ),
  timeoutSend: duration('Timeouts', 30_000, 1, 'For the client to take the next bytes of a response'),
  minRate: size(
    'Timeouts',
    240,
    [0, Number.MAX_SAFE_INTEGER],
    'Bytes a second that a client has to send of a request body, and to take of a response, on average of each such time that it is waited for; 0 for no limit',
  ),
  timeoutGraceful: duration(
    'Timeouts',
    30_000,
    0,
    'For running requests to end when the server stops; 0 does not wait',
  ),
  timeoutStartup: duration('Timeouts', 30_000, 1, 'For a worker to load its applications and run their startup hooks'),
  timeoutResponse: duration(
    'Timeouts',
    60_000,
    0,
    'For a sync application to begin its response, beside the time that it waits for the body of the request: then the client gets 504, and soon after the worker is replaced; 0 for no limit',
  ),
  timeoutAsyncResponse: duration(
    'Timeouts',
    0,
    0,
    'The same for an async application, whose worker is not replaced; 0 for no limit: a long poll may take its time',
  ),
  timeoutStep: duration(
    'Timeouts',
    0,
    0,
    'For one step of an application, after which its worker is replaced; 0 for no limit',
  ),
  timeoutLoop: duration(
    'Timeouts',
    30_000,
    0,
    'For the event loop of an async worker with requests to turn, after which the worker is replaced; 0 for no limit',
  ),
  timeoutQueue: duration(
    'Timeouts',
    30_000,
    0,
    'For a request to come to a worker, after which it gets 503; 0 for no limit',
  ),
  healthPath,
  status,
  timeoutDrain: duration(
    'Health and status',
    0,
    0,
    'Go on for so long after the signal to stop: health checks get 503, responses end their connections; then the stop begins',
  ),
  accessLog: toggle('Logs', false, 'Write a line for each request', {
    defaultText: 'off; on where its format or file is given',
  }),
  accessLogFormat,
  accessLogFile,
  errorLogFormat,
  errorLogFile,
  logLevel: choice(
    'Logs',
    'info',
    ['debug', 'info', 'warn', 'error', 'silent'],
    'Least severe messages of the server that are told',
  ),
  queueWarning: duration(
    'Logs',
    5000,
    0,
    'Warn when requests have waited so long because all sync workers are busy; 0 for never',
  ),
  serverHeader: toggle('Responses and environ', true, 'Send a Server field where the application sends none'),
  keepAliveHeader: toggle(
    'Responses and environ',
    false,
    'Tell clients in a field Keep-Alive how many seconds --timeout-keep-alive leaves an idle connection to them',
  ),
  earlyHints: toggle(
    'Responses and environ',
    false,
    'Offer quaich.early_hints to applications, which sends a 103 response ahead of theirs',
  ),
  queueTime: toggle(
    'Responses and environ',
    false,
    'Tell applications in quaich.queue_time how many milliseconds a request has waited for them',
  ),
  env,
};

type Settings = typeof settings;
export type SettingName = keyof Settings;
type ValueOf<S> = S extends Setting<infer T, unknown> ? T : never;
type InputOf<S> = S extends { readonly accepts?: infer I } ? I : never;

type Values = { [K in SettingName]: ValueOf<Settings[K]> };

export const settingNames = Object.keys(settings).filter((key): key is SettingName => Object.hasOwn(settings, key));

/** What `serve()` takes. Sizes and durations also as text (`'64k'`, `'5s'`); else bytes and milliseconds. */
export type ServeOptions = { -readonly [K in SettingName]?: InputOf<Settings[K]> } & {
  /** What to serve: `[PREFIX=]MODULE[:EXPORT]`, or the same in parts; several need different prefixes. */
  apps: string | AppOptions | readonly (string | AppOptions)[];
  /** Where modules, packages and relative paths are looked up; default: the current directory. */
  directory?: string;
  /** Takes the access log in place of `accessLogFile`. */
  accessLogStream?: TextSink;
  /** Takes the server's own messages in place of `errorLogFile`. */
  errorLog?: TextSink;
  /** URL of a module whose `wrap` is put around each application, on every thread that runs it; for development. */
  wrapper?: string | undefined;
};

/** Options with every default filled in and every value checked; sizes in bytes, durations in milliseconds. */
export type ResolvedOptions = Omit<Values, 'bind' | 'status'> & {
  bind: Bind[];
  status: Bind | undefined;
  apps: ResolvedApp[];
  directory: string;
  accessLogStream?: TextSink;
  errorLog?: TextSink;
  wrapper?: string | undefined;
};

const OTHER_OPTIONS = ['apps', 'directory', 'accessLogStream', 'errorLog', 'wrapper'];

/**
 * Checks one value and converts it.
 *
 * @param where what a message calls it: `--bind`, `QUAICH_BIND`, `quaich.config.js: bind`
 * @throws ConfigurationError
 */
export function readSetting<K extends SettingName>(name: K, input: unknown, where: string): ValueOf<Settings[K]>;
export function readSetting(name: SettingName, input: unknown, where: string): unknown {
  try {
    return settings[name].read(input);
  } catch (error) {
    throw error instanceof ConfigurationError ? new ConfigurationError(`${where}: ${error.message}`) : error;
  }
}

/**
 * Fills in the defaults and checks everything that can be checked without loading an application.
 *
 * @throws ConfigurationError in one line
 */
export function resolveOptions(options: ServeOptions): ResolvedOptions {
  if (typeof options !== 'object' || options === null) throw expected('an object of options', options);
  checkNames(options, [...settingNames, ...OTHER_OPTIONS], 'option');
  const { accessLogStream, errorLog, wrapper } = options;
  for (const [name, sink] of Object.entries({ accessLogStream, errorLog })) {
    if (sink !== undefined && typeof sink?.write !== 'function') {
      throw new ConfigurationError(`${name}: expected an object with a method write(text), got ${shown(sink)}`);
    }
  }
  const from: unknown = options.directory ?? '.';
  if (typeof from !== 'string') throw new ConfigurationError(`directory: ${expected('a path', from).message}`);
  const directory = resolve(from);
  const values: Record<string, unknown> = {};
  for (const name of settingNames) {
    const given: unknown = options[name];
    const value = given === undefined ? settings[name].default : readSetting(name, given, name);
    values[name] = fromDirectory(name, value, directory);
  }
  const checked = values as Values; // the loop has put a value of its row under every name
  const { limitRequestLine: line, limitRequestHead: head } = checked;
  if (line > head) {
    throw new ConfigurationError(
      `limitRequestLine (${line}) is more than limitRequestHead (${head}), which contains it`,
    );
  }
  const [binds, [statusBind]] = resolveBinds(checked.bind, [checked.status ?? []].flat());
  if (binds.some(isEncrypted)) checkCertificates(checked);
  else if (checked.http2) throw new ConfigurationError('http2 needs an https address: clients choose it there (ALPN)');
  checkProxies(binds, checked);
  const apps = resolveApps(options.apps, checked.adapt);
  checkPython(apps, checked.processes);
  const { accessLog, accessLogFormat, accessLogFile } = options;
  const logGiven = accessLogFormat !== undefined || accessLogFile !== undefined || accessLogStream !== undefined;
  return {
    ...checked,
    bind: binds,
    status: statusBind,
    accessLog: accessLog === undefined ? logGiven : checked.accessLog,
    env: Object.fromEntries(Object.entries(checked.env).map(([key, value]) => [key, textToNative(value)])),
    apps,
    directory,
    ...(accessLogStream && { accessLogStream }),
    ...(errorLog && { errorLog }),
    ...(wrapper && { wrapper }),
  };
}

/** The checked value of a setting, with its paths made absolute. */
export function fromDirectory(name: SettingName, value: unknown, directory: string): unknown {
  if (name === 'bind' && Array.isArray(value)) return value.map((text) => formatBind(parseBind(text, directory)));
  if (name === 'status' && typeof value === 'string') return formatBind(parseBind(value, directory));
  if (name === 'import' && Array.isArray(value)) return value.map((module) => resolveModule(module, directory));
  if (name === 'pythonCache' && typeof value === 'string' && value !== 'off') return resolve(directory, value);
  if (settings[name].value !== 'PATH' || value === undefined) return value;
  const absolute = (path: unknown) => (path === '-' ? path : resolve(directory, String(path)));
  return Array.isArray(value) ? value.map(absolute) : absolute(value);
}

/** What an https address needs, as far as it can be told without a look into the files. */
function checkCertificates({ tlsCert, tlsKey, tlsCa, tlsClientCert }: Values): void {
  if (tlsCert.length === 0)
    throw new ConfigurationError('an https address needs a certificate: set tlsCert and tlsKey');
  if (tlsCert.length !== tlsKey.length) {
    throw new ConfigurationError(
      `tlsCert (${tlsCert.length}) and tlsKey (${tlsKey.length}): each certificate needs its key, in the same order`,
    );
  }
  if (tlsClientCert !== 'none' && tlsCa.length === 0) {
    throw new ConfigurationError(`tlsClientCert is ${tlsClientCert}: set tlsCa, which says who may sign them`);
  }
}

/** Reads lists of addresses, of which none may stand twice. */
function resolveBinds(...lists: readonly (readonly string[])[]): Bind[][] {
  const binds = lists.map((texts) => texts.map((text) => parseBind(text)));
  const seen = new Set<string>();
  for (const bind of binds.flat()) {
    const name = formatBind(bind);
    if (seen.has(name) && !(bind.type === 'tcp' && bind.port === 0))
      throw new ConfigurationError(`bind "${name}" is given twice`);
    seen.add(name);
  }
  return binds;
}
