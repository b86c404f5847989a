/** HAProxy, nginx and Caddy with the files of docs/deploy, before three real servers. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { request as requestTls } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { attacks } from '../corpus/attacks.ts';
import { Authority } from './certificates.ts';
import { Client } from './client.ts';
import { changed, endAll, isInstalled, LONG, NET, Program, SiteFolder, snippet } from './deployment.ts';

/** Of the front server; the servers have the numbers 1 to 3, the clients 99. */
const HOST = `${NET}.10`;
const HTTP = 8080;
const HTTPS = 8443;

interface Front {
  name: string;
  program: string;
  /** That shows that the program is there. */
  version: string;
  page: string;
  file: string;
  args: (file: string) => string[];
  changes: (folder: string) => Record<string, string>;
  /** The methods whose requests a restart loses none of. */
  methods: ('GET' | 'POST')[];
  tls: boolean;
}

const temporary = (folder: string): string =>
  ['client_body', 'fastcgi', 'scgi', 'proxy', 'uwsgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ');

const FRONTS: Front[] = [
  {
    name: 'HAProxy',
    program: 'haproxy',
    version: '-v',
    page: 'haproxy',
    file: 'haproxy.cfg',
    args: (file) => ['-db', '-f', file],
    changes: (folder) => ({
      'bind :80': `bind ${HOST}:${HTTP}`,
      'bind :443': `bind ${HOST}:${HTTPS}`,
      '/etc/haproxy/site.pem': join(folder, 'site.pem'),
      'inter 1s': 'inter 100ms',
    }),
    methods: ['GET', 'POST'],
    tls: true,
  },
  {
    name: 'Caddy',
    program: 'caddy',
    version: 'version',
    page: 'caddy',
    file: 'Caddyfile',
    args: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
    changes: () => ({
      'site.example {': `{\n\tadmin off\n}\n\nhttp://:${HTTP} {\n\tbind ${HOST}`,
      'health_interval 1s': 'health_interval 100ms',
    }),
    methods: ['GET', 'POST'],
    tls: false,
  },
  {
    name: 'nginx',
    program: 'nginx',
    version: '-v',
    page: 'nginx',
    file: 'nginx.conf',
    args: (file) => ['-c', file, '-e', 'stderr', '-g', 'daemon off;'],
    changes: (folder) => ({
      'user www-data;': `${process.getuid?.() === 0 ? 'user root;' : ''} pid ${folder}/nginx.pid; error_log stderr;`,
      'http {': `http { access_log off; ${temporary(folder)}`,
      'listen 80': `listen ${HOST}:${HTTP}`,
      'listen 443': `listen ${HOST}:${HTTPS}`,
      '/etc/nginx/site.pem': join(folder, 'site.pem'),
      '/etc/nginx/site.key': join(folder, 'site.pem'),
    }),
    methods: ['GET'],
    tls: true,
  },
];

/** The status of a response, and what the application tells of the request where it is 200. */
interface Answer {
  status: number;
  pid?: number;
  path?: string;
  length?: number;
}

/** In place of the answer to a request that got none. */
const LOST: Answer = { status: 0 };

for (const { name, program, version, page, file, args, changes, methods, tls } of FRONTS)
  describe.skipIf(!isInstalled(program, version))(name, () => {
    const pool = new Agent({ keepAlive: true, scheduling: 'fifo' });
    let site: SiteFolder;
    let authority: Authority;
    let servers: Program[] = [];

    const startServer = (index: number): Promise<Program> => {
      const address = `${NET}.${index + 1}:8000`;
      return new Program(site.command, ['--config', 'quaich.config.mjs', '--bind', address], site.path).listens(
        address,
      );
    };

    /** A request to the front server, from an address that it does not share with the servers. */
    async function ask(path: string, { content = '', encrypted = false, fields = {} } = {}): Promise<Answer> {
      const options = {
        host: HOST,
        path,
        method: content === '' ? 'GET' : 'POST',
        headers: { Host: 'site.example', ...fields },
        localAddress: `${NET}.99`,
      };
      const outgoing = encrypted
        ? requestTls({ ...options, port: HTTPS, agent: false, rejectUnauthorized: false })
        : request({ ...options, port: HTTP, agent: pool });
      outgoing.end(content);
      const [response]: IncomingMessage[] = await once(outgoing, 'response');
      let text = '';
      for await (const block of response.setEncoding('utf8')) text += block;
      const { statusCode: status = 0 } = response;
      return status === 200 ? { status, ...JSON.parse(text) } : { status };
    }

    beforeAll(async () => {
      site = new SiteFolder({ "timeoutDrain: '5s'": "timeoutDrain: '1s', asyncWorkers: 1" });
      authority = new Authority();
      const { cert, key } = authority.issue('site', { subject: '/CN=site.example', names: 'DNS:site.example' });
      site.write('site.pem', readFileSync(cert, 'utf8') + readFileSync(key, 'utf8'));
      const text = changed(snippet(page, file), { '10.0.0.': `${NET}.`, ...changes(site.path) });
      servers = await Promise.all([0, 1, 2].map(startServer));
      // Caddy keeps what it has below its home.
      const home = { HOME: site.path, XDG_DATA_HOME: site.path, XDG_CONFIG_HOME: site.path };
      await new Program(program, args(site.write(file, text)), site.path, home).listens(`${HOST}:${HTTP}`);
      await vi.waitFor(async () => expect((await ask('/')).status).toBe(200), { timeout: LONG, interval: 20 });
    }, 2 * LONG);

    afterAll(async () => {
      pool.destroy();
      await endAll();
      authority?.remove();
      site?.remove();
    });

    it('tells the servers who asks, and how; what a client says of itself counts for nothing', async () => {
      const spoofed = {
        'X-Forwarded-For': '192.0.2.1',
        'X-Forwarded-Proto': 'https',
        'X-Forwarded-Host': 'evil.example',
        Forwarded: 'for=192.0.2.1;proto=https;host=evil.example',
      };
      const told = { status: 200, path: '/a', address: `${NET}.99`, scheme: 'http', host: 'site.example' };
      expect(await ask('/a', { fields: spoofed })).toMatchObject(told);
      if (tls) expect(await ask('/a', { encrypted: true })).toMatchObject({ ...told, scheme: 'https' });
    });

    it('passes large bodies on', async () => {
      expect(await ask('/', { content: 'x'.repeat(5_000_000) })).toMatchObject({ status: 200, length: 5_000_000 });
    });

    it('gives each client its own answer, whatever another one sends', { timeout: 2 * LONG }, async () => {
      for (const { name: attack, bytes } of attacks) {
        const attacker = new Client(`http://${HOST}:${HTTP}`).send(bytes);
        // Some front servers wait for more.
        await Promise.race([attacker.until((received) => received !== ''), sleep(100)]);
        const answers = await Promise.all([1, 2, 3].map((n) => ask(`/own/${n}`)));
        expect(
          answers.map(({ path }) => path),
          attack,
        ).toEqual(['/own/1', '/own/2', '/own/3']);
        attacker.socket.destroy();
      }
    });

    it('loses no request while its servers are restarted one by one', { timeout: 5 * LONG }, async () => {
      const failures: Answer[] = [];
      const answered = new Map<number, number>();
      let loaded = true;
      const clients = Array.from({ length: 12 }, async (_, client) => {
        for (let n = 0; loaded; n++) {
          const content = methods[n % methods.length] === 'POST' ? 'x'.repeat(2000) : '';
          // Some are at work for a while, so that each signal finds requests that run.
          const answer = await ask(client < 3 ? '/?300' : '/', { content }).catch(() => LOST);
          const { status, pid = 0, length } = answer;
          if (status !== 200 || length !== content.length) failures.push(answer);
          answered.set(pid, (answered.get(pid) ?? 0) + 1);
          await sleep(5);
        }
      });
      const serves = ({ child }: Program) =>
        vi.waitFor(() => expect(answered.get(child.pid!) ?? 0).toBeGreaterThan(5), { timeout: LONG, interval: 10 });
      await Promise.all(servers.map(serves));
      for (const index of servers.keys()) {
        expect(await servers[index].end('SIGTERM')).toBe(0);
        servers[index] = await startServer(index);
        await serves(servers[index]);
      }
      loaded = false;
      await Promise.all(clients);
      expect(failures).toEqual([]);
      expect([...answered.values()].reduce((sum, count) => sum + count)).toBeGreaterThan(200);
      expect(answered.size).toBe(6);

      // The same requests see a server that is killed.
      const asked = Array.from({ length: 9 }, () => ask('/last?2000', { content: 'x' }).catch(() => LOST));
      await servers[0].says('begun: /last');
      await servers[0].end('SIGKILL');
      const statuses = (await Promise.all(asked)).map(({ status }) => status);
      expect(statuses).toContain(200);
      // HAProxy closes the connection where it had used the one to the server before; the others say 502.
      expect(statuses.filter((status) => status === 502 || status === 0)).not.toEqual([]);
    });
  });
