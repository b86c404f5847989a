/** Mount point, path and query under the frameworks of node:http (G-11 to G-23, G-177). */
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { targetOf } from '../../src/hosts/node-http/target.ts';
import { ConfigurationError } from '../../src/interface/errors.ts';
import { behindPrefix, nativePrefix } from '../../src/rules/prefix.ts';
import { RefusedRequest } from '../../src/rules/refused-request.ts';

function request(method: string, url: string, left: { originalUrl?: string; baseUrl?: string } = {}) {
  return Object.assign(new IncomingMessage(new Socket()), { method, url, ...left });
}

const find = (...args: Parameters<typeof request>) => {
  const { scriptName, path, query, uri, authority } = targetOf(request(...args));
  return [scriptName, path, query, uri, authority];
};

describe('without a framework', () => {
  test.each([
    ['/', '/', '', null],
    ['/a?b?c', '/a', 'b?c', null],
    ['/a?', '/a', '', null],
    ['/%C3%A9%E9%2F', '/\u00c3\u00a9\u00e9/', '', null],
    ['/a+b%4%zz', '/a+b%4%zz', '', null],
    ['//a/../b', '//a/../b', '', null],
    ['http://h:1/p?q', '/p', 'q', 'h:1'],
    ['HTTP://h', '/', '', 'h'],
    ['http://[::1]:80?q', '/', 'q', '[::1]:80'],
  ])('G-15 to G-23 %s', (url, path, query, authority) => {
    expect(find('GET', url)).toEqual(['', path, query, url, authority]);
  });

  test('G-20 G-21 OPTIONS, for the whole server', () => {
    expect(find('OPTIONS', '*')).toEqual(['', '*', '', '*', null]);
    expect(find('OPTIONS', 'http://h')).toEqual(['', '*', '', 'http://h', 'h']);
  });

  test.each(['*', 'a', '', '/a#b', '/a b', '/\u00e9', '/\u0000', 'http://', 'http://a@b/', 'http:///a', 'h:80'])(
    'G-21 G-22 %j is refused',
    (url) => {
      expect(() => targetOf(request('GET', url))).toThrow(RefusedRequest);
    },
  );

  test.each(['ftp://h/a', 'file://h/a', 'wss://h/a', 'httpx://h/a'])('G-185 %s is for another server', (url) => {
    expect(() => targetOf(request('GET', url))).toThrow(expect.objectContaining({ status: 421 }));
  });
});

describe('under Express, which says what it has taken off', () => {
  test.each([
    ['/mount', '/', '/mount', '/mount', ''],
    ['/mount/', '/', '/mount', '/mount', '/'],
    ['/mount/x', '/x', '/mount', '/mount', '/x'],
    ['/a/b/x', '/x', '/a/b', '/a/b', '/x'],
    ['/caf%C3%A9/x', '/x', '/caf%C3%A9', '/caf\u00c3\u00a9', '/x'],
    ['/mount/x', '/rewritten', '/mount', '/mount', '/rewritten'],
    ['/x', '/rewritten', '', '', '/rewritten'],
    ['/x', '/', '', '', '/'],
  ])('G-11 G-12 G-13 %s, with %s left behind %j', (originalUrl, url, baseUrl, script, path) => {
    expect(find('GET', url, { originalUrl, baseUrl })).toEqual([script, path, '', originalUrl, null]);
  });

  test('G-12 G-18 the slash that Express adds before a query is not the client\u2019s', () => {
    const left = { originalUrl: '/mount?q=1', baseUrl: '/mount' };
    expect(find('GET', '/?q=1', left)).toEqual(['/mount', '', 'q=1', '/mount?q=1', null]);
  });

  test('G-20 an absolute-form target', () => {
    const left = { originalUrl: 'http://h/mount/x?q', baseUrl: '/mount' };
    expect(find('GET', 'http://h/x?q', left)).toEqual(['/mount', '/x', 'q', 'http://h/mount/x?q', 'h']);
  });
});

describe('under Connect, which does not', () => {
  test.each([
    ['/mount', '/', '/mount', ''],
    ['/mount/', '/', '/mount', '/'],
    ['/mount/x', '/x', '/mount', '/x'],
    ['/a/b/x', '/x', '/a/b', '/x'],
    ['/x', '/x', '', '/x'],
    ['/x', '/rewritten', '', '/rewritten'],
  ])('G-11 G-12 %s, with %s left', (originalUrl, url, script, path) => {
    expect(find('GET', url, { originalUrl })).toEqual([script, path, '', originalUrl, null]);
  });
});

describe('the prefix option', () => {
  test('G-11 loses the slashes at its end, and is in bytes', () => {
    expect(['', '/', '/app', '/app//', '/caf\u00e9'].map(nativePrefix)).toEqual([
      '',
      '',
      '/app',
      '/app',
      '/caf\u00c3\u00a9',
    ]);
    expect(() => nativePrefix('app')).toThrow(ConfigurationError);
  });

  test('G-14 matches whole segments', () => {
    expect(['/app', '/app/', '/app/x', '/apple', '/', '*'].map((path) => behindPrefix(path, '/app'))).toEqual([
      '',
      '/',
      '/x',
      null,
      null,
      null,
    ]);
    expect(behindPrefix('*', '')).toBe('*');
  });
});
