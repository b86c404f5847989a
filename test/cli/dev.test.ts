// The parts of `quaich dev` that need no server.
import { EventEmitter } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { clickable } from '../../src/cli/dev/banner.ts';
import { openBrowser } from '../../src/cli/dev/browser.ts';
import { coloured, paintFor, plain } from '../../src/cli/dev/colours.ts';
import { runDev } from '../../src/cli/dev/dev.ts';
import { loadFailure } from '../../src/cli/dev/failure.ts';
import { type KeyActions, listenToKeys } from '../../src/cli/dev/keys.ts';
import { developmentOptions, foldersOf, parseDevArguments } from '../../src/cli/dev/options.ts';
import { requestLines } from '../../src/cli/dev/request-lines.ts';
import { projectOf, SourceWatcher } from '../../src/cli/dev/watch.ts';
import { ConfigurationError, QuaichError } from '../../src/interface/errors.ts';
import { explain } from '../../src/pool/module-error.ts';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'quaich-dev-')));
afterAll(() => rmSync(directory, { recursive: true }));
const write = (name: string, text: string): string => {
  const file = join(directory, name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text);
  return file;
};

class Terminal extends EventEmitter {
  readonly isTTY = true;
  readonly setRawMode = vi.fn();
  readonly resume = vi.fn();
  readonly pause = vi.fn();
}

const actions = () => ({ r: vi.fn(), o: vi.fn(), c: vi.fn(), q: vi.fn(), h: vi.fn() }) satisfies KeyActions;

describe('the keys', () => {
  it('do what they are for, large or small, and several at a time', () => {
    const terminal = new Terminal();
    const done = actions();
    listenToKeys(terminal, done);
    expect(terminal.setRawMode).toHaveBeenCalledWith(true);
    terminal.emit('data', Buffer.from('rRo\x1b[Axc'));
    expect(Object.values(done).map(({ mock }) => mock.calls.length)).toEqual([2, 1, 1, 0, 0]);
  });

  it('Control-C and Control-D quit, since they are no signals then', () => {
    const terminal = new Terminal();
    const done = actions();
    listenToKeys(terminal, done);
    terminal.emit('data', '\x03');
    terminal.emit('data', '\x04');
    expect(done.q).toHaveBeenCalledTimes(2);
  });

  it('end with the terminal in its usual mode', () => {
    const terminal = new Terminal();
    listenToKeys(terminal, actions())();
    expect(terminal.setRawMode).toHaveBeenLastCalledWith(false);
    expect(terminal.pause).toHaveBeenCalled();
    expect(terminal.listenerCount('data')).toBe(0);
  });

  it('are none without a terminal', () => {
    const pipe = Object.assign(new Terminal(), { isTTY: false });
    listenToKeys(pipe, actions())();
    expect(pipe.setRawMode).not.toHaveBeenCalled();
  });
});

describe('colours', () => {
  it.each([
    [true, {}, coloured],
    [false, {}, plain],
    [true, { NO_COLOR: '1' }, plain],
    [true, { NO_COLOR: '' }, coloured],
    [true, { TERM: 'dumb' }, plain],
    [false, { FORCE_COLOR: '1' }, coloured],
    [false, { FORCE_COLOR: '' }, coloured],
    [true, { FORCE_COLOR: '0' }, plain],
    [false, { FORCE_COLOR: '1', NO_COLOR: '1' }, coloured],
  ])('on a terminal: %s, with %o', (terminal, env, paint) => {
    expect(paintFor(terminal, env)).toBe(paint);
  });
});

describe('the lines of requests', () => {
  it('have method, target, status and time; control characters are shown', () => {
    const record = { method: 'POST', target: '/a\x1b[31m\u00e9', status: 201, durationMs: 3.1259 };
    const text = `${JSON.stringify(record)}\n${JSON.stringify({ ...record, status: 500 })}\n`;
    const line = 'POST /a\\u001b[31m\\u00e9';
    expect(requestLines(text, plain)).toBe(`${line} 201 3.1 ms\n${line} 500 3.1 ms\n`);
    expect(requestLines(text, coloured)).toContain('\x1b[32m201\x1b[39m');
    expect(requestLines(text, coloured)).toContain('\x1b[31m500\x1b[39m');
  });
});

describe('addresses', () => {
  it.each([
    ['http://0.0.0.0:8000', 'http://localhost:8000/'],
    ['http://[::]:8000', 'http://localhost:8000/'],
    ['https://127.0.0.1:8443', 'https://localhost:8443/'],
    ['http://192.168.1.2:80', 'http://192.168.1.2:80/'],
    ['unix:/run/site.sock', 'unix:/run/site.sock'],
  ])('%s is %s to a browser', (url, expected) => expect(clickable(url)).toBe(expected));

  it('tells when there is no browser', async () => {
    const reason = await new Promise((resolve) => openBrowser('http://localhost/', { BROWSER: '/none' }, resolve));
    expect(reason).toContain('ENOENT');
  });
});

describe('a failure to load', () => {
  const file = write('lib/broken.js', 'one;\ntwo;\nthree;\n');

  it.each([
    ['words of ours', new ConfigurationError(`cannot load ./x.js: TypeError: no (at ${file}:2:1); and more`), ':2:1'],
    ['a line without a column', new ConfigurationError(`cannot load ./x.js: SyntaxError: no (at ${file}:2)`), ':2'],
    ['a compiler', new ConfigurationError(`cannot load ./x.ts: Transform failed: ${file}:2:1: ERROR: no`), ':2:1'],
    [
      'a stack',
      new QuaichError('QUAICH_STARTUP', `Error: no\n    at startup (${file}:2:1)\n    at node:x:1:1`),
      ':2:1',
    ],
  ])('L-62 has its source by %s', (_, error, place) => {
    const { message, source } = loadFailure(error);
    expect(message).toBe(error.message);
    expect(source.startsWith(`${file}${place}\n\n`)).toBe(true);
    expect(source).toContain('>     2 | two;');
  });

  it('has none where no file is named, or one that is not there', () => {
    for (const text of ['no application', 'no (at /none/x.js:1:1)', `cannot find module "${file}"`])
      expect(loadFailure(new ConfigurationError(text)).source).toBe('');
  });

  it('L-62 of a syntax error names the file, however deep its import', () => {
    const entry = write('deep/a.mjs', "import { b } from './b.mjs';\n");
    write('deep/b.mjs', "export * from './sub/c.mjs';\n");
    const broken = write('deep/sub/c.mjs', 'const c = 1;\nexport const b = 1 +;\n');
    expect(explain(Object.assign(new SyntaxError("Unexpected token ';'"), { stack: '' }), entry)).toContain(
      `(at ${broken}:2)`,
    );
  });
});

describe('the options', () => {
  const made = (
    origins: [string, string][],
    options = {},
    certificate: { tlsCert?: string; tlsKey?: string } | null = null,
  ) =>
    developmentOptions(
      {
        options: { apps: ['/a=./a.js', { module: './b.js', inline: true }], ...options },
        origins: new Map(origins),
        warnings: [],
      },
      { requests: { write: () => true }, certificate },
    );

  it('take the switches of the command beside all settings', () => {
    const { open, https, others } = parseDevArguments(['--open', './site.js', '--sync-workers', '3']);
    expect({ open, https, apps: others.apps }).toEqual({ open: true, https: false, apps: ['./site.js'] });
    expect(() => parseDevArguments(['--opn'])).toThrow('unknown option --opn');
  });

  it('L-64 put the validator and the error page around applications, and run all of them on workers', () => {
    const { apps, inline, validate, wrapper } = made([], { inline: true });
    expect(apps).toEqual([
      { prefix: '/a', module: './a.js', inline: false },
      { module: './b.js', inline: false },
    ]);
    expect({ inline, validate }).toEqual({ inline: false, validate: false });
    expect(wrapper).toMatch(/\/cli\/dev\/around\.js$/);
  });

  it('leave to their owner what he has set', () => {
    expect(made([], { syncWorkers: 7, timeoutGraceful: '9s' })).toMatchObject({
      syncWorkers: 7,
      timeoutGraceful: '9s',
    });
    expect(made([['accessLog', '--no-access-log']], { accessLog: false })).not.toHaveProperty('accessLogStream');
    expect(made([]).accessLogFormat).toBe('json');
  });

  it('speak TLS on addresses for HTTP where that is asked for', () => {
    const files = { tlsCert: 'c.pem', tlsKey: 'k.pem' };
    expect(made([], {}, files)).toMatchObject({ bind: ['https://127.0.0.1:8000'], ...files });
    const bind = ['127.0.0.1:1', 'unix:/a.sock', 'fastcgi://127.0.0.1:2'];
    expect(made([], { bind }, files).bind).toEqual(['https://127.0.0.1:1', 'unix:/a.sock', 'fastcgi://127.0.0.1:2']);
    const own = made([], { tlsCert: ['own.pem'], tlsKey: ['own-key.pem'] }, {});
    expect(own).toMatchObject({ tlsCert: ['own.pem'], tlsKey: ['own-key.pem'] });
  });
});

describe('the watched files', () => {
  it('are those of the project of each application', () => {
    write('project/package.json', '{}');
    write('project/src/site.js', '');
    expect(projectOf(join(directory, 'project/src/site.js'))).toBe(join(directory, 'project'));
    const folders = foldersOf({ apps: ['./project/src/site.js', '/b=./project/none.js'], directory });
    expect(folders).toEqual([join(directory, 'project'), join(directory, 'project')]);
  });

  it('L-61 are told once for several events, and others never', async () => {
    const root = join(directory, 'watched');
    write('watched/a.js', '1');
    const told: (readonly string[])[] = [];
    const named = write('elsewhere/.settings', '1');
    const watcher = new SourceWatcher({
      folders: [root],
      files: [named],
      changed: (files) => told.push(files),
      failed: vi.fn(),
    });
    await watcher.ready;
    write('watched/node_modules/b.js', '');
    write('watched/.git/c.js', '');
    write('watched/d.sqlite', '');
    write('watched/a.js', '2');
    await vi.waitFor(() => expect(told).toEqual([[join(root, 'a.js')]]), 10_000);
    write('watched/new/e.js', '');
    await vi.waitFor(() => expect(told.flat()).toContain(join(root, 'new/e.js')), 10_000);
    writeFileSync(named, '2');
    await vi.waitFor(() => expect(told.flat()).toContain(named), 10_000);
    expect(told.flat().filter((file) => /node_modules|\.git|sqlite/.test(file))).toEqual([]);
    await watcher.close();
  });
});

describe('the command', () => {
  const io = () => ({
    env: {},
    directory,
    stdin: new Terminal(),
    stdout: vi.fn(),
    stderr: vi.fn(),
    terminals: { stdout: false, stderr: false },
    signals: { on: vi.fn() },
    kill: vi.fn(),
  });

  it('ends with what is wrong, and gives the terminal back', async () => {
    const world = io();
    expect(await runDev([], world)).toBe(2);
    expect(world.stderr).toHaveBeenCalledWith(expect.stringMatching(/^quaich: no application/));
    expect(world.stdin.setRawMode).toHaveBeenLastCalledWith(false);
  });

  it('has a help of one screen', async () => {
    const world = io();
    expect(await runDev(['--help'], world)).toBe(0);
    const [[text]] = world.stdout.mock.calls;
    expect(text.split('\n').filter((line: string) => line.length > 100)).toEqual([]);
    expect(text).toMatch(/--open[\s\S]*--https/);
  });
});
