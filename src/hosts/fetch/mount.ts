/** A Quaich application as a fetch handler (G-179, G-180). */
import { AsyncInput } from '../../engine/async-input.ts';
import type { AnnouncedLength, RequestLine } from '../../environ/mount-environs.ts';
import type { Application, AsyncApplication } from '../../interface/types.ts';
import { behindPrefix } from '../../rules/prefix.ts';
import { RefusedRequest } from '../../rules/refused-request.ts';
import { Mount, type MountLifespan, type MountOptions } from '../mount.ts';
import { checkHost } from '../target.ts';
import { FetchBody } from './body.ts';
import { connectionOf, type FetchInfo, targetOf } from './target.ts';
import { FetchTransport } from './transport.ts';

/** Options of `toFetchHandler`. */
export type FetchHandlerOptions = MountOptions;

/**
 * Answers a request. The promise fulfils when the head of the response is known, and does not reject: an application
 * that fails before that gives a 500 page; one that fails later, an error of the response's body.
 */
export interface FetchHandler extends MountLifespan {
  (request: Request, info?: FetchInfo): Promise<Response>;
}

/** Names and values in turn. */
function fieldsOf(headers: Headers): string[] {
  const fields: string[] = [];
  headers.forEach((value, name) => {
    fields.push(name, value);
  });
  return fields;
}

class FetchMount extends Mount {
  handle(request: Request, info: FetchInfo | undefined): Promise<Response> {
    const { method, signal, url } = request;
    const shown = `${method} ${JSON.stringify(url)}`;
    const transport = new FetchTransport(method, this);
    if (!this.admits(shown, transport)) return transport.response;
    if (signal.aborted) {
      transport.answer(503); // nobody waits for it
      return transport.response;
    }
    try {
      transport.watch(signal);
      this.#run(request, new URL(url), transport, info);
    } catch (error) {
      this.refuse(shown, transport, error);
    }
    return transport.response;
  }

  #run(request: Request, url: URL, transport: FetchTransport, info: FetchInfo | undefined): void {
    const host = request.headers.get('host');
    const target = targetOf(url, host);
    const path = behindPrefix(target.path, this.prefix);
    if (path === null) throw new RefusedRequest('the path lies outside of the mount', 404);
    if (host !== null) checkHost(host);
    // Not by a spread, which costs 2 µs here (Node 20).
    const line: RequestLine = {
      method: request.method,
      scriptName: this.prefix,
      path,
      query: target.query,
      uri: target.uri,
      protocol: 'HTTP/1.1',
      authority: target.authority,
    };
    const environ = this.environs.build(line, connectionOf(url, info), fieldsOf(request.headers), (announced) => {
      transport.body = this.#body(request, announced);
      return new AsyncInput(transport.body);
    });
    // Hosts drop the body of a GET and keep its Content-Length: what the application is told is what it can read.
    if (transport.body === null && environ.CONTENT_LENGTH !== '0') delete environ.CONTENT_LENGTH;
    this.run(environ, transport);
  }

  /** @throws RefusedRequest for a body that is too large, or gone (G-178) */
  #body({ body, bodyUsed }: Request, announced: AnnouncedLength): FetchBody | null {
    if (body === null || announced === 0) return null;
    if (bodyUsed || body.locked) {
      throw new RefusedRequest(
        'the body of the Request has been read already: hand on a clone, or a Request with the body that was read ' +
          '(G-178)',
        500,
      );
    }
    if (announced !== null && announced > this.limitBody)
      throw new RefusedRequest('the request body is too large', 413);
    return new FetchBody(body, announced ?? -1, this.limitBody);
  }
}

/**
 * A function from `Request` to `Response` that runs a Quaich application: for Hono, `Deno.serve`, `Bun.serve`, and all
 * else that calls fetch handlers. An async application runs as it does under the server. A **sync** one needs a place
 * where it may block: `syncToAsync('./module.js:app')` runs it on threads; `where: 'here'` on the event loop, behind
 * its whole request body.
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
    startup: () => inside.startup(),
    shutdown: (timeout?: number) => inside.shutdown(timeout),
  });
}
