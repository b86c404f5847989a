/** The request target as the client wrote it, cut where the application is mounted. */
import { percentDecode, percentEncodeBytes } from '../rules/native-strings.ts';

/** The variables that a target is made of. */
interface TargetVariables {
  SCRIPT_NAME?: string;
  PATH_INFO?: string;
  QUERY_STRING?: string;
  REQUEST_URI?: string;
}

/** Parts of a target, percent-encoded: nothing in them but visible ASCII without `#`. */
export interface RequestTarget {
  /** The mount: `''` or `/app`. */
  script: string;
  /** Below the mount: `''`, `*`, or begins with `/`. */
  path: string;
  /** `''`, or begins with `?`. */
  query: string;
}

/** What no target may contain (RFC 9112, 3.2; G-22). */
const REFUSED = /[^\x21\x22\x24-\x7e]/;
const EVERY_REFUSED = /[^\x21\x22\x24-\x7e]/g;
const SCHEME_AND_AUTHORITY = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]*/;
/** What a path may contain besides unreserved characters (RFC 3986, 3.3). */
const SAFE_IN_PATH = "/;=,:@!$&'()*+";

/** The length, in a percent-encoded text, of what decodes to its first `count` bytes. */
function encodedLength(text: string, count: number): number {
  let at = 0;
  for (let i = 0; i < count; i++) {
    at += text[at] === '%' && /^[0-9A-Fa-f]{2}$/.test(text.substring(at + 1, at + 3)) ? 3 : 1;
  }
  return at;
}

/**
 * The target below and above the mount. It comes from REQUEST_URI, which alone can tell `%2F` from `/` (G-19), as long as
 * that is the target of SCRIPT_NAME and PATH_INFO; middleware that changed these wins, and gets them encoded anew.
 *
 * @throws RangeError for a unit above U+00FF in one of the variables
 */
export function requestTarget(environ: TargetVariables): RequestTarget {
  const { SCRIPT_NAME: script = '', PATH_INFO: info = '', QUERY_STRING: query = '', REQUEST_URI: uri } = environ;
  if (uri !== undefined && !REFUSED.test(uri)) {
    const start = uri.startsWith('/') ? 0 : (SCHEME_AND_AUTHORITY.exec(uri)?.[0].length ?? 0);
    const mark = uri.indexOf('?', start);
    const path = uri.substring(start, mark < 0 ? uri.length : mark);
    if (percentDecode(path) === script + info) {
      const cut = script === '' ? 0 : encodedLength(path, script.length);
      // `/a?` keeps its question mark.
      const asked = mark >= 0 && uri.substring(mark + 1) === query ? uri.substring(mark) : encodedQuery(query);
      return { script: path.substring(0, cut), path: path.substring(cut), query: asked };
    }
  }
  return {
    script: percentEncodeBytes(script, SAFE_IN_PATH),
    path: percentEncodeBytes(info, SAFE_IN_PATH),
    query: encodedQuery(query),
  };
}

function encodedQuery(query: string): string {
  return query === '' ? '' : `?${query.replace(EVERY_REFUSED, (unit) => percentEncodeBytes(unit, ''))}`;
}
