import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/interface/errors.ts';
import { nearest } from '../../src/server/names.ts';
import { readSetting, resolveOptions, type ServeOptions, settingNames, settings } from '../../src/server/options.ts';
import { afterReload } from '../../src/server/plan.ts';

const message = (options: unknown): string => {
  try {
    resolveOptions(options as ServeOptions);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
  return 'nothing was thrown';
};

describe('resolveOptions', () => {
  it('fills in every default of the table', () => {
    const resolved = resolveOptions({ apps: './site.js' });
    for (const name of settingNames) {
      if (name !== 'bind') expect(resolved[name], name).toEqual(settings[name].default);
    }
    expect(resolved.bind).toEqual([{ type: 'tcp', host: '127.0.0.1', port: 8000 }]);
    expect(resolved.apps).toEqual([{ prefix: '', module: './site.js' }]);
    expect(resolved.directory).toBe(process.cwd());
  });

  it('has defaults that its own rows accept', () => {
    for (const name of settingNames) {
      const { default: normal } = settings[name];
      if (normal !== undefined) expect(readSetting(name, normal, name), name).toEqual(normal);
    }
  });

  it('takes users and groups by name or by number', () => {
    const { user, group } = resolveOptions({ apps: 'a', user: '1000', group: 'www-data' });
    expect({ user, group }).toEqual({ user: 1000, group: 'www-data' });
  });

  it('reads back what it shows', () => {
    for (const name of ['limitBody', 'timeoutHead', 'socketMode', 'syncWorkers', 'inline', 'logLevel'] as const) {
      const value = settings[name].default ?? 0o660;
      expect(readSetting(name, settings[name].show(value), name), name).toBe(value);
    }
  });

  it.each([
    ['65536', 65_536],
    ['64k', 65_536],
    ['64K', 65_536],
    ['64KiB', 65_536],
    ['1m', 1_048_576],
    ['1.5m', 1_572_864],
    ['2g', 2_147_483_648],
    [1000, 1000],
  ])('reads the size %j as %i bytes', (input, bytes) => {
    expect(resolveOptions({ apps: 'a', limitBody: input }).limitBody).toBe(bytes);
  });

  it.each([
    [250, 250],
    ['250', 250],
    ['250ms', 250],
    ['5s', 5000],
    ['1.5s', 1500],
    ['2m', 120_000],
    ['1h', 3_600_000],
  ])('reads the duration %j as %i milliseconds', (input, milliseconds) => {
    expect(resolveOptions({ apps: 'a', timeoutHead: input }).timeoutHead).toBe(milliseconds);
  });

  it.each([
    [{ limitBody: '64q' }, /^limitBody: expected a size in bytes .* got "64q"$/],
    [{ limitBody: -1 }, /^limitBody: expected a size .* got -1$/],
    [{ limitBody: Number.NaN }, /^limitBody: expected a size .* got NaN$/],
    [{ limitRequestHead: '1g' }, /from 64 to 256k/],
    [{ timeoutHead: 0 }, /^timeoutHead: expected milliseconds \(at least 1\)/],
    [{ timeoutHead: '5 parsecs' }, /got "5 parsecs"$/],
    [{ timeoutHead: 2 ** 31 }, /^timeoutHead/],
    [{ syncWorkers: 0 }, /^syncWorkers: expected a whole number from 1 to 256, got 0$/],
    [{ syncWorkers: 1.5 }, /^syncWorkers/],
    [{ syncWorkers: '' }, /^syncWorkers: .* got ""$/],
    [{ syncWorkers: null }, /^syncWorkers: .* got null$/],
    [{ inline: 'maybe' }, /^inline: expected true or false, got "maybe"$/],
    [
      { accessLogFormat: 'xml' },
      /^accessLogFormat: expected one of common, combined, json, or a template such as '.*', got "xml"$/,
    ],
    [{ accessLogFormat: '%h "%r" %Z %s' }, /^accessLogFormat: unknown atom at character 9 of the template: "%Z"$/],
    [{ errorLogFormat: 'xml' }, /^errorLogFormat: expected one of auto, text, json, got "xml"$/],
    [{ socketMode: '999' }, /^socketMode: expected an octal number/],
    [{ umask: '8' }, /^umask: expected an octal number/],
    [{ umask: 0o1000 }, /^umask: expected an octal number/],
    [{ user: '' }, /^user: expected a name or a number, got ""$/],
    [{ user: -1 }, /^user: expected a name or a number, got -1$/],
    [{ group: 2 ** 32 }, /^group: expected a name or a number/],
    [{ pidFile: '' }, /^pidFile: expected a path, got ""$/],
    [{ bind: [] }, /^bind: expected at least one address/],
    [{ bind: 'localhost' }, /^bind: address "localhost": the port is missing/],
    [{ bind: ['127.0.0.1:1', '127.0.0.1:1'] }, /^bind "127.0.0.1:1" is given twice$/],
    [{ healthPath: 'healthz' }, /^healthPath: expected a path such as "\/healthz", got "healthz"$/],
    [{ healthPath: '/a?b' }, /^healthPath: /],
    [{ status: '9000' }, /^status: address "9000": expected HOST:PORT/],
    [{ status: 'scgi://127.0.0.1:1' }, /^status: expected an address for HTTP/],
    [{ bind: '127.0.0.1:1', status: '127.0.0.1:1' }, /^bind "127.0.0.1:1" is given twice$/],
    [{ env: { A: 1 } }, /^env: expected a string for A, got 1$/],
    [{ env: ['A'] }, /^env: expected KEY=VALUE, got "A"$/],
    [{ env: { 'wsgi.errors': 'x' } }, /reserved for the server, got "wsgi.errors"$/],
    [{ env: { 'a b': 'x' } }, /^env: expected a name/],
    [{ limitRequestLine: '8k', limitRequestHead: '4k' }, /^limitRequestLine \(8192\) is more than limitRequestHead/],
    [{ synchWorkers: 3 }, /^unknown option: synchWorkers; did you mean syncWorkers\?$/],
    [{ zzzzzz: 3 }, /^unknown option: zzzzzz$/],
    [{ accessLogStream: {} }, /^accessLogStream: expected an object with a method write/],
    [{ errorLog: 5 }, /^errorLog: .* got 5$/],
  ])('refuses %j in one line', (options, expected) => {
    const text = message({ apps: 'a', ...options });
    expect(text).toMatch(expected);
    expect(text).not.toContain('\n');
  });

  it.each([
    [undefined, /^no application/],
    [[], /^no application/],
    [[5], /^apps: expected .* got 5$/],
    [[{ prefix: '/a' }], /^apps\.module: expected the path of a module/],
    [[{ module: 'a' }, { modul: 'a' }], /^unknown key in apps\[1\]: modul; did you mean module\?$/],
    [[{ module: 'a', kind: 'both' }], /^apps\.kind: expected 'sync' or 'async', got "both"$/],
    [[{ module: 'a', adapt: 'koa' }], /^apps\.adapt: expected 'node' or 'fetch', got "koa"$/],
    [[{ module: 'a', adapt: 'node', kind: 'async' }], /^apps\.adapt: expected no kind beside it/],
    [[{ module: 'a', kind: 'sync', inline: true }], /^apps\.inline: expected an async application/],
    [['/a=x', '/a/=y'], /^two applications are mounted at "\/a"$/],
    [['x', '/=y'], /^two applications are mounted at "\/"$/],
    [['/café=x', '/café=y'], /^two applications are mounted at "\/café"$/],
    [[{ module: 'a', prefix: 'api' }], /^prefix "api": a prefix begins with "\/"$/],
    [['/a?b=x'], /expected a path, without query/],
    [['/a//b=x'], /expected a path, without query/],
    [[{ module: 'a', prefix: '/a\n' }], /^prefix "\/a\\n": expected a path/],
  ])('refuses the applications %j', (apps, expected) => {
    expect(message({ apps })).toMatch(expected);
  });

  it('B-70 says of all functions what they are, unless one is said to be something else', () => {
    const apps = [
      'a',
      { prefix: '/b', module: 'b', adapt: 'fetch' as const },
      { prefix: '/c', module: 'c', kind: 'sync' as const },
    ];
    expect(resolveOptions({ apps, adapt: 'node' }).apps.map(({ adapt }) => adapt)).toEqual([
      'node',
      'fetch',
      undefined,
    ]);
    expect(resolveOptions({ apps }).apps.map(({ adapt }) => adapt)).toEqual([undefined, 'fetch', undefined]);
  });

  it('G-11 normalises prefixes', () => {
    const { apps } = resolveOptions({ apps: ['/=a', '/api/=b', { module: 'c', prefix: '/é' }] });
    expect(apps.map(({ prefix }) => prefix)).toEqual(['', '/api', '/Ã©']);
  });

  it('G-50 turns added pairs into native strings', () => {
    expect(resolveOptions({ apps: 'a', env: { STAGE: 'prod', WHO: 'é' } }).env).toEqual({ STAGE: 'prod', WHO: 'Ã©' });
    expect(resolveOptions({ apps: 'a', env: ['A=1=2', 'B='] }).env).toEqual({ A: '1=2', B: '' });
  });

  it('takes several free ports, but no other address twice', () => {
    expect(resolveOptions({ apps: 'a', bind: ['127.0.0.1:0', '127.0.0.1:0'] }).bind).toHaveLength(2);
  });

  it('finds paths from the directory', () => {
    const resolved = resolveOptions({ apps: 'a', directory: '/srv', bind: 'unix:a.sock', accessLogFile: 'logs/a' });
    expect(resolved.bind).toEqual([{ type: 'unix', path: '/srv/a.sock' }]);
    expect(resolved.accessLogFile).toBe(resolve('/srv/logs/a'));
  });

  it('turns the access log on where its format, file or stream is given, and off where that is said', () => {
    const on = (options: Partial<ServeOptions>) => resolveOptions({ apps: 'a', ...options }).accessLog;
    expect(on({})).toBe(false);
    expect(on({ accessLogFormat: 'json' })).toBe(true);
    expect(on({ accessLogFile: '-' })).toBe(true);
    expect(on({ accessLogStream: { write() {} } })).toBe(true);
    expect(on({ accessLogFile: 'x', accessLog: false })).toBe(false);
  });
});

describe('nearest', () => {
  it.each([
    ['bnid', 'bind'],
    ['synch-workers', 'sync-workers'],
    ['limit-boddy', 'limit-body'],
    ['BIND', 'bind'],
  ])('takes %s for %s', (word, meant) => {
    expect(nearest(word, ['bind', 'sync-workers', 'async-workers', 'limit-body'])).toBe(meant);
  });

  it('takes what is far from all for none of them', () => {
    expect(nearest('metrics', ['bind', 'inline', 'limit-body'])).toBeUndefined();
  });
});

describe('the options of a process that is started behind a reload', () => {
  it('L-27 L-51 are the new ones where they concern workers, else those of the start, in their directory', () => {
    const start = { apps: 'a', directory: '/here', bind: 'unix:site.sock', accessLogFile: 'log', syncWorkers: 3 };
    const reloaded = { apps: 'b', directory: '/there', bind: ':1', accessLogFile: 'other', env: { A: '1' } };
    const after = resolveOptions(afterReload({ ...start, env: { B: '2' } }, { ...reloaded, validate: true }));
    expect(after).toMatchObject({
      ...{ apps: [{ module: 'b' }], directory: '/there', env: { A: '1' }, validate: true },
      ...{ bind: [{ type: 'unix', path: '/here/site.sock' }], accessLogFile: '/here/log' },
      syncWorkers: settings.syncWorkers.default,
    });
    expect(resolveOptions(afterReload(start, afterReload(start, reloaded)))).toEqual(
      resolveOptions(afterReload(start, reloaded)),
    );
  });
});
