import makeETag from 'etag';
import { middleware } from './define.ts';
import { totalOf } from './exchange/inner-body.ts';
import { Head, standFor } from './head.ts';
import { evaluate, FAILED, PROCEED } from './preconditions.ts';
import { DROP, type Middleware } from './types.ts';

export interface ConditionalGetOptions {
  /**
   * Makes an ETag for 200 responses that have none and whose body is an array: `'strong'` (the default), `'weak'`, or
   * `false` for not at all. Streamed bodies never get one.
   */
  etag?: 'strong' | 'weak' | false;
}

/** Fields that describe the content that is not sent (RFC 9110, 15.4.5). */
const CONTENT_FIELDS = ['Content-Type', 'Content-Length', 'Content-Encoding', 'Content-Language', 'Content-Range'];

/**
 * Answers GET and HEAD with 304 where the client has the response already, by ETag and Last-Modified, and with 412
 * where it insists on another (RFC 9110, 13). The application runs all the same; what is saved is the transfer. Other
 * methods and other statuses than 200 pass untouched.
 */
export function conditionalGet(options: ConditionalGetOptions = {}): Middleware {
  const { etag = 'strong' } = options;

  function addETag(head: Head, chunks: readonly Uint8Array[], method: string): void {
    if (head.has('ETag') || /\bno-store\b/i.test(head.list('Cache-Control'))) return;
    // For HEAD an application may leave the body out: nothing to be computed then.
    if (method === 'HEAD' && totalOf(chunks) === 0) return;
    head.set('ETag', makeETag(Buffer.concat(chunks), { weak: etag === 'weak' }));
  }

  return middleware({
    name: 'conditionalGet',
    request(environ) {
      const method = environ.REQUEST_METHOD;
      if (method !== 'GET' && method !== 'HEAD') return undefined;
      return {
        // A 304 stands for its 200, of which the size decides things further out (M-25).
        deferHead: true,
        mapBody(head, chunks) {
          if (head.code !== 200) return undefined;
          if (chunks !== null && etag !== false) addETag(head, chunks, method);
          const outcome = evaluate(environ, { etag: head.get('ETag'), lastModified: head.get('Last-Modified') });
          if (outcome === PROCEED) return undefined;
          standFor(head.headers, { head: new Head(head.status, head.headers), chunks });
          head.delete(...CONTENT_FIELDS);
          if (outcome === FAILED) {
            head.status = '412 Precondition Failed';
            head.delete('ETag', 'Last-Modified', 'Cache-Control', 'Expires');
            head.set('Content-Length', '0');
          } else {
            head.status = '304 Not Modified';
          }
          return DROP;
        },
      };
    },
  });
}
