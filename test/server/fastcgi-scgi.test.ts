/** FastCGI and SCGI through the server, in each way an application can run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Server, serve } from 'quaich';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import * as fastcgi from '../protocols/fastcgi-client.ts';
import * as scgi from '../protocols/scgi-client.ts';
import { Client } from './client.ts';

const { ABORT_REQUEST, contentOf, END_REQUEST, PARAMS, pairs, readRecords, record, STDERR, STDIN, STDOUT } = fastcgi;

const module = fileURLToPath(new URL('./apps/front.mjs', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'quaich-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Waits until the connection has the END_REQUEST of a request, and gives its records. */
async function answer(client: Client, id: number, count = 1): Promise<fastcgi.Record[]> {
  const ends = (text: string) => readRecords(text).records.filter((one) => one.type === END_REQUEST && one.id === id);
  const { records } = readRecords(await client.until((text) => ends(text).length >= count));
  return records;
}

const body = (response: string): string => response.slice(response.indexOf('\r\n\r\n') + 4);
const head = (response: string): string => response.slice(0, response.indexOf('\r\n\r\n'));

describe.each([
  { way: 'pooled sync', app: 'syncApp', inline: false },
  { way: 'pooled async', app: 'asyncApp', inline: false },
  { way: 'inline', app: 'asyncApp', inline: true },
])('$way', ({ way, app, inline }) => {
  let server: Server;
  const lines: string[] = [];

  beforeAll(async () => {
    server = await serve({
      apps: [
        { module, export: app, inline },
        { module, export: app, inline, prefix: '/mounted' },
      ],
      bind: [
        'fastcgi://127.0.0.1:0',
        'scgi://127.0.0.1:0',
        `fastcgi+unix:${join(directory, way.replace(' ', '-'))}`,
        '127.0.0.1:0',
      ],
      syncWorkers: 2,
      asyncWorkers: 1,
      // They answer parts of small bodies.
      bufferSmallBody: 0,
      accessLog: true,
      accessLogStream: { write: (text: string) => lines.push(text) },
    });
  });

  afterAll(() => server.close());

  const connect = (index = 0): Client => new Client(server.urls[index].replace('fastcgi+', ''));

  const ask = async (variables: { [name: string]: string }, content = '', index = 0) => {
    const client = connect(index).send(fastcgi.request(1, variables, { body: content }));
    const records = await answer(client, 1);
    client.socket.destroy();
    return { records, response: contentOf(records, STDOUT, 1) };
  };

  const askScgi = async (variables: { [name: string]: string }, content = ''): Promise<string> => {
    const client = connect(1).send(scgi.request(variables, content));
    await client.all();
    return client.received;
  };

  test('G-174 G-175 the addresses tell the protocols', () => {
    expect(server.urls[0]).toMatch(/^fastcgi:\/\/127\.0\.0\.1:\d+$/);
    expect(server.urls[1]).toMatch(/^scgi:\/\/127\.0\.0\.1:\d+$/);
    expect(server.urls[2]).toBe(`fastcgi+unix:${join(directory, way.replace(' ', '-'))}`);
  });

  test('G-174 G-175 a body comes back', async () => {
    const content = 'x'.repeat(300_000);
    const variables = { REQUEST_METHOD: 'POST', PATH_INFO: '/echo' };
    for (const index of [0, 2]) {
      const { response } = await ask(variables, content, index);
      expect(head(response)).toBe('Status: 200 OK\r\nContent-Type: text/plain');
      expect(body(response)).toBe(content);
    }
    expect(body(await askScgi({ REQUEST_METHOD: 'POST', DOCUMENT_URI: '/echo' }, content))).toBe(content);
  });

  test('G-174 G-62 a body without CONTENT_LENGTH ends with its stream', async () => {
    const { response } = await ask({ REQUEST_METHOD: 'POST', PATH_INFO: '/echo', CONTENT_LENGTH: '' }, 'abc');
    expect(body(response)).toBe('abc');
  });

  test('G-174 requests follow each other on one connection, bodies unread or not', async () => {
    const client = connect();
    for (let round = 1; round <= 5; round++) {
      client.send(fastcgi.request(1, { PATH_INFO: '/ignore' }, { body: 'y'.repeat(200_000) }));
      expect(contentOf(await answer(client, 1, round), STDOUT, 1).split('not read')).toHaveLength(round + 1);
    }
    client.socket.destroy();
  });

  test('G-176 the environ has the variables of the front server, and the flags of this one', async () => {
    const sent = {
      ...fastcgi.VARIABLES,
      PATH_INFO: '/environ',
      SERVER_PROTOCOL: 'HTTP/2.0',
      HTTPS: 'on',
      HTTP_X: '\u00e9',
      REMOTE_USER: 'me',
      'wsgi.run_once': 'true',
      'wsgi.multithread': '',
    };
    const { response } = await ask({ ...sent, HTTP_PROXY: 'evil' });
    const environ = JSON.parse(Buffer.from(body(response), 'latin1').toString());
    const { 'wsgi.run_once': _, 'wsgi.multithread': __, ...variables } = sent;
    expect(environ).toMatchObject(variables);
    expect(environ.HTTP_PROXY).toBeUndefined();
    expect(environ).toMatchObject({
      'wsgi.url_scheme': 'https',
      'wsgi.run_once': false,
      'wsgi.multithread': app === 'asyncApp',
      'wsgi.multiprocess': app === 'syncApp',
      'quaich.async': app === 'asyncApp',
    });
  });

  test('G-176 G-14 mounts of this server come behind those of the front server', async () => {
    const { response } = await ask({
      SCRIPT_NAME: '/site',
      PATH_INFO: '/mounted/environ',
      REQUEST_URI: '/site/mounted/environ',
    });
    expect(JSON.parse(body(response))).toMatchObject({ SCRIPT_NAME: '/site/mounted', PATH_INFO: '/environ' });
  });

  test('G-174 wsgi.errors is the stream STDERR, traces included', async () => {
    const said = await ask({ PATH_INFO: '/errors' });
    expect(contentOf(said.records, STDERR, 1)).toBe('to the front server\n');
    expect(body(said.response)).toBe('said');
    const failed = await ask({ PATH_INFO: '/fails' });
    expect(head(failed.response)).toMatch(/^Status: 500 /);
    expect(contentOf(failed.records, STDERR, 1)).toContain('before the head');
  });

  test('G-141 a response that breaks off has no end; without a length, the connection is reset, by HTTP/1.0 too', async () => {
    const client = connect(2).send(fastcgi.request(1, { PATH_INFO: '/breaks' }, { body: '.' }));
    await client.all();
    const { records, rest } = readRecords(client.received);
    expect(body(contentOf(records, STDOUT, 1))).toBe('half');
    expect(records.some(({ type }) => type === END_REQUEST)).toBe(false);
    expect(rest).toBe('\0'.repeat(8));
    const http = 'POST /breaks HTTP/1.0\r\nContent-Length: 1\r\n\r\n';
    for (const [index, request] of [
      [1, scgi.request({ DOCUMENT_URI: '/breaks', CONTENT_LENGTH: '1' })],
      [3, http],
    ] as const) {
      const reset = connect(index).send(request);
      await reset.until((text) => text.endsWith('half'));
      await reset.send('.').all();
      expect(reset.error).toMatchObject({ code: 'ECONNRESET' });
    }
  });

  test('G-174 ABORT_REQUEST ends an endless body; the connection goes on', async () => {
    const client = connect().send(fastcgi.request(1, { PATH_INFO: '/endless' }));
    await client.until((text) => text.length > 100_000);
    client.send(record(ABORT_REQUEST, 1));
    await answer(client, 1);
    client.send(fastcgi.request(2, { PATH_INFO: '/ignore' }));
    expect(body(contentOf(await answer(client, 2), STDOUT, 2))).toBe('not read');
    client.socket.destroy();
  });

  test('G-110 a front server that goes away ends an endless body', async () => {
    const told = { REQUEST_URI: '/endless' };
    for (const index of [0, 1]) {
      const request =
        index === 0
          ? fastcgi.request(1, { PATH_INFO: '/endless', ...told })
          : scgi.request({ DOCUMENT_URI: '/endless', ...told });
      const client = connect(index).send(request);
      await client.until((text) => text.length > 100_000);
      client.socket.destroy();
    }
    const ended = () => lines.join('').match(/endless.* 200 /g);
    await vi.waitFor(() => expect(ended()).toHaveLength(2), 10_000);
  });

  test('G-63 a front server that goes away within the body fails the read', async () => {
    const variables = pairs({ ...fastcgi.VARIABLES, PATH_INFO: '/echo', CONTENT_LENGTH: '100000' });
    const client = connect().send(
      fastcgi.begin(1) + fastcgi.stream(PARAMS, 1, variables) + record(STDIN, 1, 'x'.repeat(90_000)),
    );
    if (app === 'asyncApp') await client.until((text) => text.length > 80_000);
    client.socket.end();
    await client.all();
    const { records } = readRecords(client.received);
    expect(records.some(({ type }) => type === END_REQUEST)).toBe(false);
  });

  test('many connections at a time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const content = String(i).repeat(500);
        if (i % 2 === 0) return (await ask({ PATH_INFO: '/echo' }, content)).response.endsWith(content);
        return (await askScgi({ DOCUMENT_URI: '/echo' }, content)).endsWith(content);
      }),
    );
    expect(answers).not.toContain(false);
  });

  test('the access log has the address and the request that the front server tells', async () => {
    await ask({
      PATH_INFO: '/nowhere',
      REQUEST_URI: '/nowhere?x',
      REMOTE_ADDR: '198.51.100.7',
      HTTP_USER_AGENT: 'test',
    });
    await vi.waitFor(() => {
      const line = lines
        .join('')
        .split('\n')
        .find((text) => text.includes('/nowhere?x'));
      expect(line).toMatch(/^198\.51\.100\.7 .*"GET \/nowhere\?x HTTP\/1\.1" 404 12 "-" "test"/);
    }, 10_000);
  });

  test.skipIf(inline)('G-147 a worker that dies costs its own request', async () => {
    const { response } = await ask({ PATH_INFO: '/exit' });
    expect(head(response)).toMatch(/^Status: 500 /);
    await vi.waitFor(async () => expect(body((await ask({ PATH_INFO: '/ignore' })).response)).toBe('not read'), 10_000);
  });
});

test('L-08 a server that stops lets requests end and leaves nothing open', async () => {
  const server = await serve({
    apps: [{ module, export: 'asyncApp' }],
    bind: 'fastcgi://127.0.0.1:0',
    asyncWorkers: 1,
  });
  const idle = new Client(server.url);
  const busy = new Client(server.url);
  const variables = pairs({ ...fastcgi.VARIABLES, PATH_INFO: '/echo', CONTENT_LENGTH: '6' });
  busy.send(fastcgi.begin(1) + fastcgi.stream(PARAMS, 1, variables) + record(STDIN, 1, 'abc'));
  await busy.until((text) => text.includes('abc'));
  const closed = server.close();
  await idle.all();
  busy.send(record(STDIN, 1, 'def') + record(STDIN, 1));
  await busy.all();
  expect(contentOf(readRecords(busy.received).records, STDOUT, 1)).toMatch(/abcdef$/);
  await closed;
});
