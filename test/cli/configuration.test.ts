import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { flagName, parseArguments } from '../../src/cli/arguments.ts';
import { configure, printConfiguration } from '../../src/cli/configuration.ts';
import { type Environment, variableName } from '../../src/cli/environment.ts';
import { settingNames, settings } from '../../src/server/options.ts';

const root = mkdtempSync(join(tmpdir(), 'quaich-config-'));
afterAll(() => rmSync(root, { recursive: true }));

let folders = 0;
function folder(files: Record<string, string> = {}): string {
  const directory = join(root, String(folders++));
  mkdirSync(directory);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

/** For settings whose default is none that could be given. */
const samples: Record<string, string> = {
  ...{ env: 'A=1', socketMode: '600', bind: '127.0.0.1:1', accessLogFile: 'x', errorLogFile: 'x' },
  ...{ tlsCert: 'x', tlsKey: 'x', tlsCa: 'x', import: 'x', pythonPath: 'x', pythonRoot: 'x' },
  ...{ user: 'nobody', group: '65534', umask: '027', pidFile: 'x' },
  healthPath: '/healthz',
  status: '127.0.0.1:2',
  trustedProxies: 'loopback',
};

const empty = folder();
const read = (argv: string[], env: Environment = {}, directory = empty) =>
  configure(parseArguments(argv), env, directory);

describe('parseArguments', () => {
  it('knows a flag for every setting, with a negative for every switch', () => {
    for (const name of settingNames) {
      const { value, default: normal } = settings[name];
      const flag = `--${flagName(name)}`;
      const argv = value === '' ? [flag] : [flag, samples[name] ?? String(normal)];
      expect(parseArguments(argv).layer.has(name), flag).toBe(true);
      if (value === '') expect(parseArguments([`--no-${flagName(name)}`]).layer.get(name)?.value).toBe(false);
    }
  });

  it('takes values behind a space or an equals sign, short flags, and applications anywhere', () => {
    const { apps, layer, config } = parseArguments([
      '/a=x',
      '-b',
      '127.0.0.1:1',
      '--bind=[::1]:2',
      '-c',
      'f.js',
      '--',
      'y',
    ]);
    expect(apps).toEqual(['/a=x', 'y']);
    expect(config).toBe('f.js');
    expect(layer.get('bind')?.value).toEqual(['127.0.0.1:1', '[::1]:2']);
  });

  it.each([
    [['-p', '3000'], '127.0.0.1:3000'],
    [['--port=3000', '--host', '0.0.0.0'], '0.0.0.0:3000'],
    [['--host', '::1'], '[::1]:8000'],
    [['--host', '[::1]', '-p', '0'], '[::1]:0'],
    [['--host', 'localhost', '-p', '1', '--port', '2'], 'localhost:2'],
  ])('makes an address of %j', (argv, address) => {
    expect(parseArguments(argv).layer.get('bind')?.value).toEqual([address]);
  });

  it('lets the last of two flags count', () => {
    const { layer } = parseArguments(['--inline', '--sync-workers', '1', '--no-inline', '--sync-workers', '2']);
    expect(layer.get('inline')?.value).toBe(false);
    expect(layer.get('syncWorkers')?.value).toBe(2);
  });

  it.each([
    [['--check'], 'check'],
    [['--print-config'], 'printConfig'],
    [['-h'], 'help'],
    [['--help'], 'help'],
    [['-v'], 'version'],
    [['--version'], 'version'],
    [['./site.js'], 'serve'],
  ])('takes %j for the command %s', (argv, command) => {
    expect(parseArguments(argv).command).toBe(command);
  });

  it.each([
    [['--bnid', 'x'], 'unknown option --bnid; did you mean --bind?'],
    [['--no-inlin'], 'unknown option --no-inlin; did you mean --no-inline?'],
    [['--no-bind'], 'unknown option --no-bind'],
    [['--qqqqqqqq=1'], 'unknown option --qqqqqqqq; see --help'],
    [['-z'], 'unknown option -z; see --help'],
    [['--bind'], '--bind needs a value: ADDRESS'],
    [['--bind='], '--bind needs a value: ADDRESS'],
    [['--bind', '--inline'], '--bind needs a value: ADDRESS'],
    [['--config', '-h'], '--config needs a value: PATH'],
    [['--inline=yes'], '--inline takes no value, got "yes"'],
    [['--sync-workers', '-1'], '--sync-workers: expected a whole number from 1 to 256, got "-1"'],
    [['--bind', '127.0.0.1:1', '--bind', 'x'], '--bind: address "x": the port is missing'],
    [['--env', '=x'], '--env: expected KEY=VALUE, got "=x"'],
    [['--constructor'], 'unknown option --constructor'],
    [['--port'], '--port needs a value: PORT'],
    [['--port', '65536'], '--port: address "127.0.0.1:65536": the port must be a number from 0 to 65535'],
    [['--host', '-p', '1'], '--host needs a value: HOST'],
    [['--bind', ':1', '--host', 'a'], '--host: an address is given by --bind already'],
    [['--threads', '2'], 'unknown option --threads: --sync-workers and --async-workers say how many threads serve'],
  ])('refuses %j', (argv, reason) => {
    expect(() => parseArguments(argv)).toThrow(reason);
  });
});

describe('the environment', () => {
  it('has a variable for every setting', async () => {
    for (const name of settingNames) {
      const { origins } = await read([], { [variableName(name)]: samples[name] ?? String(settings[name].default) });
      expect(origins.get(name)).toBe(variableName(name));
    }
  });

  it('separates lists by commas and pairs by newlines, and takes an empty variable for none', async () => {
    const { options, origins } = await read([], {
      QUAICH_BIND: '127.0.0.1:1, [::1]:2',
      QUAICH_ENV: 'A=1,2\nB=3',
      QUAICH_APPS: '/=a,/b=b:app',
      QUAICH_SYNC_WORKERS: '',
    });
    expect(options.bind).toEqual(['127.0.0.1:1', '[::1]:2']);
    expect(options.env).toEqual({ A: '1,2', B: '3' });
    expect(options.apps).toEqual(['/=a', '/b=b:app']);
    expect(origins.has('syncWorkers')).toBe(false);
  });

  it('names the variable of a bad value', async () => {
    await expect(read([], { QUAICH_INLINE: 'perhaps' })).rejects.toThrow(
      'QUAICH_INLINE: expected true or false, got "perhaps"',
    );
  });

  const names = ['SERVICE_PORT', 'SERVICE_PORT_HTTP', 'PORT_8000_TCP', 'PORT_8000_TCP_ADDR', 'PORT_8000_TCP_PROTO'];
  const kubernetes = Object.fromEntries(names.map((name) => [`QUAICH_${name}`, 'x']));

  it('warns of a misspelt variable, and leaves those of others alone', async () => {
    const { warnings } = await read([], {
      QUAICH_LIMIT_BODDY: '1',
      QUAICH_SERVICE_HOST: 'x',
      QUAICH_PORT: 'x',
      ...kubernetes,
      X: 'y',
    });
    expect(warnings).toEqual(['unknown environment variable QUAICH_LIMIT_BODDY; did you mean QUAICH_LIMIT_BODY?']);
  });
});

describe('variables of platforms', () => {
  it.each([
    [{ PORT: '3000' }, [':3000']],
    [{ PORT: '3000', HOST: '127.0.0.1' }, ['127.0.0.1:3000']],
    [{ PORT: '3000', HOST: '::1' }, ['[::1]:3000']],
    [{ HOST: 'x86_64-conda-linux-gnu' }, undefined],
    [{ PORT: '', HOST: 'a' }, undefined],
    [{ LISTEN_FDS: '2', LISTEN_PID: String(process.pid), PORT: '3000' }, ['fd://3', 'fd://4']],
    [{ LISTEN_FDS: '2', LISTEN_PID: '1' }, undefined],
    [{ LISTEN_FDS: 'x', LISTEN_PID: String(process.pid) }, undefined],
  ])('L-53 L-54 %j name the addresses', async (env, bind) => {
    expect((await read([], env)).options.bind).toEqual(bind);
  });

  it('L-53 WEB_CONCURRENCY is the number of processes', async () => {
    const { options, origins } = await read([], { WEB_CONCURRENCY: '3' });
    expect([options.processes, origins.get('processes')]).toEqual([3, 'WEB_CONCURRENCY']);
  });

  it.each([
    [{ PORT: 'http' }, 'PORT: address ":http": the port must be a number from 0 to 65535, not "http"'],
    [{ WEB_CONCURRENCY: '0' }, 'WEB_CONCURRENCY: expected a whole number from 1 to 256, got "0"'],
  ])('L-53 are refused with their names: %j', async (env, message) => {
    await expect(read([], env)).rejects.toThrow(message);
  });

  it('L-53 count where nothing else names an address', async () => {
    const env = { PORT: '3000', WEB_CONCURRENCY: '3' };
    const directory = folder({ 'quaich.config.json': '{"bind":"127.0.0.1:1","processes":2}' });
    expect((await read([], env, directory)).options).toMatchObject({ bind: ['127.0.0.1:1'], processes: 2 });
    expect((await read([], { ...env, QUAICH_BIND: ':2' })).options.bind).toEqual([':2']);
    expect((await read(['--port', '4'], env)).options.bind).toEqual(['127.0.0.1:4']);
  });

  it('L-53 PORT is the port of an address of which only the host is given', () => {
    expect(parseArguments(['--host', '127.0.0.1'], '3000').layer.get('bind')?.value).toEqual(['127.0.0.1:3000']);
    expect(parseArguments(['--host', '127.0.0.1'], '').layer.get('bind')?.value).toEqual(['127.0.0.1:8000']);
  });
});

describe('the configuration file', () => {
  it.each(['quaich.config.mjs', 'quaich.config.js'])('%s of the directory is read by itself', async (name) => {
    const text = name.endsWith('.mjs') ? 'export default { syncWorkers: 7 }' : 'module.exports = { syncWorkers: 7 }';
    const { options, origins } = await read([], {}, folder({ [name]: text }));
    expect(options.syncWorkers).toBe(7);
    expect(origins.get('syncWorkers')).toBe(name);
  });

  it('is another one with --config or QUAICH_CONFIG, of which the flag counts', async () => {
    const directory = folder({
      'a.mjs': 'export default { syncWorkers: 2 }',
      'b.mjs': 'export default { syncWorkers: 3 }',
      'quaich.config.mjs': 'throw new Error("not this one")',
    });
    expect((await read([], { QUAICH_CONFIG: 'a.mjs' }, directory)).options.syncWorkers).toBe(2);
    expect((await read(['-c', 'b.mjs'], { QUAICH_CONFIG: 'a.mjs' }, directory)).options.syncWorkers).toBe(3);
  });

  it('finds its paths from itself', async () => {
    const directory = folder({
      'etc/quaich.mjs': `export default {
        apps: ['/=./site.js:app', { prefix: '/b', module: '../b.js', kind: 'async', inline: true }, '/p=pack'],
        bind: ['unix:run.sock', '127.0.0.1:1'], accessLogFile: 'a.log', limitBody: '1m', timeoutHead: '3s' }`,
      'etc/site.js': '',
      'b.js': '',
      'etc/node_modules/pack/index.js': '',
      'etc/node_modules/pack/package.json': '{"name":"pack","exports":"./index.js"}',
    });
    const { options } = await read(['--config', 'etc/quaich.mjs'], {}, directory);
    expect(options.apps).toEqual([
      { prefix: '/', module: join(directory, 'etc/site.js'), export: 'app' },
      { prefix: '/b', module: join(directory, 'b.js'), kind: 'async', inline: true },
      { prefix: '/p', module: join(directory, 'etc/node_modules/pack/index.js') },
    ]);
    expect(options.bind).toEqual([`unix:${join(directory, 'etc/run.sock')}`, '127.0.0.1:1']);
    expect(options.accessLogFile).toBe(join(directory, 'etc/a.log'));
    expect(options).toMatchObject({ limitBody: 1_048_576, timeoutHead: 3000 });
  });

  it.each([
    ['export default { synchWorkers: 1 }', 'c.mjs: unknown setting: synchWorkers; did you mean syncWorkers?'],
    ['export default { syncWorkers: "many" }', 'c.mjs: syncWorkers: expected a whole number from 1 to 256, got "many"'],
    ['export default { apps: [{ modul: "x" }] }', 'unknown key in c.mjs: apps[0]: modul; did you mean module?'],
    ['export default { apps: ["./none.js"] }', 'cannot find module "./none.js"'],
    ['export default { apps: [5] }', 'c.mjs: apps[0]: expected "[PREFIX=]MODULE[:EXPORT]" or an object { module }'],
    ['export default () => ({})', 'c.mjs: the default export must be an object of settings; that is a function'],
    ['export const bind = 5', 'c.mjs: the default export must be an object of settings; it has none'],
    ['null.x', 'cannot load c.mjs: TypeError: Cannot read properties of null'],
  ])('%s is refused', async (text, reason) => {
    await expect(read(['-c', 'c.mjs'], {}, folder({ 'c.mjs': text }))).rejects.toThrow(reason);
  });

  it('is refused when it is missing, or one of two', async () => {
    await expect(read(['-c', 'c.mjs'])).rejects.toThrow(/^cannot read the configuration: .*c\.mjs does not exist$/);
    const two = folder({ 'quaich.config.js': '', 'quaich.config.mjs': '' });
    await expect(read([], {}, two)).rejects.toThrow('are both there: choose one with --config');
  });
});

describe('precedence', () => {
  const directory = folder({
    'quaich.config.mjs': `export default { apps: './site.js', asyncWorkers: 3, syncWorkers: 3, backlog: 3 }`,
    'site.js': '',
  });
  const env = { QUAICH_SYNC_WORKERS: '2', QUAICH_ASYNC_WORKERS: '2' };

  it('is flag, environment, file, default', async () => {
    const { options, origins } = await read(['--async-workers', '1'], env, directory);
    expect(options).toMatchObject({ asyncWorkers: 1, syncWorkers: 2, backlog: 3 });
    expect(options.inline).toBeUndefined();
    expect(Object.fromEntries(origins)).toMatchObject({
      asyncWorkers: '--async-workers',
      syncWorkers: 'QUAICH_SYNC_WORKERS',
      backlog: 'quaich.config.mjs',
    });
  });

  it('holds for applications as a whole', async () => {
    expect((await read([], {}, directory)).options.apps).toEqual([{ module: join(directory, 'site.js') }]);
    expect((await read([], { QUAICH_APPS: 'a,/b=b' }, directory)).options.apps).toEqual(['a', '/b=b']);
    expect((await read(['c'], { QUAICH_APPS: 'a' }, directory)).options.apps).toEqual(['c']);
  });
});

describe('printConfiguration', () => {
  it('prints a configuration file that gives the same settings again', async () => {
    const argv = [
      '/é=pack:app',
      '--limit-body',
      '3m',
      '--socket-mode',
      '640',
      '--health-path',
      '/healthz',
      '--status',
      '127.0.0.1:9000',
      '--user',
      'nobody',
      '--group',
      '65534',
      '--umask',
      '027',
      '--pid-file',
      '/run/site.pid',
      '--env',
      'A="1"',
      '--access-log-format',
      'json',
      ...['--python-venv', '/srv/venv', '--python-root', '/srv', '--python-cache', 'off'],
    ];
    const first = await read(argv, { QUAICH_TIMEOUT_STEP: '250ms' });
    const text = printConfiguration(first);
    expect(text).toContain('limitBody: "3m", // --limit-body\n');
    expect(text).toContain('timeoutStep: "250ms", // QUAICH_TIMEOUT_STEP\n');
    expect(text).toContain('bind: ["127.0.0.1:8000"], // default\n');
    expect(text).toContain('accessLog: true, //');
    const directory = folder({
      'printed.mjs': text,
      'node_modules/pack/package.json': '{"name":"pack","exports":"./index.js"}',
      'node_modules/pack/index.js': '',
    });
    const { default: printed } = await import(pathToFileURL(join(directory, 'printed.mjs')).href);
    expect(printed.apps).toEqual(['/é=pack:app']);
    const second = await read(['-c', 'printed.mjs'], {}, directory);
    expect(second.options).toMatchObject({
      limitBody: 3_145_728,
      socketMode: 0o640,
      healthPath: '/healthz',
      status: '127.0.0.1:9000',
      user: 'nobody',
      group: 65_534,
      umask: 0o027,
      pidFile: '/run/site.pid',
      timeoutStep: 250,
      env: { A: '"1"' },
      ...{ pythonVenv: '/srv/venv', pythonRoot: ['/srv'], pythonCache: 'off' },
    });
    const settingLines = (printed: string) =>
      printed
        .split('\n')
        .filter((line) => /^ {2}\w/.test(line) && !line.includes('apps:'))
        .map((line) => line.replace(/, \/\/.*/, ''));
    expect(settingLines(printConfiguration(second))).toEqual(settingLines(text));
    expect(settingLines(text)).toHaveLength(settingNames.length);
  });

  it('counts that of mounts with workers of their own', async () => {
    const megabytes = async (...apps: object[]) => {
      const directory = folder({ 'quaich.config.json': JSON.stringify({ apps }), 'a.js': '' });
      const text = printConfiguration(await read([], {}, directory));
      return Number(/Requests in progress take (\d+) MiB/.exec(text)?.[1]);
    };
    const [shared, own] = [{ module: './a.js' }, { module: './a.js', prefix: '/own', workers: 1 }];
    const one = await megabytes(shared);
    expect(await megabytes(own)).toBe(one);
    expect(Math.round((await megabytes(shared, own)) / one)).toBe(2);
  });

  it('says how much memory requests in progress take at most', async () => {
    const megabytes = async (...argv: string[]) => {
      const text = printConfiguration(await read(argv, {}));
      return Number(/^ {2}\/\/ Requests in progress take (\d+) MiB of memory at most\.$/m.exec(text)?.[1]);
    };
    const normal = await megabytes();
    expect(normal).toBeGreaterThan((4096 * settings.limitRequestHead.default) / 2 ** 20);
    expect(await megabytes('--max-requests-in-progress', '1024')).toBeLessThan(normal / 2);
    expect(await megabytes('--limit-request-head', '16k')).toBeLessThan(normal);
  });
});
