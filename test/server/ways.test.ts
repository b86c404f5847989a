import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { type Server, serve } from 'quaich';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { names } from './apps/table.mjs';
import { Client, parseResponses } from './client.ts';

const module = fileURLToPath(new URL('./apps/table.mjs', import.meta.url));

const WAYS = {
  sync: { export: 'syncApp', array: 'syncArray', inline: false },
  async: { export: 'asyncApp', array: 'asyncArray', inline: false },
  inline: { export: 'asyncApp', array: 'asyncArray', inline: true },
};

const servers: Record<string, Server> = {};

beforeAll(async () => {
  for (const [way, { export: name, array, inline }] of Object.entries(WAYS)) {
    servers[way] = await serve({
      apps: [
        { module, export: name, inline },
        { prefix: '/array', module, export: array, inline },
      ],
      bind: '127.0.0.1:0',
      syncWorkers: 2,
      asyncWorkers: 1,
    });
  }
});

afterAll(() => Promise.all(Object.values(servers).map((server) => server.close())));

/** Longer bodies are shown by their length, hash and first bytes. */
const SHOWN = 400;

/** An answer in a form that a person can read. Any other byte in it, but for its Date, makes another text. */
function brief(text: string, method: string): string {
  const responses = parseResponses(text, [method]).map(({ status, headers, body, complete }) => {
    const fields = headers.filter(([name]) => name !== 'Date').map(([name, value]) => `${name}: ${value}`);
    const hash = createHash('sha256').update(body, 'latin1').digest('hex');
    const long = `${body.length} bytes, sha256 ${hash}, from ${JSON.stringify(body.slice(0, 30))}`;
    return [
      `${status}, ${complete ? 'complete' : 'broken off'}`,
      ...fields,
      body.length > SHOWN ? long : JSON.stringify(body),
    ].join('\n');
  });
  return responses.join('\n\n');
}

/** What comes back to a client that stays: one that ends its side may be seen to before the head is written (G-183). */
async function ask({ url }: Server, text: string, method: string): Promise<string> {
  const client = new Client(url).send(text);
  const last = text.includes('HTTP/1.0');
  const whole = (received: string) => !last && parseResponses(received, [method]).at(0)?.complete === true;
  const received = await client.until(whole);
  client.socket.destroy();
  return received;
}

const requests: [title: string, method: string, text: (path: string) => string][] = [
  ['GET', 'GET', (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\nCookie: x=1\r\nX-A: 1\r\nX-A: 2\r\n\r\n`],
  ['GET over HTTP/1.0', 'GET', (path) => `GET ${path} HTTP/1.0\r\n\r\n`],
  ['HEAD', 'HEAD', (path) => `HEAD ${path} HTTP/1.1\r\nHost: a\r\n\r\n`],
  [
    'POST with a length',
    'POST',
    (path) => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 24\r\n\r\nfirst line\nsecond\nthird\n!`,
  ],
  [
    'POST in chunks',
    'POST',
    (path) =>
      `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst \r\n13\r\nline\nsecond\nthird\n!\r\n0\r\n\r\n`,
  ],
];

describe('G-181 an application gives the same bytes however it is run', () => {
  it('which are told apart by each byte', () => {
    const answer = (body: string) => `HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const long = 'x'.repeat(SHOWN);
    const texts = ['', 'x', 'x\r\n', 'x\n', long, `${long}y`, `${long}z`, `${long}\xe9`].map(answer);
    expect(new Set(texts.map((text) => brief(text, 'GET'))).size).toBe(texts.length);
    expect(brief(answer('two').slice(0, -1), 'GET')).toBe('200, broken off\nContent-Length: 3\n"tw"');
  });

  describe.each(requests)('%s', (title, method, text) => {
    it.each([...names.map((name) => `/${name}`), '/array', '/array/%41%e9%2f?q=%41'])('%s', async (path) => {
      const answers: Record<string, string> = {};
      for (const [way, server] of Object.entries(servers))
        answers[way] = brief(await ask(server, text(path), method), method);
      for (const way of Object.keys(WAYS)) expect.soft(answers[way], `${way}: ${title} ${path}`).toBe(answers.sync);
      expect(answers.sync, `sync: ${title} ${path}`).toMatchSnapshot();
    });
  });
});
