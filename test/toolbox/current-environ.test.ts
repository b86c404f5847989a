/** What the toolbox tells of a request, it reads from the environ it is given. */
import { describe, expect, it } from 'vitest';
import { cookies, nativeToText, requestUri, setupTestingDefaults } from '../../src/toolbox/index.ts';

const testing = (more: Record<string, string>) => {
  const environ: Record<string, unknown> & Record<string, string | undefined> = Object.create(null);
  setupTestingDefaults(environ);
  return Object.assign(environ, more);
};

describe('G-151 M-14 functions of environ see what middleware made of it', () => {
  it('cookies', () => {
    const environ = testing({ HTTP_COOKIE: 'a=1' });
    expect(cookies(environ).a).toBe('1');
    const changed = Object.assign(Object.create(null), environ, { HTTP_COOKIE: 'a=2' });
    expect(cookies(changed).a).toBe('2');
    expect(cookies(environ).a).toBe('1');
    environ.HTTP_COOKIE = 'a=3';
    expect(cookies(environ).a).toBe('3');
  });

  it('the URL', () => {
    const environ = testing({ HTTP_HOST: 'a.example', PATH_INFO: '/x' });
    expect(requestUri(environ)).toBe('http://a.example/x');
    environ.HTTP_HOST = 'b.example';
    environ.SCRIPT_NAME = '/mount';
    expect(requestUri(environ)).toBe('http://b.example/mount/x');
    expect(nativeToText(environ.SCRIPT_NAME)).toBe('/mount');
  });
});
