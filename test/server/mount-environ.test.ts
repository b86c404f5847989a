/** What an application gets to see in a node:http server, by the tables of the server's own ways. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Application, AsyncApplication } from 'quaich';
import { toNodeListener } from 'quaich/gateways';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as probe from './apps/probe.mjs';
import { parseResponses, talk } from './client.ts';
import { ENVIRONS, get, HEADS, HOST, READS, type Report, TEXT } from './environ-table.ts';

const asyncApp: AsyncApplication = probe.asyncApp;
const syncApp: Application = probe.syncApp;

describe.each([
  { way: 'node:http mount, async', app: asyncApp, async: true },
  { way: 'node:http mount, sync', app: syncApp, async: false },
])('$way', ({ app, async }) => {
  let server: http.Server;
  let port = 0;

  beforeAll(async () => {
    const root = toNodeListener(app, { where: 'here' });
    const mounted = toNodeListener(app, { where: 'here', prefix: '/app/' });
    server = http.createServer((request, response) => mounted(request, response, () => root(request, response)));
    // The tests' client ends its side when it has sent all; Node takes that for a client that has left.
    Object.assign(server, { httpAllowHalfOpen: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });

  afterAll(() => new Promise((resolve) => server.close(resolve)));

  const send = (requests: string): Promise<string> => talk(`http://127.0.0.1:${port}`, requests);

  async function reports(requests: string): Promise<Report[]> {
    return parseResponses(await send(requests)).map((response) => {
      expect(response.status).toBe(200);
      return JSON.parse(response.body);
    });
  }

  test.each(ENVIRONS)('G-177 %s', async (_title, request, expected) => {
    const [report] = await reports(request);
    const found = Object.fromEntries(Object.keys(expected).map((key) => [key, report.strings[key]]));
    expect(found).toEqual(expected);
    expect(report.odd).toEqual([]);
  });

  test('G-01 two arguments and no this; G-03 G-04 G-05 G-06 the next call gets a new, plain environ', async () => {
    const seen = await reports(get('/') + get('/') + get('/'));
    expect(seen).toHaveLength(3);
    for (const report of seen) {
      expect(report).toMatchObject({ arguments: 2, hasThis: false, seenBefore: false, plain: true, extensible: true });
      expect(report).toMatchObject({ prototype: 'null', odd: [] });
    }
  });

  test('G-24 G-37 the socket names server and client', async () => {
    const [report] = await reports(get('/'));
    expect(report.strings).toMatchObject({
      SERVER_NAME: '127.0.0.1',
      SERVER_PORT: String(port),
      REMOTE_ADDR: '127.0.0.1',
    });
    expect(report.strings.REMOTE_PORT).toMatch(/^\d+$/);
  });

  test('G-40 G-42 to G-47 version, streams, flags', async () => {
    const [report] = await reports(get('/'));
    expect(report).toMatchObject({ version: [1, 0], errors: true, run_once: false, input_terminated: true, async });
    expect(report).toMatchObject({ multithread: true, multiprocess: false });
  });

  describe.each([
    ['with a length', `Content-Length: ${TEXT.length}\r\n\r\n${TEXT}`],
    [
      'in chunks (G-62)',
      `Transfer-Encoding: chunked\r\n\r\n7\r\n${TEXT.slice(0, 7)}\r\nc\r\n${TEXT.slice(7)}\r\n0\r\nX-Trailer: 1\r\n\r\n`,
    ],
  ])('a body %s', (_framing, body) => {
    test.each(READS)('%s', async (_title, steps, results) => {
      const one = `POST / HTTP/1.1\r\n${HOST}X-Do: ${JSON.stringify(steps)}\r\n${body}`;
      // Pipelined: what follows must not be read as part of the body (G-54), nor the other way round (G-64).
      const [report, next] = await reports(one + get('/next'));
      expect(report.results).toEqual(results);
      expect(report.private).toBe(true);
      expect(next.strings.PATH_INFO).toBe('/next');
    });
  });

  test('G-55 without framing fields every read is empty at once', async () => {
    const steps = [['read'], ['readline'], ['readlines'], ['lines'], ['read', 5]];
    const [report] = await reports(get('/', `${HOST}X-Do: ${JSON.stringify(steps)}\r\n`));
    expect(report.results).toEqual(['', '', [], [], '']);
  });

  test('G-64 G-131 bytes that were not read are never the next request, and responses keep their order', async () => {
    const post = (path: string, fields = '') =>
      `POST ${path} HTTP/1.1\r\n${HOST}${fields}Content-Length: 30\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\nxxxx`;
    const some = `X-Do: ${JSON.stringify([['read', 5]])}\r\n`;
    const seen = await reports(post('/1') + get('/2') + post('/3', some) + get('/4'));
    expect(seen.map((report) => report.strings.PATH_INFO)).toEqual(['/1', '/2', '/3', '/4']);
  });

  test.each(HEADS)('%s G-87 a bad head throws into the application: %j', async (row, head) => {
    const steps = JSON.stringify([['start', ...head]]).replace(/[\u0080-\uffff]/g, (unit) => {
      return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    });
    const [report] = await reports(get('/', `${HOST}X-Do: ${steps}\r\n`));
    expect(report.results[0]).toContain(row);
  });

  test('G-125 G-126 chunked coding on HTTP/1.1 ends with an empty chunk', async () => {
    const text = await send(get('/', `${HOST}X-Stream: 1\r\n`));
    expect(text).toMatch(/\r\nTransfer-Encoding: chunked\r\n[\s\S]*\r\n0\r\n\r\n$/);
    const old = await send('GET / HTTP/1.0\r\nX-Stream: 1\r\nConnection: keep-alive\r\n\r\n');
    expect(old).not.toMatch(/Transfer-Encoding|Connection: keep-alive/i);
    expect(JSON.parse(parseResponses(old)[0].body).arguments).toBe(2);
  });

  test.each([
    ['G-22 a fragment in the target', `GET /a#b HTTP/1.1\r\n${HOST}\r\n`],
    ['G-22 a byte above 0x7F in the target', `GET /\u00e9 HTTP/1.1\r\n${HOST}\r\n`],
    ['G-21 the target * for GET', `GET * HTTP/1.1\r\n${HOST}\r\n`],
    ['G-20 an authority that is none', `GET http://a:b:c/ HTTP/1.1\r\n${HOST}\r\n`],
    ['G-33 two Host fields', get('/', `${HOST}${HOST}`)],
    ['G-33 no Host field', get('/', '')],
    ['G-33 a Host field that is none', get('/', 'Host: a/b\r\n')],
    ['G-33 two Content-Length fields', get('/', `${HOST}Content-Length: 1\r\nContent-Length: 1\r\n`)],
    ['G-27 a Content-Length that is no number', get('/', `${HOST}Content-Length: +1\r\n`)],
  ])('%s gives 400', async (_title, request) => {
    expect(parseResponses(await send(request))[0].status).toBe(400);
  });

  test('G-21 OPTIONS * belongs to the root', async () => {
    const [report] = await reports(`OPTIONS * HTTP/1.1\r\n${HOST}\r\n`);
    expect(report.strings).toMatchObject({ SCRIPT_NAME: '', PATH_INFO: '*' });
  });
});
