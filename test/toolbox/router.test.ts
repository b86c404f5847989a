import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  type Application,
  type AsyncApplication,
  ConfigurationError,
  kindOf,
  markAsync,
} from '../../src/interface/index.ts';
import { AsyncTestClient, SyncTestClient } from '../../src/testing/index.ts';
import { type RouteTable, router, sendJson, sendText } from '../../src/toolbox/index.ts';
import { validator } from '../../src/validate/index.ts';

const app = router({
  'GET /': (_environ, startResponse) => sendText(startResponse, 'home'),
  'GET /users/:id': (_environ, startResponse, { id }) => sendJson(startResponse, { id }),
  'GET /users/me': (_environ, startResponse) => sendText(startResponse, 'me'),
  'PUT /users/:id': (environ, startResponse, { id }) =>
    sendText(startResponse, `${id} is ${Buffer.from(environ['wsgi.input'].read())}`),
  '/any/**:rest': (environ, startResponse, { rest }) => sendText(startResponse, `${environ.REQUEST_METHOD} ${rest}`),
  '/caf\u00e9/100%25': (_environ, startResponse) => sendText(startResponse, 'literal'),
  'GET /optional/:name?': (_environ, startResponse, parameters) =>
    sendText(startResponse, Object.keys(parameters).join()),
});

const client = new SyncTestClient(validator(app));

describe('U-62 the router', () => {
  test.each([
    ['/', 'home'],
    ['/users/7', '{"id":"7"}'],
    ['/users/7/', '{"id":"7"}'],
    ['/users/me', 'me'],
    ['/users/caf%C3%A9%20%25', '{"id":"caf\u00e9 %"}'],
    ['/any/a/b%20c', 'GET a/b c'],
    ['/caf%C3%A9/100%25', 'literal'],
    ['/optional/x', 'name'],
    ['/optional', ''],
  ])('finds the handler of %s', (path, text) => {
    expect(client.get(path)).toMatchObject({ status: 200, text, errors: '' });
  });

  test('goes by method; GET answers HEAD', () => {
    expect(client.put('/users/7', { body: 'x' }).text).toBe('7 is x');
    expect(client.delete('/any/a').text).toBe('DELETE a');
    expect(client.head('/users/7')).toMatchObject({ status: 200, text: '', errors: '' });
  });

  const missing = ['/nothing', '/users', '/users/7/more', '/caf\u00e9/100', '/__proto__', '/users/'];
  test.each(missing)('gives 404 to %s', (path) => {
    expect(client.get(path)).toMatchObject({ status: 404, text: 'Not Found\n', errors: '' });
  });

  test('gives 404 to OPTIONS *', () => {
    expect(client.request({ method: 'OPTIONS', path: '*' }).status).toBe(404);
  });

  test.each([
    ['POST', '/users/7', 'GET, PUT, HEAD'],
    ['get', '/', 'GET, HEAD'],
    ['OPTIONS', '/users/me', 'GET, PUT, HEAD'],
  ])('gives 405 to %s %s, with what is allowed', (method, path, allow) => {
    const response = client.request({ method, path });
    expect([response.statusLine, response.headers.get('Allow')]).toEqual(['405 Method Not Allowed', allow]);
  });

  test('is as good at the root of a mount, and leaves environ as it is', () => {
    const told = router({
      '/': ({ SCRIPT_NAME: script, PATH_INFO: path }, startResponse) => sendJson(startResponse, [script, path]),
    });
    const mounted = new SyncTestClient(told, { prefix: '/site' });
    expect(mounted.get('/site').json()).toEqual(['/site', '']);
    expect(mounted.get('/site/').json()).toEqual(['/site', '/']);
  });

  test('is async where its handlers are', async () => {
    const later = router({
      'GET /:name': async (_environ, startResponse, { name }) => sendText(startResponse, name),
      'GET /stream': async function* (_environ, startResponse) {
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        yield Buffer.from('a');
        yield Buffer.from('b');
      },
    });
    expect([kindOf(app), kindOf(later)]).toEqual(['sync', 'async']);
    expectTypeOf(app).toEqualTypeOf<Application>();
    expectTypeOf(later).toEqualTypeOf<AsyncApplication>();
    const asyncClient = new AsyncTestClient(validator(later));
    expect((await asyncClient.get('/x')).text).toBe('x');
    expect((await asyncClient.get('/stream')).chunks).toHaveLength(2);
    expect((await asyncClient.post('/x')).status).toBe(405);
    expect((await asyncClient.get('/')).status).toBe(404);
  });

  test.each<[RouteTable, string]>([
    [{}, 'no route'],
    [{ users: () => [] }, '"users" is no route'],
    [{ 'get /': () => [] }, '"get /" is no route'],
    [{ 'GET /:a/:a': () => [] }, '"GET /:a/:a" is no route'],
    [{ '/': 5 as never }, 'the handler of "/" is 5'],
    [{ '/': () => [], 'GET /a': async () => [] }, 'the handler of "/" is sync, and that of "GET /a" is not'],
    [{ '/': markAsync(() => []), 'GET /a': () => [] }, 'the handler of "/" is async, and that of "GET /a" is not'],
  ])('refuses a table with its reason: %#', (table, text) => {
    expect(() => router(table)).toThrow(ConfigurationError);
    expect(() => router(table)).toThrow(text);
  });
});
