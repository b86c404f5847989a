/** CGI programs, started as a web server starts them. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const program = fileURLToPath(new URL('./apps/cgi.mjs', import.meta.url));

const VARIABLES = {
  PATH: process.env.PATH ?? '',
  GATEWAY_INTERFACE: 'CGI/1.1',
  REQUEST_METHOD: 'GET',
  SCRIPT_NAME: '/cgi-bin/app',
  PATH_INFO: '/a',
  QUERY_STRING: '',
  SERVER_NAME: 'example.org',
  SERVER_PORT: '80',
  SERVER_PROTOCOL: 'HTTP/1.1',
};

interface Outcome {
  /** Latin-1. */
  out: string;
  errors: string;
  code: number | null;
}

interface Run {
  variables?: { [name: string]: string };
  input?: string;
  argument?: string;
}

function start(app: string, { variables = {}, argument = '' }: Run = {}): ChildProcess {
  return spawn(process.execPath, [program, app, argument], { env: { ...VARIABLES, ...variables } });
}

async function collect(stream: NodeJS.ReadableStream | null): Promise<string> {
  const blocks: Buffer[] = [];
  for await (const block of stream as NodeJS.ReadableStream) blocks.push(block as Buffer);
  return Buffer.concat(blocks).toString('latin1');
}

async function run(app: string, options: Run = {}): Promise<Outcome> {
  const child = start(app, options);
  child.stdin?.on('error', () => {}); // programs need not read
  child.stdin?.end(options.input ?? '', 'latin1');
  const ended = once(child, 'exit');
  const [out, errors] = await Promise.all([collect(child.stdout), collect(child.stderr)]);
  const [code] = await ended;
  return { out, errors, code };
}

/** An environ as the program tells it. */
const parse = (out: string) => JSON.parse(Buffer.from(bodyOf(out), 'latin1').toString());
const bodyOf = (out: string): string => out.slice(out.indexOf('\r\n\r\n') + 4);

describe.each([
  ['a sync application', ''],
  ['an async application', 'Async'],
])('%s', (_, suffix) => {
  test('G-170 G-171 answers with Status, fields and body, and the program ends with 0', async () => {
    const { out, code } = await run(`echo${suffix}`, {
      variables: { REQUEST_METHOD: 'POST', CONTENT_LENGTH: '3' },
      input: 'abc',
    });
    const length = suffix === '' ? 'Content-Length: 3\r\n' : '';
    expect(out).toBe(`Status: 200 OK\r\nContent-Type: text/plain\r\n${length}\r\nabc`);
    expect(code).toBe(0);
  });

  test('G-170 reads no more than CONTENT_LENGTH, and nothing without it', async () => {
    const post = { REQUEST_METHOD: 'POST' };
    const some = await run(`echo${suffix}`, { variables: { ...post, CONTENT_LENGTH: '2' }, input: 'abc' });
    expect(bodyOf(some.out)).toBe('ab');
    for (const CONTENT_LENGTH of ['', '0']) {
      const none = await run(`echo${suffix}`, { variables: { ...post, CONTENT_LENGTH }, input: 'abc' });
      expect(bodyOf(none.out)).toBe('');
      expect(none.out).toMatch(/^Status: 200 OK\r\n/);
    }
  });

  test('G-170 G-44 G-45 U-44 has an environ of one request in one process', async () => {
    const environ = parse((await run(`environ${suffix}`)).out);
    expect(environ).toMatchObject({
      ...VARIABLES,
      'wsgi.run_once': true,
      'wsgi.multithread': false,
      'wsgi.multiprocess': true,
      'wsgi.url_scheme': 'http',
      'quaich.async': suffix !== '',
    });
  });

  test('G-171 U-43 large responses arrive whole at a slow reader', async () => {
    const child = start(`large${suffix}`);
    child.stdout?.pause();
    await once(child.stdout as NodeJS.ReadableStream, 'readable'); // the pipe is full soon
    const out = await collect(child.stdout);
    expect(bodyOf(out)).toBe(
      Array.from({ length: 200 }, (__, i) => String.fromCharCode(97 + (i % 26)).repeat(50_000)).join(''),
    );
    if (child.exitCode === null) await once(child, 'exit');
    expect(child.exitCode).toBe(0);
  });

  test('G-110 G-111 ends its body when the web server does not read any more', async () => {
    const child = start(`lines${suffix}`);
    const errors = collect(child.stderr);
    const ended = once(child, 'exit');
    child.stdout?.once('data', () => child.stdout?.destroy());
    expect((await ended)[0]).toBe(0);
    expect(await errors).toBe(suffix === '' ? 'body ended\n' : 'aborted\nbody ended\n');
  });

  test.runIf(existsSync('/dev/full')).each(['environ', 'large', 'writes'])(
    'G-141 ends with 1, and says why, where its output cannot be written: %s',
    async (name) => {
      const full = openSync('/dev/full', 'w');
      const stdio: StdioOptions = ['ignore', full, 'pipe'];
      const child = spawn(process.execPath, [program, `${name}${suffix}`], { env: VARIABLES, stdio });
      closeSync(full);
      const ended = once(child, 'exit');
      expect(await collect(child.stderr)).toMatch(/^quaich: GET ".*ENOSPC/s);
      expect((await ended)[0]).toBe(1);
    },
  );

  test('G-63 fails to read a body that is cut short', async () => {
    const { out } = await run(`echo${suffix}`, {
      variables: { REQUEST_METHOD: 'POST', CONTENT_LENGTH: '9' },
      input: 'abc',
    });
    expect(bodyOf(out)).not.toContain('abc');
  });
});

describe('the variables', () => {
  const environ = async (variables: { [name: string]: string }, argument = '') =>
    parse((await run('environ', { variables, argument })).out);

  test('G-170 U-34 are native strings', async () => {
    const found = await environ({ PATH_INFO: '/\u00e9\u20ac', SOME_TEXT: '\u20ac' });
    expect(found.PATH_INFO).toBe(Buffer.from('/\u00e9\u20ac').toString('latin1'));
    expect(found.SOME_TEXT).toBe(Buffer.from('\u20ac').toString('latin1'));
  });

  test.runIf(process.platform === 'linux')('G-170 keep bytes that are no UTF-8', async () => {
    // Node can neither pass such bytes nor see them; the shell can.
    const child = spawn(
      'sh',
      ['-c', 'PATH_INFO=$(printf "/\\351\\377") exec "$0" "$1" environ', process.execPath, program],
      {
        env: VARIABLES,
      },
    );
    child.stdin.end();
    expect(parse(await collect(child.stdout)).PATH_INFO).toBe('/\u00e9\u00ff');
  });

  test('G-172 HTTP_PROXY is ignored, HTTPS sets the scheme, a missing path is repaired', async () => {
    const found = await environ({ HTTP_PROXY: 'evil:3128', HTTPS: 'on', SCRIPT_NAME: '', PATH_INFO: '' });
    expect(found.HTTP_PROXY).toBeUndefined();
    expect(found['wsgi.url_scheme']).toBe('https');
    expect(found.PATH_INFO).toBe('/');
    for (const HTTPS of ['1', 'yes']) expect((await environ({ HTTPS }))['wsgi.url_scheme']).toBe('https');
    expect((await environ({ HTTPS: 'off' }))['wsgi.url_scheme']).toBe('http');
  });

  test('G-173 U-44 with the option for IIS, SCRIPT_NAME is cut from PATH_INFO', async () => {
    const variables = { SCRIPT_NAME: '/cgi-bin/app', PATH_INFO: '/cgi-bin/app/a' };
    expect((await environ(variables)).PATH_INFO).toBe('/cgi-bin/app/a');
    expect((await environ(variables, 'iis')).PATH_INFO).toBe('/a');
  });
});

describe('failures', () => {
  test('G-140 before the head: a page, the trace on standard error, and exit status 0', async () => {
    const { out, errors, code } = await run('fails');
    expect(out).toMatch(/^Status: 500 Internal Server Error\r\n/);
    expect(out).not.toContain('before the head');
    expect(errors).toContain('before the head');
    expect(code).toBe(0);
  });

  test('G-141 within the body: the exit status tells', async () => {
    const { out, errors, code } = await run('breaks');
    expect(bodyOf(out)).toBe('half');
    expect(errors).toContain('within the body');
    expect(code).toBe(1);
  });

  test('a length that is none: 400', async () => {
    const { out, code } = await run('echo', { variables: { REQUEST_METHOD: 'POST', CONTENT_LENGTH: 'many' } });
    expect(out).toMatch(/^Status: 400 Bad Request\r\n/);
    expect(code).toBe(0);
  });

  test('started by hand: a clear error', async () => {
    const child = spawn(process.execPath, [program, 'echo'], { env: { PATH: process.env.PATH } });
    const [errors] = await Promise.all([collect(child.stderr), once(child, 'exit')]);
    expect(errors).toContain('REQUEST_METHOD is not set');
    expect(child.exitCode).toBe(1);
  });
});

test('L-02 L-08 the hooks run around the request', async () => {
  const { out, errors, code } = await run('hooked');
  expect(bodyOf(out)).toBe('true');
  expect(errors).toBe('shut down\n');
  expect(code).toBe(0);
});

test('G-170 what lies behind the body stays unread', async () => {
  const { out } = await run('leaves', {
    variables: { REQUEST_METHOD: 'POST', CONTENT_LENGTH: '3' },
    input: 'abcrest',
  });
  expect(bodyOf(out)).toBe('abc|rest');
});
