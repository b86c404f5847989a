import { ConfigurationError } from '../interface/errors.ts';
import { acceptedOf } from './accept-encoding.ts';
import { decided } from './decision.ts';
import { middleware } from './define.ts';
import { type ContentCoding, canStream, encoder, hasZstd, type Levels } from './encoders.ts';
import { totalOf } from './exchange/inner-body.ts';
import type { Head } from './head.ts';
import { entityTags } from './preconditions.ts';
import { type AnyEnviron, DROP, type Middleware } from './types.ts';

export interface CompressOptions {
  /** Codings in order of our preference, among those that the client likes equally: zstd, br, gzip by default. */
  encodings?: readonly ContentCoding[];
  /** Bodies known to be smaller than this many bytes are left alone; 1024 by default. */
  threshold?: number;
  /** gzip 1 to 9 (6), br 0 to 11 (4), zstd 1 to 19 (3): for responses made on the spot, hence not the strongest. */
  levels?: Partial<Levels>;
  /** Whether a response is worth it, in place of the built-in list of media types: `true` or `false`, at once. */
  filter?: (head: Head, environ: AnyEnviron) => boolean;
}

const DEFAULT_LEVELS: Levels = { gzip: 6, br: 4, zstd: 3 };
const LIMITS: Readonly<Record<ContentCoding, readonly [number, number]>> = { gzip: [1, 9], br: [0, 11], zstd: [1, 19] };

/** Media types that shrink. */
const COMPRESSIBLE =
  /^(?:text\/|application\/(?:[^;]*\+)?(?:json|xml)\b|application\/(?:javascript|x-javascript|ecmascript|wasm|rtf|toml|yaml|x-ndjson|jsonl|json-seq|graphql|sql|x-sh|x-tar|vnd\.ms-fontobject|x-www-form-urlencoded)\b|font\/(?:otf|ttf|collection)\b|image\/(?:svg\+xml|bmp|x-icon|vnd\.microsoft\.icon)\b|model\/(?:gltf|obj|stl)|[^;]+\+(?:json|xml|yaml|text|cbor)\b)/i;

/** No body, or not the whole representation. */
const WITHOUT = new Set([204, 205, 206, 304]);

function choose(accept: string, available: readonly ContentCoding[]): ContentCoding | null {
  const [best] = acceptedOf([...available, 'identity'], accept);
  return available.find((coding) => coding === best) ?? null;
}

function knownSize(head: Head, chunks: readonly Uint8Array[] | null): number {
  const length = head.get('Content-Length');
  if (length !== undefined) return Number(length);
  return chunks === null ? Number.POSITIVE_INFINITY : totalOf(chunks);
}

/**
 * Compresses responses with the coding that the client and we like best: zstd (where Node has it), br or gzip. Each
 * chunk of a streamed body is flushed, so nothing waits (M-02). In sync applications streamed bodies get gzip only,
 * whole (array) bodies any coding; in async ones the work is done in Node's thread pool.
 *
 * Left alone: other media types, responses that have a Content-Encoding or `Cache-Control: no-transform`, ranges, and
 * small ones. Compressing secrets beside text that an attacker chooses gives away their length (BREACH): exclude such
 * responses by `filter`.
 *
 * @throws ConfigurationError
 */
export function compress(options: CompressOptions = {}): Middleware {
  const { threshold = 1024, filter } = options;
  const encodings = (options.encodings ?? ['zstd', 'br', 'gzip']).filter((coding) => {
    if (!Object.hasOwn(DEFAULT_LEVELS, coding)) {
      throw new ConfigurationError(`compress: no such coding as ${JSON.stringify(coding)}; there are zstd, br, gzip`);
    }
    return coding !== 'zstd' || hasZstd;
  });
  const levels: Levels = { ...DEFAULT_LEVELS, ...options.levels };
  for (const coding of ['gzip', 'br', 'zstd'] as const) {
    const [least, most] = LIMITS[coding];
    if (!Number.isInteger(levels[coding]) || levels[coding] < least || levels[coding] > most) {
      throw new ConfigurationError(`compress: the level of ${coding} is ${least} to ${most}, got ${levels[coding]}`);
    }
  }
  if (!(threshold >= 0)) throw new ConfigurationError(`compress: threshold is a number of bytes, got ${threshold}`);

  function eligible(head: Head, environ: AnyEnviron): boolean {
    if (WITHOUT.has(head.code) || head.has('Content-Encoding') || head.has('Content-Range')) return false;
    if (/\bno-transform\b/i.test(head.list('Cache-Control'))) return false;
    return filter === undefined
      ? COMPRESSIBLE.test(head.get('Content-Type') ?? '')
      : decided('the filter of compress', filter(head, environ));
  }

  return middleware({
    name: 'compress',
    request(environ) {
      const accept = environ.HTTP_ACCEPT_ENCODING ?? '';
      const async = environ['quaich.async'];

      /** The coding of a response that is eligible; null for none. */
      function codingOf(head: Head, chunks: readonly Uint8Array[] | null): ContentCoding | null {
        if (knownSize(head, chunks) < threshold) return null;
        return choose(accept, chunks === null ? encodings.filter((each) => canStream(each, async)) : encodings);
      }

      /** The fields of the 200 (RFC 9110, 15.4.5), in which a cache updates what it holds (M-25). */
      function notModified(head: Head): void {
        const { represented } = head;
        if (represented !== undefined) {
          if (!eligible(represented.head, environ)) return;
          head.vary('Accept-Encoding');
          if (codingOf(represented.head, represented.chunks) !== null) head.weakenETag();
          return;
        }
        // An application's own: whether its 200 is compressed is not to be seen, but the tag that the client has from
        // it is.
        head.vary('Accept-Encoding');
        const held = entityTags(environ.HTTP_IF_NONE_MATCH ?? '');
        const tag = head.get('ETag');
        const isHeld = tag !== undefined && held.includes(tag) && !held.includes(`W/${tag}`);
        if (!isHeld && choose(accept, encodings) !== null) head.weakenETag();
      }

      const headOnly = environ.REQUEST_METHOD === 'HEAD';
      return {
        deferHead: true,
        mapBody(head, chunks) {
          if (head.code === 304) {
            notModified(head);
            return undefined;
          }
          if (!eligible(head, environ)) return undefined;
          head.vary('Accept-Encoding');
          const coding = codingOf(head, chunks);
          if (coding === null) return undefined;
          head.set('Content-Encoding', coding);
          // Of the bytes before (M-10; RFC 9530, 2 and 3); ranges of what is made on the spot cannot be asked for.
          head.delete('Content-Length', 'Content-MD5', 'Content-Digest', 'Repr-Digest', 'Digest', 'Accept-Ranges');
          head.weakenETag();
          return headOnly ? DROP : encoder(coding, levels[coding], async);
        },
      };
    },
  });
}
