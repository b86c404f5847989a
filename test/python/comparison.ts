/** The same Python application on gunicorn and on Quaich, the same requests to both, and what may differ. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { parseResponses, talk, type WireResponse } from '../server/client.ts';
import { LONG, Program } from '../server/deployment.ts';
import { cache } from './folder.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const sites = join(root, 'test/python/sites');
/** Packages that Debian has installed: for its own Python and gunicorn, and pure enough for ours. */
const PACKAGES = '/usr/lib/python3/dist-packages';
/** What makes those of Debian 12 run on a newer Python. */
const DEBIAN12 = join(root, 'test/python/debian12');

/** Whether everything is there that a comparison needs; says so in the output of the tests where it is not. */
export function canCompare(...packages: string[]): boolean {
  const isThere = (name: string) => ['', '.py'].some((ending) => existsSync(join(PACKAGES, name + ending)));
  const missing = ['gunicorn', ...packages].filter((name) => !isThere(name));
  if (!existsSync(join(root, 'node_modules/pyodide'))) missing.unshift('the npm package pyodide');
  if (missing.length > 0) console.log(`${missing.join(', ')} not installed: the comparison with gunicorn is skipped.`);
  return missing.length === 0;
}

/** For an order of sets that is the same with each start. */
const env = { PYTHONHASHSEED: '0' };

/** What a program says of its address, once it does. */
const address = (program: Program, pattern: RegExp): Promise<string> =>
  vi.waitFor(
    () => {
      const found = pattern.exec(program.said);
      if (found === null) throw new Error(`no address yet: ${program.said}`);
      return found[1];
    },
    { timeout: LONG, interval: 20 },
  );

/**
 * @param application `MODULE:NAME`, a module of `sites`
 * @returns the address of a gunicorn that serves it
 */
export function onGunicorn(application: string, more: NodeJS.ProcessEnv = {}): Promise<string> {
  const argv = ['--bind', '127.0.0.1:0', '--workers', '1', '--chdir', sites, '--pythonpath', DEBIAN12, application];
  const own = { ...env, ...more, PYTHONDONTWRITEBYTECODE: '1' };
  return address(new Program('gunicorn', argv, sites, own), /Listening at: (\S+)/);
}

/**
 * @param applications as the command takes them, relative to `sites`
 * @returns the address of a Quaich with one worker that serves them
 */
export function onQuaich(applications: string[], more: NodeJS.ProcessEnv = {}): Promise<string> {
  const path = ['--python-path', DEBIAN12, '--python-path', PACKAGES];
  const argv = [...applications, '--bind', '127.0.0.1:0', '--sync-workers', '1', '--python-cache', cache, ...path];
  const main = join(root, 'dist/src/cli/main.js');
  return address(new Program(process.execPath, [main, ...argv], sites, { ...env, ...more }), /listening on (\S+)/);
}

/** A request, as the table of a site has it. */
export interface Asked {
  method: string;
  /**
   * Target, fields and body; `$HOST` stands for the host that is asked, `$COOKIE` for the cookie that the answer before
   * has set.
   */
  text: string;
  /** What may differ, beside what always may. */
  may: Difference[];
}

function asked(method: string, target: string, fields: Record<string, string>, body: string, may: Difference[]): Asked {
  const lines = Object.entries({ Host: '$HOST', ...fields, Connection: 'close' });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return { method, text: `${target} HTTP/1.1\r\n${head}\r\n${body}`, may };
}

export const get = (target: string, fields: Record<string, string> = {}, ...may: Difference[]): Asked =>
  asked('GET', target, fields, '', may);
export const head = (target: string, ...may: Difference[]): Asked => asked('HEAD', target, {}, '', may);
export const other = (method: string, target: string, ...may: Difference[]): Asked =>
  asked(method, target, {}, '', may);

export function post(target: string, body: string, type = 'text/plain', ...may: Difference[]): Asked {
  return asked('POST', target, { 'Content-Type': type, 'Content-Length': String(body.length) }, body, may);
}

/** A body in chunks, whose length nobody has announced. */
export function chunked(target: string, ...chunks: string[]): Asked {
  const body = [...chunks, ''].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
  return asked('POST', target, { 'Transfer-Encoding': 'chunked' }, body, []);
}

export const form = (target: string, fields: string, ...may: Difference[]): Asked =>
  post(target, fields, 'application/x-www-form-urlencoded', ...may);

/** A form with a file of so many bytes, named with more than ASCII. */
export function upload(target: string, size: number): Asked {
  const part = (disposition: string, text: string) =>
    `--edge\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${text}\r\n`;
  const file = 'name="file"; filename="caf\xc3\xa9.bin"\r\nContent-Type: application/octet-stream';
  const content = '0123456789abcdef'.repeat(Math.ceil(size / 16)).slice(0, size);
  const body = `${part('name="note"', 'a note')}${part(file, content)}--edge--\r\n`;
  return post(target, body, 'multipart/form-data; boundary=edge');
}

/** What may differ, and why; each takes it out of the answers of both. */
const DIFFERENCES = {
  /** The error has left the application: each server has a page of its own. */
  'error page': (answer: WireResponse) => ({ ...answer, headers: [], body: '', complete: true }),
  /** gunicorn leaves it to the application to send none. */
  'body of HEAD': (answer: WireResponse) => answer,
  /** gunicorn 20 sends the fields of before, too, where start_response is called again with exc_info. */
  'replaced fields': ({ headers, ...answer }: WireResponse) => ({
    ...answer,
    headers: [...new Map(headers.map((field) => [field.join(), field])).values()],
  }),
  /** The order of a set is that of its hashes. */
  'order of a set': changedFields('allow', (value) => value.split(/, */).sort().join()),
  /** A random or timed value. */
  'value of a cookie': changedFields('set-cookie', (value) =>
    value.replace(/=[^;]*/, '=...').replace(/expires=[^;]*/i, 'expires=...'),
  ),
  /** File times have milliseconds in Pyodide, nanoseconds elsewhere. */
  'time in an ETag': changedFields('etag', () => '...'),
  /** Line numbers of another version of Python. */
  traceback: ({ headers, body, ...answer }: WireResponse) => ({
    ...answer,
    headers: headers.filter(([name]) => name.toLowerCase() !== 'content-length'),
    body: body.replace(/Traceback \(most[\s\S]*?(?=<\/pre>)/, '...'),
  }),
} satisfies Record<string, (answer: WireResponse) => WireResponse>;

export type Difference = keyof typeof DIFFERENCES;

function changedFields(which: string, change: (value: string) => string) {
  return ({ headers, ...answer }: WireResponse): WireResponse => ({
    ...answer,
    headers: headers.map(([name, value]) => [name, name.toLowerCase() === which ? change(value) : value]),
  });
}

/** Fields of the server and the connection. */
const OWN = new Set(['date', 'server', 'connection', 'keep-alive', 'transfer-encoding']);

/**
 * What has to be the same. Quaich gives the length of a body of one chunk, where gunicorn sends it chunked: a length
 * that is right says nothing new. gunicorn takes white space off the ends of values, where it has no meaning.
 */
function comparable({ method, may }: Asked, answer: WireResponse): WireResponse {
  const isRight = (value: string) => method !== 'HEAD' && answer.complete && Number(value) === answer.body.length;
  const headers = answer.headers
    .filter(([name, value]) => {
      const key = name.toLowerCase();
      return !OWN.has(key) && (key !== 'content-length' || !isRight(value));
    })
    .map(([name, value]): [string, string] => [name, value.trim()]);
  return may.reduce((changed, name) => DIFFERENCES[name](changed), { ...answer, headers });
}

/** What gunicorn has sent up to the end of the head. Nobody else's body is passed over. */
function headOf(received: string): string {
  return /^Server: gunicorn/m.test(received) ? received.slice(0, received.indexOf('\r\n\r\n') + 4) : received;
}

/** Where a site is on its server. */
export interface Place {
  host: string;
  mount: string;
}

/** Sends requests to one server after the other, and gives what has to be the same. */
export async function answersOf(
  url: string,
  requests: readonly Asked[],
  { host = 'site.test', mount = '' }: Partial<Place>,
): Promise<WireResponse[]> {
  const answers: WireResponse[] = [];
  let cookie = '';
  for (const one of requests) {
    const { method, text } = one;
    const asking = text.replace('$HOST', host).replace('$COOKIE', () => cookie);
    const received = await talk(url, `${method} ${mount}${asking}`);
    const [answer] = parseResponses(one.may.includes('body of HEAD') ? headOf(received) : received, [method]);
    const set = answer.headers.find(([name]) => name.toLowerCase() === 'set-cookie');
    if (set !== undefined) [cookie] = set[1].split(';');
    answers.push(comparable(one, answer));
  }
  return answers;
}
