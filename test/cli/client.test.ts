// quaich fetch and quaich check, called in this process.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { CheckedApplication } from '../../src/cli/check-mounts.ts';
import { runCheck } from '../../src/cli/client/check.ts';
import { runFetch } from '../../src/cli/client/fetch.ts';
import { parseFetchArguments } from '../../src/cli/client/fetch-options.ts';
import { takeOptions } from '../../src/cli/client/own-options.ts';
import { run } from '../../src/cli/run.ts';
import { ConfigurationError } from '../../src/interface/errors.ts';
import { loadApplication } from '../../src/pool/load.ts';
import type { ResolvedOptions } from '../../src/server/options.ts';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'quaich-client-')));
afterAll(() => rmSync(directory, { recursive: true }));

const files: Record<string, string> = {
  'package.json': '{"type":"module"}',
  'site.js': `export function app(environ, startResponse) {
    environ['wsgi.errors'].write('seen ' + environ.PATH_INFO + '\\n');
    const body = Buffer.from(environ['wsgi.input'].read());
    if (environ.PATH_INFO === '/missing') {
      startResponse('404 Not Found', [['Content-Type', 'text/plain']]);
      return [Buffer.from('no')];
    }
    startResponse('200 OK', [['Content-Type', 'text/plain'], ['X-Type', environ.CONTENT_TYPE ?? '']]);
    const { REQUEST_METHOD: method, SCRIPT_NAME: script, PATH_INFO: path, QUERY_STRING: query } = environ;
    return [Buffer.from([method, script, path, query, environ.HTTP_X_A ?? '', body.toString()].join('|'))];
  }`,
  'async.js': `const log = [];
  export async function* app(environ, startResponse) {
    startResponse('201 Created', [['Content-Type', 'text/plain']]);
    yield Buffer.from('first ');
    if (environ.QUERY_STRING === 'break') throw new Error('no second');
    yield Buffer.from('second ' + environ['quaich.state'].word + ' ' + environ.STAGE);
  }
  export function startup(state) { state.word = 'started'; globalThis.clientLog = log; log.push('startup'); }
  export function shutdown() { log.push('shutdown'); }`,
  'wrong.js': `export function app(environ, startResponse) {
    startResponse('200 OK', [['Content-Type', 'text/plain'], ['X-Count', 12]]);
    return [Buffer.from('x')];
  }`,
  'throws.js': `export function app(environ, startResponse) {
    if (environ.REQUEST_METHOD === 'POST') throw new RangeError('no forms');
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    return [Buffer.from('x')];
  }`,
  'stream.js': `export async function* app(environ, startResponse) {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    if (environ.REQUEST_METHOD === 'HEAD') return;
    for (let count = 0; ; count++) yield Buffer.from('x');
  }`,
  'untyped.js': `export function app(environ, startResponse) {
    startResponse('200 OK', []);
    return [];
  }`,
  'hook.js': `export function startup() { throw new Error('no database'); }
  export function app(environ, startResponse) { startResponse('200 OK', []); return []; }`,
  'body.txt': 'from a file',
};

beforeAll(() => {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
});

const probe = ({ apps, directory }: ResolvedOptions): Promise<CheckedApplication[]> =>
  Promise.all(apps.map(async (app) => ({ ...(await loadApplication(app, directory)).known, notes: [] })));

async function command(
  name: 'fetch' | 'check',
  argv: string[],
  { terminal = false, readers = Number.POSITIVE_INFINITY, env = {} } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const output = { stdout: '', stderr: '' };
  let taken = 0;
  const io = {
    env,
    directory,
    terminal,
    probe,
    stdout: (text: string) => (output.stdout += text),
    stderr: (text: string) => (output.stderr += text),
    body(bytes: Uint8Array) {
      output.stdout += Buffer.from(bytes).toString('latin1');
      return ++taken < readers;
    },
    kill: vi.fn(),
  };
  return { code: await (name === 'fetch' ? runFetch(argv, io) : runCheck(argv, io)), ...output };
}

describe('quaich fetch', () => {
  it('L-67 prints the body, and with -i or in a terminal the head before it', async () => {
    const body = 'GET||/a b|q=1||';
    const head = 'HTTP/1.1 200 OK\nContent-Type: text/plain\nX-Type: \nContent-Length: 15\n\n';
    const errors = 'seen /a b\n';
    const argv = ['./site.js', '/a%20b?q=1'];
    expect(await command('fetch', argv)).toEqual({ code: 0, stdout: body, stderr: errors });
    expect((await command('fetch', ['-i', ...argv])).stdout).toBe(head + body);
    expect((await command('fetch', argv, { terminal: true })).stdout).toBe(head + body);
    expect((await command('fetch', ['-X', 'HEAD', '-i', ...argv])).stdout).toBe(head.replace('15', '16'));
  });

  it('L-67 sends method, fields and body, of a file, too', async () => {
    const typed = ['-H', 'Content-Type: text/x', '--header=X-A:  b '];
    expect((await command('fetch', ['./site.js', '-d', 'a=1', '/', '-i'])).stdout).toMatch(
      /X-Type: application\/x-www-form-urlencoded\n[\s\S]*POST\|\|\/\|\|\|a=1$/,
    );
    expect((await command('fetch', ['-XPUT', ...typed, '-d', '@body.txt', './site.js', '/', '-i'])).stdout).toMatch(
      /X-Type: text\/x\n[\s\S]*PUT\|\|\/\|\|b\|from a file$/,
    );
  });

  it('L-67 calls the application whose mount has the path', async () => {
    const argv = ['./async.js', '/site=./site.js'];
    expect((await command('fetch', [...argv, '/site/x'])).stdout).toBe('GET|/site|/x|||');
    expect((await command('fetch', [...argv, '/sitex'], { env: { QUAICH_ENV: 'STAGE=test' } })).stdout).toBe(
      'first second started test',
    );
    expect(await command('fetch', ['/site=./site.js', '/other'])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'quaich: nothing is mounted at /other: there is /site\n',
    });
  });

  it('L-67 runs the hooks, and tells which of them failed', async () => {
    Reflect.deleteProperty(globalThis, 'clientLog');
    expect((await command('fetch', ['./async.js', '/'])).code).toBe(0);
    expect(Reflect.get(globalThis, 'clientLog').slice(-2)).toEqual(['startup', 'shutdown']);
    const { code, stderr } = await command('fetch', ['./hook.js', '/']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^quaich: the startup hook of \.\/hook\.js failed: Error: no database\n {4}at /);
  });

  it('L-67 has exit code 1 for a bad status, a broken response, and a reader that has gone', async () => {
    expect(await command('fetch', ['./site.js', '/missing'])).toMatchObject({ code: 1, stdout: 'no' });
    const broken = await command('fetch', ['./async.js', '/?break']);
    expect(broken).toMatchObject({ code: 1, stdout: 'first ' });
    expect(broken.stderr).toMatch(/Error: no second[\s\S]*\nquaich: the response broke off before its end\n$/);
    expect(await command('fetch', ['./stream.js', '/'], { readers: 3 })).toMatchObject({ code: 1, stdout: 'xxx' });
    expect(await command('fetch', ['./wrong.js', '/'])).toMatchObject({ code: 1 });
  });

  it('puts the validator around it where that is asked for', async () => {
    const { stderr } = await command('fetch', ['./wrong.js', '/', '--validate']);
    expect(stderr).toContain('ValidationError: V-54: ');
  });

  it.each([
    [[], 'no path: it is the last argument and begins with "/": quaich fetch ./site.js /'],
    [['./site.js'], 'no path: it is the last argument and begins with "/": quaich fetch ./site.js /'],
    [['./site.js', '/', '-H', 'no colon'], '--header: expected "NAME: VALUE", got "no colon"'],
    [['./site.js', '/', '-d'], '-d needs a value: BODY'],
    [['./site.js', '/', '--check'], '--check, --print-config and --version are for quaich without fetch'],
    [['./site.js', '/', '--hedaer', 'a: b'], 'unknown option --hedaer'],
    [['./none.js', '/'], 'cannot find module "./none.js"'],
    [['./site.js', '/', '-X', 'B@D'], 'a server refuses this request with 400'],
  ])('tells a mistake in one line: %j', async (argv, line) => {
    const { code, stdout, stderr } = await command('fetch', argv);
    expect(stderr).toContain(`quaich: ${line}`);
    expect({ code, stdout, lines: stderr.split('\n').length }).toEqual({ code: 2, stdout: '', lines: 2 });
  });

  it('has a help of 100 columns', async () => {
    const { code, stdout } = await command('fetch', ['--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: quaich fetch /);
    expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
  });
});

describe('the options of a command', () => {
  const table = { data: { value: 'BODY', short: 'd', text: '' }, include: { value: '', short: 'i', text: '' } };

  it('are found wherever they stand, and leave the others as they are', () => {
    const { given, rest } = takeOptions(['-c', 'a', '-d', '-x', 'b', '-i', '--data=', '-dy', '-ix', '--datax'], table);
    expect(Object.fromEntries(given)).toEqual({ data: ['-x', '', 'y'], include: [''] });
    expect(rest).toEqual(['-c', 'a', 'b', '-ix', '--datax']);
    expect(() => takeOptions(['--data'], table)).toThrow(new ConfigurationError('--data needs a value: BODY'));
  });

  it('of fetch have defaults', () => {
    expect(parseFetchArguments(['/'], directory)?.request).toEqual({ path: '/', method: 'GET', headers: [] });
    expect(parseFetchArguments(['/', '-d', ''], directory)?.request).toMatchObject({ method: 'POST' });
  });
});

describe('quaich check', () => {
  const sizes = [', 9 bytes', '', ', 13 bytes', ', 22 bytes', ', 34 bytes'];
  const requests = ['GET /', 'HEAD /', 'OPTIONS /', 'POST /', 'GET /quaich-check/no/such/path'];

  it('L-68 prints what would be mounted, and what each is answered', async () => {
    expect(await command('check', ['./site.js', '/a=./async.js'])).toEqual({
      code: 0,
      stdout: [
        'ok: / = ./site.js (sync)',
        'ok: /a = ./async.js (async)',
        '',
        '/  ./site.js',
        ...requests.map((request, index) => `  ${request.padEnd(32)}200 OK${sizes[index]}`),
        '',
        '/a  ./async.js',
        ...requests.map((request) => `  ${request.padEnd(32)}201 Created${request === 'HEAD /' ? '' : ', 30 bytes'}`),
        '',
        'nothing to mend',
        '',
      ].join('\n'),
      stderr: '',
    });
  });

  it('L-68 tells a broken rule once, with its row and what to do', async () => {
    const { code, stdout } = await command('check', ['./wrong.js']);
    expect(code).toBe(1);
    const told = /V-54: the value of the header "X-Count" is 12; .*String\(12\) \(at fault: the application\)/g;
    expect(stdout.match(told)).toHaveLength(1);
    expect(stdout).toContain(`${join(directory, 'wrong.js')}:`);
    expect(stdout).not.toContain(import.meta.dirname.replace(/test.cli$/, 'src'));
    expect(stdout).toMatch(/\n\nto mend: 1\n$/);
  });

  it('L-68 tells what an application throws, and for which request', async () => {
    const { code, stdout } = await command('check', ['./throws.js']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/ {2}POST \/ +500 [^\n]*\n {4}[^\n]*\n? *RangeError: no forms\n {8}at app /);
  });

  it('L-68 tells a warning once, which is nothing to mend', async () => {
    const { code, stdout } = await command('check', ['./untyped.js']);
    expect(code).toBe(0);
    expect(stdout.match(/^ {4}warning: V-60: a 200 response without a body has no Content-Type; .*$/gm)).toHaveLength(
      1,
    );
    expect(stdout).toMatch(/\n\nnothing to mend\n$/);
  });

  it('L-68 leaves a response that goes on', async () => {
    const { code, stdout } = await command('check', ['./stream.js']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/ {2}GET \/ +200 OK, 1000 bytes, left before its end\n {2}HEAD \/ +200 OK\n/);
  });

  it('L-68 --check calls nothing', async () => {
    const io = { stdout: '', stderr: '' };
    const code = await run(['--check', './throws.js', '/h=./hook.js'], {
      env: {},
      directory,
      probe,
      stdout: (text) => (io.stdout += text),
      stderr: (text) => (io.stderr += text),
      serve: () => Promise.reject(new Error('served')),
      signals: process,
      hungUp: () => false,
      kill: vi.fn(),
    });
    expect({ code, ...io }).toEqual({
      code: 0,
      stdout: 'ok: / = ./throws.js (sync)\nok: /h = ./hook.js (sync)\n',
      stderr: '',
    });
  });

  it('has a help of 100 columns', async () => {
    const { code, stdout } = await command('check', ['-h']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: quaich check /);
    expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
  });
});
