/**
 * What a span says of an HTTP request and of an error, by the semantic conventions of OpenTelemetry:
 * https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server
 */
import type { Attributes, Exception } from '@opentelemetry/api';
import { isError } from '../rules/failures.ts';
import { defaultPort, splitAuthority } from '../rules/grammar.ts';
import { isNativeString, nativeToText, percentEncodeBytes } from '../rules/native-strings.ts';
import { property } from '../rules/property.ts';
import { shown } from '../rules/show.ts';
import type { AnyEnviron } from './types.ts';

/** The conventions want the list to be settable. */
const METHODS = new Set(
  (process.env.OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS ?? 'CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,TRACE').split(
    ',',
  ),
);

/** Parameters of the query that are secrets by the conventions: signatures that anybody could use again. */
const SECRETS = /(^|&)(AWSAccessKeyId|Signature|sig|X-Goog-Signature)=[^&]*/g;

/** The method for the name of a span: one of few. */
export function methodName({ REQUEST_METHOD: method }: AnyEnviron): string {
  return METHODS.has(method) ? method : 'HTTP';
}

/** Where the application is mounted: the route, as far as a server knows it. */
export function mountOf({ SCRIPT_NAME: mount }: AnyEnviron): string | undefined {
  return mount === '' ? undefined : text(mount);
}

/** The attributes that are known before the application is called. */
export function requestAttributes(environ: AnyEnviron): Attributes {
  const { REQUEST_METHOD: method, QUERY_STRING: query, 'wsgi.url_scheme': scheme } = environ;
  const [host, port] = serverOf(environ);
  const known = METHODS.has(method);
  return {
    'http.request.method': known ? method : '_OTHER',
    'http.request.method_original': known ? undefined : method,
    'http.route': mountOf(environ),
    'url.scheme': scheme,
    'url.path': pathOf(environ),
    'url.query': query ? text(query.replace(SECRETS, '$1$2=REDACTED')) : undefined,
    'server.address': host,
    'server.port': port,
    'network.protocol.version': environ.SERVER_PROTOCOL.replace(/^HTTP\//, '').replace(/^([23])\.0$/, '$1'),
    'client.address': environ.REMOTE_ADDR,
    'user_agent.original': text(environ.HTTP_USER_AGENT),
    'quaich.queue_time': environ['quaich.queue_time'],
  };
}

function text(native: string | undefined): string | undefined {
  return native !== undefined && isNativeString(native) ? nativeToText(native) : native;
}

/** The path as it was sent, where the target of the request is one. */
function pathOf({ REQUEST_URI: target = '', SCRIPT_NAME: script, PATH_INFO: path }: AnyEnviron): string {
  if (!target.startsWith('/')) return percentEncodeBytes(script + path, "/:@!$&'()*+,;=");
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}

/** The server as the client calls it. */
function serverOf(environ: AnyEnviron): [host: string, port: number] {
  const [host, port] = splitAuthority(environ.HTTP_HOST ?? '');
  if (host === '') return [environ.SERVER_NAME, Number(environ.SERVER_PORT)];
  const bare = host.startsWith('[') ? host.slice(1, -1) : host;
  return [bare, Number(port || defaultPort(environ['wsgi.url_scheme']))];
}

/** An error for the record, whatever was thrown: nothing of it is called. */
export function exceptionOf(error: unknown): Exception {
  if (!isError(error)) return shown(error);
  const part = (name: string): string => {
    const value = property(error, name);
    return typeof value === 'string' ? value : '';
  };
  return { name: part('name') || 'Error', message: part('message'), stack: part('stack') };
}

/** `error.type` of what was thrown: the name of its class, or its type. */
export function errorType(error: unknown): string {
  const exception = exceptionOf(error);
  return typeof exception === 'string' ? typeof error : (exception.name ?? 'Error');
}
