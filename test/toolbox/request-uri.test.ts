import { describe, expect, test } from 'vitest';
import {
  applicationUri,
  guessScheme,
  requestUri,
  setupTestingDefaults,
  shiftPathInfo,
} from '../../src/toolbox/index.ts';

type Variables = Record<string, string>;

describe('U-01 guessScheme', () => {
  test.each(['yes', 'on', '1'])('is https for HTTPS=%s', (value) => {
    expect(guessScheme({ HTTPS: value })).toBe('https');
  });

  test.each(['ON', 'YES', 'true', '0', '', 'off', ' on'])('is http for HTTPS=%j, as in Python', (value) => {
    expect(guessScheme({ HTTPS: value })).toBe('http');
  });

  test('is http without the variable', () => {
    expect(guessScheme({})).toBe('http');
  });
});

// Written by Python's wsgiref.util, from environs completed by setup_testing_defaults.
const URIS: [Variables, application: string, request: string, withoutQuery: string][] = [
  [{}, 'http://127.0.0.1/', 'http://127.0.0.1/', 'http://127.0.0.1/'],
  [{ SCRIPT_NAME: '/sp\u00e4m' }, 'http://127.0.0.1/sp%E4m', 'http://127.0.0.1/sp%E4m', 'http://127.0.0.1/sp%E4m'],
  [{ SCRIPT_NAME: '/a b' }, 'http://127.0.0.1/a%20b', 'http://127.0.0.1/a%20b', 'http://127.0.0.1/a%20b'],
  [{ PATH_INFO: '/spammity' }, 'http://127.0.0.1/', 'http://127.0.0.1/spammity', 'http://127.0.0.1/spammity'],
  [
    { SCRIPT_NAME: '/spammity', PATH_INFO: '/spam;cookie=1234,5678' },
    'http://127.0.0.1/spammity',
    'http://127.0.0.1/spammity/spam;cookie=1234,5678',
    'http://127.0.0.1/spammity/spam;cookie=1234,5678',
  ],
  [{ PATH_INFO: '/spam@ham' }, 'http://127.0.0.1/', 'http://127.0.0.1/spam%40ham', 'http://127.0.0.1/spam%40ham'],
  [
    { SCRIPT_NAME: '/spammity', PATH_INFO: '/spam', QUERY_STRING: 'say=ni' },
    'http://127.0.0.1/spammity',
    'http://127.0.0.1/spammity/spam?say=ni',
    'http://127.0.0.1/spammity/spam',
  ],
  [{ PATH_INFO: '/sp\u00e4m' }, 'http://127.0.0.1/', 'http://127.0.0.1/sp%E4m', 'http://127.0.0.1/sp%E4m'],
  [
    { HTTP_HOST: '', SERVER_NAME: 'spam.example.com', SERVER_PORT: '2071' },
    'http://spam.example.com:2071/',
    'http://spam.example.com:2071/',
    'http://spam.example.com:2071/',
  ],
  [{ HTTP_HOST: '', HTTPS: 'on' }, 'https://127.0.0.1/', 'https://127.0.0.1/', 'https://127.0.0.1/'],
  [
    { HTTPS: 'on', HTTP_HOST: '', SERVER_PORT: '8443' },
    'https://127.0.0.1:8443/',
    'https://127.0.0.1:8443/',
    'https://127.0.0.1:8443/',
  ],
  [{ HTTP_HOST: 'x:99' }, 'http://x:99/', 'http://x:99/', 'http://x:99/'],
  [{ SCRIPT_NAME: '/a', PATH_INFO: '' }, 'http://127.0.0.1/a', 'http://127.0.0.1/a', 'http://127.0.0.1/a'],
  [
    { SCRIPT_NAME: '/a~b!c', PATH_INFO: '/~!*\'()"<>[]{}|^`%+&$:' },
    'http://127.0.0.1/a~b%21c',
    'http://127.0.0.1/a~b%21c/~%21%2A%27%28%29%22%3C%3E%5B%5D%7B%7D%7C%5E%60%25%2B%26%24%3A',
    'http://127.0.0.1/a~b%21c/~%21%2A%27%28%29%22%3C%3E%5B%5D%7B%7D%7C%5E%60%25%2B%26%24%3A',
  ],
];

test.each(URIS)('U-02, U-03, U-04 the URIs of %j are those of Python', (variables, application, request, plain) => {
  const environ = setupTestingDefaults({ ...variables });
  expect([applicationUri(environ), requestUri(environ), requestUri(environ, false)]).toEqual([
    application,
    request,
    plain,
  ]);
});

test('U-02 ports are compared as strings, and 443 is no default of http', () => {
  const environ = { 'wsgi.url_scheme': 'http', SERVER_NAME: 'h', SERVER_PORT: '443', SCRIPT_NAME: '' };
  expect(applicationUri(environ)).toBe('http://h:443/');
  expect(applicationUri({ ...environ, SERVER_PORT: '080' })).toBe('http://h:080/');
});

test('U-03 a unit above U+00FF throws', () => {
  expect(() => applicationUri(setupTestingDefaults({ SCRIPT_NAME: '/\u0100' }))).toThrow(RangeError);
  expect(() => requestUri(setupTestingDefaults({ PATH_INFO: '/\u20ac' }))).toThrow(RangeError);
});

// Those of the row, then more, written by Python's shift_path_info.
const SHIFTS: [script: string, path: string, result: string | null, script: string, path: string][] = [
  ['/a', '/x/y', 'x', '/a/x', '/y'],
  ['/a', '/x', 'x', '/a/x', ''],
  ['/a', '/x/', 'x', '/a/x', '/'],
  ['/a', '/', '', '/a/', ''],
  ['', '/', '', '/', ''],
  ['/a', '//x//y', 'x', '/a/x', '/y'],
  ['/a', '/./x', 'x', '/a/x', ''],
  ['/a', '/.', null, '/a', ''],
  ['/a', '/..', '..', '', ''],
  ['', '/..', '..', '', ''],
  ['', '//', '', '/', ''],
  ['/a', '//', '', '/a/', ''],
  ['/a/', '/x', 'x', '/a/x', ''],
  ['/a', '/x//', 'x', '/a/x', '/'],
  ['/a', '/../x', '..', '', '/x'],
  ['/a', '/x/.', 'x', '/a/x', '/.'],
  ['', '/.', null, '', ''],
  ['', '/./', '', '/', ''],
  ['/a', '/./', '', '/a/', ''],
];

test.each(SHIFTS)('U-05, U-06 shiftPathInfo of %j, %j gives %j', (script, path, result, newScript, newPath) => {
  const environ = { SCRIPT_NAME: script, PATH_INFO: path };
  expect(shiftPathInfo(environ)).toBe(result);
  expect(environ).toEqual({ SCRIPT_NAME: newScript, PATH_INFO: newPath });
});

test.each([{ SCRIPT_NAME: '/a', PATH_INFO: '' }, { SCRIPT_NAME: '/a' }, { SCRIPT_NAME: '/a', PATH_INFO: '*' }])(
  'U-05 shiftPathInfo of %j gives null and changes nothing',
  (environ) => {
    const before = { ...environ };
    expect(shiftPathInfo(environ)).toBeNull();
    expect(environ).toEqual(before);
  },
);

test('U-05 every path ends after as many shifts as it has segments', () => {
  const environ = { SCRIPT_NAME: '', PATH_INFO: '/a/./b//c/' };
  const segments: string[] = [];
  for (let segment = shiftPathInfo(environ); segment !== null; segment = shiftPathInfo(environ)) segments.push(segment);
  expect(segments).toEqual(['a', 'b', 'c', '']);
  expect(environ).toEqual({ SCRIPT_NAME: '/a/b/c/', PATH_INFO: '' });
});
