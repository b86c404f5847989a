/** Real front servers before Quaich: nginx by FastCGI and SCGI, lighttpd by CGI. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Server, serve } from 'quaich';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { fences } from '../docs/samples.ts';
import { changed } from './deployment.ts';

const app = (name: string): string => fileURLToPath(new URL(`./apps/${name}`, import.meta.url));
const isInstalled = (name: string): boolean => spawnSync(name, ['-v']).error === undefined;
const directory = mkdtempSync(join(tmpdir(), 'quaich-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
  complete: boolean;
}

/** A request to a front server that listens on a Unix socket. */
async function ask(socketPath: string, path: string, content?: Buffer): Promise<Answer> {
  const method = content === undefined ? 'GET' : 'POST';
  const outgoing = request({ socketPath, path, method, agent: false, headers: { Host: 'example.org' } });
  outgoing.end(content);
  const [response]: IncomingMessage[] = await once(outgoing, 'response');
  const blocks: Buffer[] = [];
  try {
    for await (const block of response) blocks.push(block);
  } catch {
    // told by `complete`
  }
  const { statusCode = 0, headers, complete } = response;
  return { status: statusCode, headers, body: Buffer.concat(blocks).toString('latin1'), complete };
}

/** Starts a front server and waits until it accepts connections. */
async function start(command: string, args: string[], socketPath: string): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  await vi.waitFor(
    async () => {
      const socket = connect(socketPath);
      await once(socket, 'connect').finally(() => socket.destroy());
    },
    { timeout: 10_000 },
  );
  return child;
}

async function stop(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill();
  await ended;
}

describe.skipIf(!isInstalled('nginx'))('nginx', () => {
  const front = join(directory, 'nginx');
  const errorLog = join(directory, 'error.log');
  let nginx: ChildProcess;
  let server: Server;

  beforeAll(async () => {
    const socket = (name: string): string => join(directory, name);
    mkdirSync(socket('temporary'));
    const temporary = ['client_body', 'fastcgi', 'scgi', 'proxy', 'uwsgi']
      .map((name) => `${name}_temp_path ${socket('temporary')}/${name};`)
      .join('\n');
    // The upstream and the first locations are those of the page, the parameters those that nginx ships.
    const shown = fences('docs/front-servers.md').find(({ language }) => language === 'nginx')!.code;
    const text = changed(shown, {
      '/run/site.sock': socket('fastcgi'),
      '/run/other.sock': socket('scgi'),
      '/other': '/scgi',
      'include ': 'include /etc/nginx/',
    });
    const locations = text.indexOf('location');
    writeFileSync(
      socket('nginx.conf'),
      `${process.getuid?.() === 0 ? 'user root;' : ''}
      daemon off;
      pid ${socket('nginx.pid')};
      error_log ${errorLog} info;
      events { worker_connections 1024; }
      http {
        access_log off;
        client_max_body_size 100m;
        ${temporary}
        ${text.slice(0, locations)}
        server {
          listen unix:${front};
          ${text.slice(locations)}
          location /streamed { include /etc/nginx/fastcgi_params; fastcgi_pass quaich; fastcgi_request_buffering off; }
        }
      }`,
    );
    server = await serve({
      apps: [
        { module: app('front.mjs'), export: 'syncApp' },
        { module: app('front.mjs'), export: 'asyncApp', prefix: '/async' },
        { module: app('front.mjs'), export: 'syncApp', prefix: '/streamed' },
      ],
      bind: [`fastcgi+unix:${socket('fastcgi')}`, `scgi+unix:${socket('scgi')}`],
      syncWorkers: 2,
      asyncWorkers: 1,
      limitBody: '100m',
    });
    nginx = await start('nginx', ['-c', socket('nginx.conf'), '-e', errorLog], front);
  });

  afterAll(async () => {
    await stop(nginx);
    await server.close();
  });

  // Not an echo: nginx sends nothing more of a request whose response has begun.
  test.each(['', '/async', '/streamed', '/scgi'])('G-174 G-175 bodies go and come back: %s', async (mount) => {
    for (const size of [0, 1, 70_000, 5_000_000]) {
      const content = Buffer.alloc(size, 'abcdefghij');
      const { status, body } = await ask(front, `${mount}/collect`, content);
      expect(status).toBe(200);
      expect(body === content.toString()).toBe(true);
    }
  });

  test('G-176 the paths are those of the request, whatever the parameters call them', async () => {
    const environ = async (path: string) => JSON.parse((await ask(front, path)).body);
    expect(await environ('/environ?a%20b')).toMatchObject({
      SCRIPT_NAME: '',
      PATH_INFO: '/environ',
      QUERY_STRING: 'a%20b',
      REQUEST_URI: '/environ?a%20b',
      HTTP_HOST: 'example.org',
    });
    expect(await environ('/async/environ')).toMatchObject({ SCRIPT_NAME: '/async', PATH_INFO: '/environ' });
    expect(await environ('/scgi/environ')).toMatchObject({ SCRIPT_NAME: '/scgi', PATH_INFO: '/environ' });
  });

  test('G-174 wsgi.errors comes to the error log of nginx', async () => {
    expect((await ask(front, '/errors')).body).toBe('said');
    expect((await ask(front, '/fails')).status).toBe(500);
    await vi.waitFor(() => {
      const log = readFileSync(errorLog, 'utf8');
      expect(log).toContain('FastCGI sent in stderr: "to the front server"');
      expect(log).toContain('before the head');
    }, 10_000);
  });

  test('G-141 a response that breaks off is no complete one for the client of nginx', async () => {
    // nginx may not even have sent the head.
    const answer = await ask(front, '/breaks', Buffer.from('.')).catch(() => ({ complete: false }));
    expect(answer.complete).toBe(false);
  });

  test('G-110 a client that leaves nginx ends an endless body', async () => {
    for (const path of ['/endless', '/async/endless', '/scgi/endless']) {
      const before = readFileSync(errorLog, 'utf8').length;
      const outgoing = request({ socketPath: front, path, agent: false });
      outgoing.on('error', () => {}).end();
      const [response]: IncomingMessage[] = await once(outgoing, 'response');
      await once(response, 'data');
      outgoing.destroy();
      await vi.waitFor(() => expect(readFileSync(errorLog, 'utf8').length).toBeGreaterThan(before), 10_000);
    }
    // The workers are free again.
    expect((await ask(front, '/ignore')).body).toBe('not read');
    expect((await ask(front, '/async/ignore')).body).toBe('not read');
  });

  test('many requests at a time, over connections that stay open', async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const content = Buffer.alloc(2000, String(i));
        const mount = ['', '/async', '/scgi'][i % 3];
        return (await ask(front, `${mount}/collect`, content)).body === content.toString();
      }),
    );
    expect(answers).not.toContain(false);
  });
});

describe.skipIf(!isInstalled('lighttpd'))('lighttpd', () => {
  const front = join(directory, 'lighttpd');
  let lighttpd: ChildProcess;

  beforeAll(async () => {
    const root = join(directory, 'root');
    mkdirSync(root);
    for (const name of ['environ', 'environAsync', 'echo', 'echoAsync', 'large', 'fails']) {
      const program = join(root, `${name}.cgi`);
      writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${app('cgi.mjs')}' ${name}\n`, { mode: 0o755 });
    }
    writeFileSync(
      join(directory, 'lighttpd.conf'),
      `server.document-root = "${root}"
      server.bind = "${front}"
      server.modules = ("mod_cgi")
      cgi.assign = (".cgi" => "")`,
    );
    lighttpd = await start('lighttpd', ['-D', '-f', join(directory, 'lighttpd.conf')], front);
  });

  afterAll(() => stop(lighttpd));

  test.each(['environ', 'environAsync'])('G-170 G-172 the environ of %s', async (name) => {
    const { status, body, headers } = await ask(front, `/${name}.cgi/a%20b?c=d`);
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/plain');
    expect(JSON.parse(body)).toMatchObject({
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: `/${name}.cgi`,
      PATH_INFO: '/a b',
      QUERY_STRING: 'c=d',
      HTTP_HOST: 'example.org',
      'wsgi.run_once': true,
    });
  });

  test.each(['echo', 'echoAsync'])('G-170 G-171 a body goes and comes back: %s', async (name) => {
    const content = Buffer.alloc(300_000, 'abcdefghij');
    expect((await ask(front, `/${name}.cgi`, content)).body).toBe(content.toString());
  });

  test('G-171 a large response arrives whole', async () => {
    expect((await ask(front, '/large.cgi')).body).toHaveLength(10_000_000);
  });

  test('G-140 a failure is a page', async () => {
    expect((await ask(front, '/fails.cgi')).status).toBe(500);
  });
});
