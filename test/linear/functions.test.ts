/** That what takes text from outside reads it in linear time. An export without an entry fails. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Application, Environ, HeaderField } from '../../src/index.ts';
import { markSync } from '../../src/index.ts';
import * as shipped from '../../src/middleware/index.ts';
import * as toolbox from '../../src/toolbox/index.ts';
import * as validation from '../../src/validate/index.ts';
import { syncEnviron } from '../middleware/drive.ts';
import { FLOOR, least, superlinear } from './growth.ts';
import { TEXTS } from './texts.ts';

/** What takes a text; refusing it is as good as reading it. */
type Taker = (text: string) => unknown;

/** Takes no text, or none that an outsider writes. */
const NONE = Symbol('no text');

/** Takes it without complaint. */
function quietly(taker: Taker, text: string): void {
  try {
    taker(text);
  } catch {
    // Refused.
  }
}

function judge(taker: Taker): string[] {
  const floor = Math.max(FLOOR, 4 * least(() => quietly(taker, 'a')));
  for (const text of TEXTS) {
    const growth = superlinear((units) => {
      const input = text(units);
      return () => quietly(taker, input);
    }, floor);
    if (growth !== null) return [`${JSON.stringify(text(2))} repeated: ${growth}`];
  }
  return [];
}

const bare = { maxSize: Number.POSITIVE_INFINITY };

/** A form of one part, whose head or data is the text. */
function part(head: string, data: string): Environ {
  return posted('multipart/form-data; boundary=x', `--x\r\n${head}\r\n\r\n${data}\r\n--x--`);
}

const routes = toolbox.router({
  'GET /a/:b': (_environ, startResponse) => toolbox.sendText(startResponse, 'a'),
  'GET /:a/:b(\\d+)/c': (_environ, startResponse) => toolbox.sendText(startResponse, 'b'),
  'GET /a/**': (_environ, startResponse) => toolbox.sendText(startResponse, 'c'),
});

function routed(environ: { PATH_INFO: string }): unknown {
  return routes(Object.assign(syncEnviron(), environ), () => () => {});
}

function posted(type: string, body: string): Environ {
  const latin1 = Buffer.from(body, 'latin1');
  let rest: Uint8Array = latin1;
  return Object.assign(syncEnviron(), {
    CONTENT_TYPE: type,
    CONTENT_LENGTH: String(latin1.byteLength),
    'wsgi.input': {
      read(size: number) {
        const block = new Uint8Array(rest.subarray(0, size));
        rest = rest.subarray(block.byteLength);
        return block;
      },
    },
  });
}

const NAMED = 'Content-Disposition: form-data; name=a';
const large = { maxHeaderSize: 16384 };
const read = (environ: Environ) => [...toolbox.multipart(environ, large)].map((each) => each.read());

/** Each export of quaich/toolbox with what of it takes a text. */
const TOOLBOX: Record<keyof typeof toolbox, Taker[] | typeof NONE> = {
  applicationUri: [
    (text) => toolbox.applicationUri({ HTTP_HOST: text }),
    (text) => toolbox.applicationUri({ SCRIPT_NAME: text }),
  ],
  AsyncFileWrapper: NONE,
  body: NONE,
  contentDisposition: [(text) => toolbox.contentDisposition(text)],
  cookies: [(text) => toolbox.cookies({ HTTP_COOKIE: text }, bare)],
  demoApp: [(text) => toolbox.demoApp(Object.assign(syncEnviron(), { HTTP_X: text }), () => () => {})],
  FileWrapper: NONE,
  form: [
    (text) => toolbox.form(part(`${NAMED}\r\nX: ${text}`, '')),
    (text) => toolbox.form(posted('application/x-www-form-urlencoded', text)),
  ],
  formatDateTime: NONE,
  guardedBody: NONE,
  Headers: [
    (text) => {
      const headers = new toolbox.Headers([['a', text]]);
      headers.addHeader('b', text, { c: text });
      headers.set('a', text);
      headers.toBytes();
    },
    (text) => new toolbox.Headers().append(text, 'a'),
    (text) => new toolbox.Headers().addHeader('a', null, { [text]: text }),
  ],
  isHopByHop: [toolbox.isHopByHop],
  isNativeString: [toolbox.isNativeString],
  json: [(text) => toolbox.json(posted('application/json', text)), (text) => toolbox.json(posted(text, ''))],
  latin1Decode: [(text) => toolbox.latin1Decode(Buffer.from(text))],
  latin1Encode: [toolbox.latin1Encode],
  MemoryErrorStream: [(text) => new toolbox.MemoryErrorStream().write(text)],
  multipart: [
    (text) => read(part(`${NAMED}\r\nX: ${text}`, '')),
    (text) => read(part(`Content-Disposition: form-data; ${text}`, '')),
    (text) => read(part(`Content-Disposition: form-data; name="${text}"; filename="${text}"`, '')),
    (text) => read(part(`${NAMED}\r\nContent-Type: ${text}`, '')),
    (text) => read(part(text, '')),
    (text) => read(part(NAMED, text)),
    (text) => read(posted('multipart/form-data; boundary=x', text)),
    (text) => read(posted('multipart/form-data; boundary=x', `--x${text}`)),
    (text) => read(posted(`multipart/form-data; boundary=${text}`, '')),
  ],
  nativeToText: [toolbox.nativeToText],
  openFile: NONE,
  parseParameterized: [toolbox.parseParameterized],
  pathText: [(text) => toolbox.pathText({ PATH_INFO: text })],
  percentDecode: [toolbox.percentDecode],
  percentDecodeBytes: [toolbox.percentDecodeBytes],
  percentEncodeBytes: [toolbox.percentEncodeBytes],
  query: [(text) => toolbox.query({ QUERY_STRING: text }, { ...bare, maxPairs: Number.POSITIVE_INFINITY })],
  readEnviron: [
    (text) => toolbox.readEnviron({ env: { PATH_INFO: text, SERVER_SOFTWARE: text }, platform: 'win32' }),
    (text) => toolbox.readEnviron({ env: { [text]: text } }),
  ],
  RequestDataError: NONE,
  router: [(text) => routed({ PATH_INFO: text }), (text) => routed({ PATH_INFO: `/a/${text}` })],
  requestUri: [(text) => toolbox.requestUri({ PATH_INFO: text }), (text) => toolbox.requestUri({ QUERY_STRING: text })],
  guessScheme: [(text) => toolbox.guessScheme({ HTTPS: text })],
  sendHtml: [(text) => toolbox.sendHtml(() => {}, text)],
  sendJson: [(text) => toolbox.sendJson(() => {}, text)],
  sendNotFound: [(text) => toolbox.sendNotFound(() => {}, text)],
  sendRedirect: [(text) => toolbox.sendRedirect(() => {}, text)],
  sendText: [(text) => toolbox.sendText(() => {}, text)],
  setCookie: [
    (text) => toolbox.setCookie('a', text),
    (text) => toolbox.setCookie(text, 'a'),
    (text) => toolbox.setCookie('a', 'a', { domain: text }),
    (text) => toolbox.setCookie('a', 'a', { path: text }),
  ],
  setupAsyncTestingDefaults: NONE,
  setupTestingDefaults: NONE,
  shiftPathInfo: [
    (text) => toolbox.shiftPathInfo({ PATH_INFO: text }),
    (text) => toolbox.shiftPathInfo({ SCRIPT_NAME: text, PATH_INFO: '/a' }),
    (text) => toolbox.shiftPathInfo({ SCRIPT_NAME: text, PATH_INFO: '/../a' }),
  ],
  statusLine: NONE,
  textToNative: [toolbox.textToNative],
  urlencoded: [
    (text) => toolbox.urlencoded(posted('application/x-www-form-urlencoded', text), { maxPairs: 1e9 }),
    (text) => toolbox.urlencoded(posted(text, '')),
  ],
};

describe('quaich/toolbox', () => {
  const entries = Object.entries(TOOLBOX).filter(([, takers]) => takers !== NONE);

  it('U-55 has an entry for each export', () => {
    expect(Object.keys(TOOLBOX).sort()).toEqual(Object.keys(toolbox).sort());
  });

  it.each(entries)('U-55 %s reads text in linear time', { timeout: 60_000 }, (_name, takers) => {
    for (const taker of takers as Taker[]) expect([String(taker), judge(taker)]).toEqual([String(taker), []]);
  });
});

const root = mkdtempSync(join(tmpdir(), 'quaich-'));
writeFileSync(join(root, 'a.txt'), 'a'.repeat(2000));
afterAll(() => rmSync(root, { recursive: true }));

/** Middleware, and requests that make it read whatever it may read. */
interface Subject {
  wrap: shipped.Middleware;
  requests?: Record<string, string>[];
  /** It looks at heads. */
  head?: boolean;
  /** The application throws. */
  failing?: boolean;
}

const proxies = { trusted: ['10.0.0.1'], host: true, port: true, prefix: true };
const FROM_PROXY = {
  REMOTE_ADDR: '10.0.0.1',
  HTTP_FORWARDED: 'for=10.0.0.1',
  HTTP_X_FORWARDED_FOR: '10.0.0.1',
  HTTP_X_FORWARDED_PROTO: 'https',
};
const CONDITIONS: Record<string, string>[] = [
  { HTTP_IF_NONE_MATCH: '"x"' },
  { HTTP_IF_MODIFIED_SINCE: 'Thu, 01 Jan 1970 00:00:00 GMT' },
  { HTTP_IF_UNMODIFIED_SINCE: 'Thu, 01 Jan 2100 00:00:00 GMT' },
  { HTTP_RANGE: 'bytes=0-1', HTTP_IF_RANGE: '"x"' },
];

// Applied to sync applications here.
const checking = ((app: Application) => validation.validator(app, { warn: () => {} })) as shipped.Middleware;
const WHOLE = {
  CONTENT_TYPE: 'a/b',
  CONTENT_LENGTH: '1',
  HTTP_X: 'a',
  PATH_INFO: '/',
  QUERY_STRING: '',
  SERVER_PORT: '1',
};

const SUBJECTS: Record<string, Subject[]> = {
  allowHosts: [
    { wrap: shipped.allowHosts(['example.com', '*.example.org']), requests: [{ HTTP_HOST: 'a.example.org' }] },
  ],
  allowMethods: [{ wrap: shipped.allowMethods(['GET']) }],
  compress: [{ wrap: shipped.compress({ threshold: 0 }), requests: [{ HTTP_ACCEPT_ENCODING: 'gzip' }], head: true }],
  conditionalGet: [{ wrap: shipped.conditionalGet(), requests: CONDITIONS, head: true }],
  cors: [
    {
      wrap: shipped.cors({
        origin: ['https://a.test', /https:\/\/[a-z]+\.test/],
        credentials: true,
        privateNetwork: true,
      }),
      requests: [
        { HTTP_ORIGIN: 'https://a.test' },
        {
          REQUEST_METHOD: 'OPTIONS',
          HTTP_ORIGIN: 'https://a.test',
          HTTP_ACCESS_CONTROL_REQUEST_METHOD: 'GET',
          HTTP_ACCESS_CONTROL_REQUEST_HEADERS: 'a',
        },
      ],
    },
  ],
  errorPage: [
    { wrap: shipped.errorPage({ development: true }), requests: [{ HTTP_ACCEPT: 'text/html' }], failing: true },
  ],
  limitBody: [{ wrap: shipped.limitBody({ maximum: 10 }), requests: [{ CONTENT_LENGTH: '1' }] }],
  middleware: [
    { wrap: shipped.middleware({ name: 'x', request: () => ({ onHead: (head) => head.vary('a') }) }), head: true },
  ],
  mount: [{ wrap: ((app: Application) => shipped.mount({ '/': app, '/a/b': app })) as shipped.Middleware }],
  requestId: [{ wrap: shipped.requestId({ trustIncoming: true }) }],
  responseTime: [{ wrap: shipped.responseTime() }],
  session: [
    {
      wrap: shipped.session({ keys: ['0123456789abcdef0123456789abcdef'] }),
      requests: [{ HTTP_COOKIE: 'session=a.b' }],
    },
  ],
  staticFiles: [
    {
      wrap: shipped.staticFiles({ root, precompressed: true }),
      requests: [{ HTTP_ACCEPT_ENCODING: 'gzip' }, ...CONDITIONS].map((each) => ({ ...each, PATH_INFO: '/a.txt' })),
    },
  ],
  trustProxy: [
    { wrap: shipped.trustProxy(proxies), requests: [FROM_PROXY] },
    { wrap: shipped.trustProxy({ ...proxies, fields: 'forwarded' }), requests: [FROM_PROXY] },
  ],
  validator: [{ wrap: checking, requests: [WHOLE], head: true }],
};

/** Exports that are no middleware, or one of others. `Head` is what all of them use. */
const NO_MIDDLEWARE = [
  'compose',
  'staticApplication',
  'copyEnviron',
  'sendFile',
  'DROP',
  'Head',
  'Session',
  'SessionTooLarge',
  'sessionOf',
  'ValidationError',
];

/** Fields of a response that middleware looks at. */
const RESPONSE = [
  'Content-Type',
  'Content-Length',
  'Content-Encoding',
  'Cache-Control',
  'ETag',
  'Last-Modified',
  'Vary',
  'X',
];

/** Of no file: it would be read each time. */
const FRAMES = '\n    at f (node:fs:1:1)';

interface Exchange {
  environ: Record<string, string>;
  field?: HeaderField;
  status?: string;
  /** Also what the application throws, instead of the text. */
  thrown?: string;
}

function run(
  wrap: shipped.Middleware,
  { environ, field, status = '200 OK', thrown }: Exchange,
  seen?: Set<string>,
): void {
  const app = wrap(
    markSync((inner: Environ, startResponse) => {
      if (inner['quaich.session'] !== undefined) shipped.sessionOf(inner).get('a');
      if (thrown !== undefined) throw Object.assign(new Error(thrown), { stack: `Error: ${thrown}${FRAMES}` });
      startResponse(status, field === undefined ? [['Content-Type', 'text/plain']] : [field]);
      return [Buffer.from('a')];
    }),
  );
  const whole = Object.assign(syncEnviron(), environ);
  // Not for the validator, which refuses a Proxy, and reads everything.
  const watched = new Proxy(whole, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof key === 'string' && (value === undefined || typeof value === 'string')) seen?.add(key);
      return value;
    },
  });
  const body = app(seen === undefined ? whole : watched, () => () => {});
  for (const _chunk of body);
  body.close?.();
}

describe('quaich/middleware and quaich/validate', () => {
  it('M-23 has an entry for each export', () => {
    const exports = [...Object.keys(shipped), ...Object.keys(validation)].sort();
    expect([...Object.keys(SUBJECTS), ...NO_MIDDLEWARE].sort()).toEqual(exports);
  });

  it.each(Object.entries(SUBJECTS))('M-23 %s reads text in linear time', { timeout: 60_000 }, (_name, subjects) => {
    for (const { wrap, requests = [{}], head = false, failing = false } of subjects) {
      const thrown = failing ? 'x' : undefined;
      const judged = new Set<string>();
      for (const environ of requests) {
        const seen = new Set<string>();
        if (wrap !== checking) run(wrap, { environ, thrown }, seen);
        for (const name of [...Object.keys(environ), ...seen].filter((each) => !judged.has(each))) {
          judged.add(name);
          const found = judge((text) => run(wrap, { environ: { ...environ, [name]: text }, thrown }));
          expect([name, found]).toEqual([name, []]);
        }
      }
      const [environ] = requests;
      for (const name of head ? RESPONSE : []) {
        expect([name, judge((text) => run(wrap, { environ, field: [name, text] }))]).toEqual([name, []]);
      }
      expect(
        judge((text) =>
          run(wrap, { environ, field: [text, 'a'], status: `200 ${text}`, thrown: failing ? text : thrown }),
        ),
      ).toEqual([]);
    }
  });
});
