import { describe, expect, it } from 'vitest';
import { cutScriptName, repairVariables, type Variables } from '../../src/environ/cgi-variables.ts';
import { RefusedRequest } from '../../src/rules/refused-request.ts';

/** What becomes of some variables of a request. */
function repaired(variables: { [name: string]: string }): Variables {
  const all: Variables = Object.assign(Object.create(null), { REQUEST_METHOD: 'GET' }, variables);
  repairVariables(all);
  return all;
}

describe('G-176 SCRIPT_NAME and PATH_INFO', () => {
  // What front servers send for `GET /app/a%20b?q` where the application is at the root or at /app.
  it.each([
    ['as they should be', { SCRIPT_NAME: '', PATH_INFO: '/a' }, '', '/a'],
    ['as they should be, mounted', { SCRIPT_NAME: '/app', PATH_INFO: '/a' }, '/app', '/a'],
    ['the mount itself', { SCRIPT_NAME: '/app', PATH_INFO: '' }, '/app', ''],
    [
      'nginx with its fastcgi_params: all of it is SCRIPT_NAME',
      { SCRIPT_NAME: '/a b', DOCUMENT_URI: '/a b', REQUEST_URI: '/a%20b?q' },
      '',
      '/a b',
    ],
    ['nginx with its scgi_params: neither', { DOCUMENT_URI: '/a b', REQUEST_URI: '/a%20b?q' }, '', '/a b'],
    ['only the target', { REQUEST_URI: '/a%20b?q' }, '', '/a b'],
    ['the target and the mount', { SCRIPT_NAME: '/app', REQUEST_URI: '/app/a%20b?q' }, '/app', '/a b'],
    ['a mount that is no segment of the target', { SCRIPT_NAME: '/ap', REQUEST_URI: '/apple' }, '/ap', ''],
    ['the target is *', { REQUEST_METHOD: 'OPTIONS', REQUEST_URI: '*' }, '', '*'],
    ['nothing at all', {}, '', '/'],
    ['both empty', { SCRIPT_NAME: '', PATH_INFO: '' }, '', '/'],
    ['the root as SCRIPT_NAME', { SCRIPT_NAME: '/', PATH_INFO: '/a' }, '', '/a'],
    ['a slash at the end of the mount', { SCRIPT_NAME: '/app/', PATH_INFO: '/a' }, '/app', '/a'],
    ['no slash at the start', { SCRIPT_NAME: 'app', PATH_INFO: 'a' }, '/app', '/a'],
  ])('%s', (_, variables, script, path) => {
    const { SCRIPT_NAME, PATH_INFO } = repaired(variables as { [name: string]: string });
    expect([SCRIPT_NAME, PATH_INFO]).toEqual([script, path]);
  });

  it('G-173 cutScriptName takes a SCRIPT_NAME that is repeated out of PATH_INFO, on a segment boundary', () => {
    const cut = (SCRIPT_NAME: string, PATH_INFO: string) => {
      const variables = { SCRIPT_NAME, PATH_INFO };
      cutScriptName(variables);
      return variables.PATH_INFO;
    };
    expect(cut('/app.cgi', '/app.cgi/a')).toBe('/a');
    expect(cut('/app.cgi', '/app.cgi')).toBe('');
    expect(cut('/app', '/apple')).toBe('/apple');
    expect(cut('', '/a')).toBe('/a');
  });
});

describe('G-176 G-172 the other variables', () => {
  it('come as they are', () => {
    const given = {
      SCRIPT_NAME: '',
      PATH_INFO: '/',
      QUERY_STRING: 'a=b',
      SERVER_NAME: 'front',
      SERVER_PORT: '8443',
      SERVER_PROTOCOL: 'HTTP/2.0',
      GATEWAY_INTERFACE: 'CGI/1.1',
      REMOTE_USER: '',
      SOME_VARIABLE: '\u00e9',
      HTTPS: 'on',
    };
    expect({ ...repaired(given) }).toEqual({ REQUEST_METHOD: 'GET', ...given });
  });

  it('G-172 G-28 G-36 fields that would mislead applications are left out', () => {
    const variables = repaired({
      HTTP_PROXY: 'evil:3128',
      HTTP_CONTENT_TYPE: 'a/b',
      HTTP_CONTENT_LENGTH: '5',
      HTTP_TRANSFER_ENCODING: 'chunked',
      HTTP_X: '1',
    });
    expect(Object.keys(variables).filter((name) => name.startsWith('HTTP_'))).toEqual(['HTTP_X']);
  });

  it('G-176 what a peer sends in the place of the keys of the interface is ignored', () => {
    const variables = repaired({ 'wsgi.run_once': 'true', 'wsgi.multithread': '1', 'quaich.state': 'x' });
    expect(Object.keys(variables).filter((name) => name.includes('.'))).toEqual([]);
  });

  it('G-06 those that are empty where a request has none are left out', () => {
    const variables = repaired({ CONTENT_TYPE: '', CONTENT_LENGTH: '', HTTPS: '' });
    expect('CONTENT_TYPE' in variables || 'CONTENT_LENGTH' in variables || 'HTTPS' in variables).toBe(false);
  });

  it('G-18 QUERY_STRING is there, from the target if need be', () => {
    expect(repaired({}).QUERY_STRING).toBe('');
    expect(repaired({ REQUEST_URI: '/a?b?c' }).QUERY_STRING).toBe('b?c');
  });

  it.each([
    ['nothing known', {}, ['localhost', '80']],
    ['HTTPS alone', { HTTPS: 'on' }, ['localhost', '443']],
    ['the Host field', { HTTP_HOST: 'example.org:81' }, ['example.org', '81']],
    ['a port alone', { HTTP_HOST: 'example.org:81', SERVER_PORT: '8080' }, ['example.org', '8080']],
    ['an empty name, as from nginx', { HTTP_HOST: '[::1]', SERVER_NAME: '', SERVER_PORT: '81' }, ['[::1]', '81']],
  ])('G-24 SERVER_NAME and SERVER_PORT: %s', (_, variables, expected) => {
    const { SERVER_NAME, SERVER_PORT } = repaired(variables as { [name: string]: string });
    expect([SERVER_NAME, SERVER_PORT]).toEqual(expected);
  });

  it.each([
    ['no method', { REQUEST_METHOD: '' }],
    ['a method that is no token', { REQUEST_METHOD: 'GET /' }],
    ['a length that is no number', { CONTENT_LENGTH: '1e3' }],
    ['a length below zero', { CONTENT_LENGTH: '-1' }],
    ['a length beyond all numbers', { CONTENT_LENGTH: '9'.repeat(16) }],
  ])('a request with %s cannot be', (_, variables) => {
    expect(() => repaired(variables as { [name: string]: string })).toThrow(RefusedRequest);
  });
});
