/** A Quaich application as a fetch handler (G-179, G-180). */
import { AsyncInput } from '../../engine/async-input.ts';
import { runAsync } from '../../engine/run-async.ts';
import type { AnnouncedLength, RequestLine } from '../../environ/mount-environs.ts';
import type { ConnectionInfo } from '../../environ/variables.ts';
import type { Application, AsyncApplication } from '../../interface/types.ts';
import { defaultPort, isAuthority } from '../../rules/grammar.ts';
import { isNativeString, percentDecode } from '../../rules/native-strings.ts';
import { behindPrefix } from '../../rules/prefix.ts';
import { RefusedRequest } from '../../rules/refused-request.ts';
import { Mount, type MountLifespan, type MountOptions } from '../mount.ts';
import { FetchBody } from './body.ts';
import { FetchTransport } from './transport.ts';

/** Options of `toFetchHandler`. */
export type FetchHandlerOptions = MountOptions;

/** What a `Request` does not say. */
export interface FetchInfo {
  /** `REMOTE_ADDR`: the address of the client, as the server knows it. */
  remoteAddress?: string;
  /** `REMOTE_PORT`. */
  remotePort?: string | number;
}

/**
 * Answers a request. The promise fulfils when the head of the response is known, and does not reject: an application that
 * fails before that gives a 500 page; one that fails later, an error of the response's body.
 */
export interface FetchHandler extends MountLifespan {
  (request: Request, info?: FetchInfo): Promise<Response>;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && isNativeString(value);
}

/** G-180. */
function connectionOf(url: URL, info: FetchInfo | undefined): ConnectionInfo {
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  const address = info?.remoteAddress;
  const port = String(info?.remotePort ?? '');
  return {
    remoteAddress: isText(address) ? address : '',
    remotePort: isText(port) ? port : '',
    serverName: url.hostname,
    serverPort: url.port || defaultPort(scheme),
    scheme,
    unixSocket: false,
  };
}

/** Names and values in turn. */
function fieldsOf(headers: Headers): string[] {
  const fields: string[] = [];
  headers.forEach((value, name) => {
    fields.push(name, value);
  });
  return fields;
}

class FetchMount {
  readonly mount: Mount;

  constructor(app: Application | AsyncApplication, options: FetchHandlerOptions) {
    this.mount = new Mount(app, options);
  }

  handle(request: Request, info: FetchInfo | undefined): Promise<Response> {
    const { mount } = this;
    const { signal } = request;
    const shown = `${request.method} ${JSON.stringify(request.url)}`;
    const leave = (): void => transport.disconnect();
    const transport = new FetchTransport(request.method === 'HEAD', () => {
      signal.removeEventListener('abort', leave);
      mount.over(transport);
    });
    const refusal = mount.refusal();
    if (refusal !== null) {
      if (refusal.message !== null) mount.report(shown, refusal.message);
      transport.answer(refusal.status);
    } else if (signal.aborted) {
      transport.answer(503); // nobody waits for it
    } else {
      try {
        signal.addEventListener('abort', leave);
        this.#run(request, transport, info);
      } catch (error) {
        const status = error instanceof RefusedRequest ? error.status : 500;
        if (status >= 500) mount.report(shown, 'the request did not get to the application', error);
        transport.answer(status);
      }
    }
    return transport.response;
  }

  #run(request: Request, transport: FetchTransport, info: FetchInfo | undefined): void {
    const { mount } = this;
    const url = new URL(request.url);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      throw new RefusedRequest(`the scheme of ${request.url} is not http or https`);
    }
    const path = behindPrefix(percentDecode(url.pathname), mount.prefix);
    if (path === null) throw new RefusedRequest('the path lies outside of the mount', 404);
    const host = request.headers.get('host');
    if (host !== null && host !== '' && !isAuthority(host)) {
      throw new RefusedRequest('the Host field is not a host with an optional port (RFC 9112, 3.2)');
    }
    const line: RequestLine = {
      method: request.method,
      scriptName: mount.prefix,
      path,
      query: url.search.slice(1),
      uri: url.pathname + url.search,
      protocol: 'HTTP/1.1',
      authority: host === null ? url.host : null,
    };
    const environ = mount.environs.build(line, connectionOf(url, info), fieldsOf(request.headers), (announced) => {
      transport.body = this.#body(request, announced);
      return new AsyncInput(transport.body);
    });
    // Hosts drop the body of a GET and keep its Content-Length: what the application is told is what it can read.
    if (transport.body === null && environ.CONTENT_LENGTH !== '0') delete environ.CONTENT_LENGTH;
    mount.begin(transport);
    const running = runAsync(mount.app, environ, transport, mount.engineOptions);
    if (running !== undefined) transport.running = running;
  }

  /** @throws RefusedRequest for a body that is too large, or gone (G-178) */
  #body({ body, bodyUsed }: Request, announced: AnnouncedLength): FetchBody | null {
    const { limitBody } = this.mount;
    if (body === null || announced === 0) return null;
    if (bodyUsed || body.locked) {
      throw new RefusedRequest(
        'the body of the Request has been read already: hand on a clone, or a Request with the body that was read (G-178)',
        500,
      );
    }
    if (announced !== null && announced > limitBody) throw new RefusedRequest('the request body is too large', 413);
    return new FetchBody(body, announced ?? -1, limitBody);
  }
}

/**
 * A function from `Request` to `Response` that runs a Quaich application: for Hono, `Deno.serve`, `Bun.serve`, and whatever
 * else calls fetch handlers. An async application runs as it does under the server. A **sync** one needs a place
 * where it may block: `syncToAsync('./module.js:app')` runs it on threads; `where: 'here'` on the event loop, behind its whole
 * request body.
 *
 * @throws ConfigurationError for options that are wrong, and for a sync application without a place (B-20)
 */
export function toFetchHandler(app: AsyncApplication, options?: FetchHandlerOptions): FetchHandler;
export function toFetchHandler(app: Application, options?: FetchHandlerOptions): FetchHandler;
export function toFetchHandler(app: Application | AsyncApplication, options?: FetchHandlerOptions): FetchHandler;
export function toFetchHandler(app: Application | AsyncApplication, options: FetchHandlerOptions = {}): FetchHandler {
  const inside = new FetchMount(app, options);
  const handler = (request: Request, info?: FetchInfo): Promise<Response> => inside.handle(request, info);
  return Object.assign(handler, {
    startup: () => inside.mount.startup(),
    shutdown: (timeout?: number) => inside.mount.shutdown(timeout),
  });
}
