import { describe, expect, it } from 'vitest';
import { asyncEnviron, bytes, syncEnviron } from './transport.ts';
import { CHUNK, fine, OK, tryAsync, trySync, untyped, type Wrong } from './trial.ts';

/** A correct environ with some keys changed; undefined deletes one. */
function changed(changes: Record<string, unknown>, from: Record<string, unknown> = syncEnviron()): object {
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) delete from[key];
    else from[key] = value;
  }
  return from;
}

class Instance {
  constructor() {
    Object.assign(this, syncEnviron());
  }
}

const stream = { read: () => bytes(''), readline: () => bytes(''), readlines: () => [], *[Symbol.iterator]() {} };
const errors = { write: () => {}, writelines: () => {}, flush: () => {} };
const without = (object: object, key: string | symbol) =>
  Object.fromEntries(Reflect.ownKeys(object).flatMap((k) => (k === key ? [] : [[k, Reflect.get(object, k)]])));

const accessor = () => Object.defineProperty(syncEnviron(), 'PATH_INFO', { get: () => '/', enumerable: true });
const hidden = () => Object.defineProperty(syncEnviron(), 'PATH_INFO', { value: '/', enumerable: false });
const fixed = () => Object.defineProperty(syncEnviron(), 'PATH_INFO', { writable: false });

/** Row, what is shown, a broken environ, a correct one that is close to it. */
const VIOLATIONS: [row: string, title: string, broken: () => unknown, correct?: () => unknown][] = [
  ['V-10', 'environ is no class instance', () => new Instance(), () => ({ ...syncEnviron() })],
  ['V-10', 'environ is no Map', () => new Map(Object.entries(syncEnviron()))],
  ['V-10', 'environ is no array', () => Object.assign([], syncEnviron())],
  ['V-10', 'environ is no Proxy', () => new Proxy(syncEnviron(), {})],
  ['V-10', 'environ is not null', () => null],
  ['V-10', 'environ inherits from nothing but Object.prototype', () => Object.create(syncEnviron())],
  ['V-10', 'environ has no accessors', accessor],
  ['V-10', 'all keys of environ are enumerable', hidden],
  ['V-11', 'REQUEST_METHOD is present', () => changed({ REQUEST_METHOD: undefined })],
  ['V-12', 'SERVER_NAME is present', () => changed({ SERVER_NAME: undefined })],
  ['V-13', 'SERVER_PORT is present', () => changed({ SERVER_PORT: undefined })],
  ['V-14', 'wsgi.version is present', () => changed({ 'wsgi.version': undefined })],
  ['V-15', 'wsgi.input is present', () => changed({ 'wsgi.input': undefined })],
  ['V-16', 'wsgi.errors is present', () => changed({ 'wsgi.errors': undefined })],
  ['V-17', 'wsgi.multithread is present', () => changed({ 'wsgi.multithread': undefined })],
  ['V-18', 'wsgi.multiprocess is present', () => changed({ 'wsgi.multiprocess': undefined })],
  ['V-19', 'wsgi.run_once is present', () => changed({ 'wsgi.run_once': undefined })],
  [
    'V-20',
    'HTTP_CONTENT_TYPE is absent',
    () => changed({ HTTP_CONTENT_TYPE: 'a/b' }),
    () => changed({ CONTENT_TYPE: 'a/b' }),
  ],
  [
    'V-21',
    'HTTP_CONTENT_LENGTH is absent',
    () => changed({ HTTP_CONTENT_LENGTH: '0' }),
    () => changed({ CONTENT_LENGTH: '0' }),
  ],
  ['V-23', 'a key without a dot has a string', () => changed({ SERVER_PORT: 80 }), () => changed({ HTTP_X: '' })],
  ['V-23', 'a key without a dot is not null', () => changed({ REMOTE_USER: null })],
  ['V-24', 'wsgi.version is an array of two integers', () => changed({ 'wsgi.version': '1.0' })],
  ['V-24', 'wsgi.version has two elements', () => changed({ 'wsgi.version': [1, 0, 0] })],
  [
    'V-25',
    'wsgi.url_scheme is http or https',
    () => changed({ 'wsgi.url_scheme': 'ftp' }),
    () => changed({ 'wsgi.url_scheme': 'https' }),
  ],
  ['V-26', 'wsgi.input has read', () => changed({ 'wsgi.input': without(stream, 'read') })],
  ['V-27', 'wsgi.input has readline', () => changed({ 'wsgi.input': without(stream, 'readline') })],
  ['V-28', 'wsgi.input has readlines', () => changed({ 'wsgi.input': without(stream, 'readlines') })],
  [
    'V-29',
    'wsgi.input is iterable',
    () => changed({ 'wsgi.input': without(stream, Symbol.iterator) }),
    () => changed({ 'wsgi.input': stream }),
  ],
  ['V-30', 'wsgi.errors has flush', () => changed({ 'wsgi.errors': without(errors, 'flush') })],
  ['V-31', 'wsgi.errors has write', () => changed({ 'wsgi.errors': without(errors, 'write') })],
  [
    'V-32',
    'wsgi.errors has writelines',
    () => changed({ 'wsgi.errors': without(errors, 'writelines') }),
    () => changed({ 'wsgi.errors': errors }),
  ],
  [
    'V-34',
    'SCRIPT_NAME starts with a slash',
    () => changed({ SCRIPT_NAME: 'app' }),
    () => changed({ SCRIPT_NAME: '/app' }),
  ],
  [
    'V-35',
    'PATH_INFO starts with a slash',
    () => changed({ PATH_INFO: 'app' }),
    () => changed({ PATH_INFO: '*', REQUEST_METHOD: 'OPTIONS' }),
  ],
  ['V-35', 'PATH_INFO is * with OPTIONS only', () => changed({ PATH_INFO: '*' })],
  ['V-36', 'CONTENT_LENGTH is digits', () => changed({ CONTENT_LENGTH: '1e3' }), () => changed({ CONTENT_LENGTH: '' })],
  ['V-36', 'CONTENT_LENGTH is not negative', () => changed({ CONTENT_LENGTH: '-1' })],
  [
    'V-37',
    'SCRIPT_NAME and PATH_INFO are not both empty',
    () => changed({ PATH_INFO: '' }),
    () => changed({ SCRIPT_NAME: '/app', PATH_INFO: '' }),
  ],
  ['V-37', 'without SCRIPT_NAME there is PATH_INFO', () => changed({ SCRIPT_NAME: undefined, PATH_INFO: undefined })],
  ['V-38', 'SCRIPT_NAME is not /', () => changed({ SCRIPT_NAME: '/' })],
  [
    'V-100',
    'no variable has a unit above U+00FF',
    () => changed({ PATH_INFO: '/\u0101' }),
    () => changed({ PATH_INFO: '/\xff' }),
  ],
  ['V-100', 'nor has wsgi.url_scheme', () => changed({ 'wsgi.url_scheme': 'h\u0101' })],
  ['V-101', 'REQUEST_METHOD is a token', () => changed({ REQUEST_METHOD: 'G T' })],
  ['V-101', 'REQUEST_METHOD is not empty', () => changed({ REQUEST_METHOD: '' })],
  ['V-101', 'SERVER_NAME is not empty', () => changed({ SERVER_NAME: '' })],
  ['V-101', 'SERVER_PORT is digits', () => changed({ SERVER_PORT: 'http' })],
  [
    'V-101',
    'SERVER_PROTOCOL is a version',
    () => changed({ SERVER_PROTOCOL: 'SPDY' }),
    () => changed({ SERVER_PROTOCOL: 'HTTP/2' }),
  ],
  ['V-102', 'wsgi.url_scheme is present', () => changed({ 'wsgi.url_scheme': undefined })],
  ['V-102', 'wsgi.multithread is a boolean', () => changed({ 'wsgi.multithread': 0 })],
  ['V-102', 'quaich.async is a boolean', () => changed({ 'quaich.async': undefined })],
  ['V-102', 'wsgi.version is [1, 0]', () => changed({ 'wsgi.version': [1, 1] })],
  ['V-110', 'environ is extensible', () => Object.preventExtensions(syncEnviron())],
  ['V-110', 'the properties of environ can be changed', fixed],
  ['V-111', 'wsgi.file_wrapper is a function', () => changed({ 'wsgi.file_wrapper': {} })],
  ['G-46', 'wsgi.input_terminated is a boolean', () => changed({ 'wsgi.input_terminated': 1 })],
  ['G-48', 'quaich.signal is an AbortSignal', () => changed({ 'quaich.signal': {} })],
  ['B-37', 'quaich.client_disconnected is a function', () => changed({ 'quaich.client_disconnected': true })],
  ['L-06', 'quaich.state is an object', () => changed({ 'quaich.state': 5 })],
];

const WARNINGS: [row: string, title: string, broken: () => unknown, correct?: () => unknown][] = [
  ['V-22', 'QUERY_STRING is missing', () => changed({ QUERY_STRING: undefined }), () => changed({ QUERY_STRING: 'a' })],
  ['V-33', 'an unknown method', () => changed({ REQUEST_METHOD: 'BREW' }), () => changed({ REQUEST_METHOD: 'PATCH' })],
  ['V-103', 'a dotted key in upper case', () => changed({ 'My.Key': 1 }), () => changed({ 'my.key_1': 1 })],
  ['V-103', 'SCRIPT_NAME ends in a slash', () => changed({ SCRIPT_NAME: '/app/' })],
  ['V-103', 'QUERY_STRING starts with a question mark', () => changed({ QUERY_STRING: '?a' })],
  ['V-103', 'HTTP_TRANSFER_ENCODING is present', () => changed({ HTTP_TRANSFER_ENCODING: 'chunked' })],
];

describe('environ', () => {
  it.each(VIOLATIONS)('%s %s', (row, _title, broken, correct) => {
    expect(trySync(fine, { environ: broken() })).toMatchObject({ row, side: 'server' });
    expect(trySync(fine, { environ: (correct ?? syncEnviron)() })).toMatchObject({ row: null, warned: [] });
  });

  it.each(WARNINGS)('%s warns: %s', (row, _title, broken, correct) => {
    expect(trySync(fine, { environ: broken() })).toMatchObject({ row: null, warned: [row] });
    expect(trySync(fine, { environ: (correct ?? syncEnviron)() })).toMatchObject({ row: null, warned: [] });
  });

  it('V-29 async input iterates asynchronously', async () => {
    expect((await tryAsync(fine, { environ: changed({ 'wsgi.input': stream }, asyncEnviron()) })).row).toBe('V-29');
    expect((await tryAsync(fine, { environ: asyncEnviron() })).row).toBeNull();
  });

  it('V-110 what the application stores in environ is seen by those outside', () => {
    const environ: Record<string, unknown> = syncEnviron();
    trySync(
      (inner: Wrong, start: Wrong) => {
        inner['my.key'] = untyped(5);
        delete inner.QUERY_STRING;
        return fine(inner, start);
      },
      { environ },
    );
    expect(environ['my.key']).toBe(5);
    expect('QUERY_STRING' in environ).toBe(false);
  });

  it('V-138 an application that lists its environ sees the same keys', () => {
    let keys: string[] = [];
    trySync((environ: Wrong, start: Wrong) => {
      keys = Object.keys(environ);
      return fine(environ, start);
    });
    expect(keys).toEqual(Object.keys(syncEnviron()));
  });
});

describe('wsgi.file_wrapper', () => {
  const sending = (file: unknown) => (environ: Wrong, start: Wrong) => {
    start(...OK);
    return environ['wsgi.file_wrapper'](file, 4);
  };
  const closable = () => ({ read: () => bytes(''), close() {} });

  it('V-111 has read nothing when it returns', () => {
    const eager = (file: Wrong) => {
      file.read(4);
      return [];
    };
    const environ = () => changed({ 'wsgi.file_wrapper': eager });
    expect(trySync(sending({ read: () => CHUNK }), { environ: environ() })).toMatchObject({
      row: 'V-111',
      side: 'server',
    });
    const blocks = [CHUNK, bytes('')];
    const file = { read: () => blocks.shift() };
    const { read } = file;
    expect(trySync(sending(file)).row).toBeNull();
    expect(blocks).toEqual([]);
    expect(file.read).toBe(read);
    class OnPrototype {
      read() {
        return bytes('');
      }
    }
    const inherited = new OnPrototype();
    expect(trySync(sending(inherited)).row).toBeNull();
    expect(Object.hasOwn(inherited, 'read')).toBe(false);
  });

  it('V-111 returns an iterable', () => {
    expect(trySync(sending(closable()), { environ: changed({ 'wsgi.file_wrapper': () => ({}) }) }).row).toBe('V-111');
    expect(trySync(sending(closable())).row).toBeNull();
  });

  it('V-111 has a close when the file has one', () => {
    expect(trySync(sending(closable()), { environ: changed({ 'wsgi.file_wrapper': () => [] }) }).row).toBe('V-111');
    const bare = { read: () => bytes('') };
    expect(trySync(sending(bare), { environ: changed({ 'wsgi.file_wrapper': () => [] }) }).row).toBeNull();
  });

  it('V-111 async: an async iterable will do', async () => {
    expect((await tryAsync(sending(closable()))).row).toBeNull();
  });
});
