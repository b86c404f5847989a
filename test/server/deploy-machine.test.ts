/** The files of docs/deploy for one machine: systemd, Docker, Kubernetes. What of them can run here is run. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { Client } from './client.ts';
import { get } from './command.ts';
import { changed, endAll, isInstalled, LONG, NET, Program, SiteFolder, snippet } from './deployment.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const HOST = `${NET}.20`;
const ADDRESS = `${HOST}:8000`;
const SITE = `http://${ADDRESS}`;

let site: SiteFolder;

beforeAll(() => {
  site = new SiteFolder({ "':8000'": `'${ADDRESS}'` });
});

afterEach(endAll);

afterAll(() => site.remove());

const start = (command: string, args: readonly string[], env: Record<string, string> = {}): Program =>
  new Program(command, args, site.path, env);

const ask = async () => JSON.parse((await get(SITE)).text);

describe('systemd', () => {
  const unit = () => changed(snippet('systemd', 'site.service'), { '/srv/site': site.path });

  it.skipIf(!isInstalled('systemd-analyze', '--version'))('finds nothing wrong with the units', () => {
    const files = [
      site.write('site.service', unit()),
      site.write('site.socket', changed(snippet('systemd', 'site.socket'), {})),
    ];
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...files], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    site.write('site.service', changed(unit(), { 'ExecStart=': 'ExecStart=/nowhere' }));
    expect(spawnSync('systemd-analyze', ['verify', '--man=no', ...files]).status).not.toBe(0);
  });

  it.skipIf(!isInstalled('systemd-socket-activate', '--version'))(
    'starts, reloads and restarts the service, whose connections wait in the socket',
    { timeout: 3 * LONG },
    async () => {
      const line = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(unit())![1];
      // The shell keeps the socket open from one start to the next, as systemd does.
      const command = line('ExecStart');
      const holder = ['sh', '-c', `${command}; echo stopped with $?; exec ${command}`];
      const env = { QUAICH_TIMEOUT_DRAIN: '0', QUAICH_ASYNC_WORKERS: '1' };
      const kept = ['PATH', ...Object.keys(env)].map((name) => `--setenv=${name}`);
      const service = start('systemd-socket-activate', [`--listen=${ADDRESS}`, ...kept, ...holder], env);
      await service.says('Listening on');
      const { pid } = await ask();

      const before = readFileSync(join(site.path, 'application.js'), 'utf8');
      site.write('application.js', changed(before, { '200 OK': '203 Non-Authoritative Information' }));
      expect(spawnSync('sh', ['-c', changed(line('ExecReload'), { $MAINPID: String(pid) })]).status).toBe(0);
      await vi.waitFor(async () => expect((await get(SITE)).status).toBe(203), { timeout: LONG, interval: 20 });
      expect(JSON.parse((await get(SITE)).text).pid).toBe(pid);
      site.write('application.js', before);

      process.kill(pid, 'SIGTERM');
      await service.says('stopped with 0');
      const next = await ask();
      expect(next.pid).not.toBe(pid);
      process.kill(next.pid, 'SIGTERM');
      expect(await service.ended).toBe(0);
    },
  );
});

/** What the last stage of the Dockerfile says. */
function image() {
  const lines = snippet('docker', 'Dockerfile').replaceAll('\\\n', ' ').split('\n');
  const last = (instruction: string): string =>
    lines.findLast((line) => line.startsWith(`${instruction} `))!.slice(instruction.length + 1);
  const list = (text: string): string[] => JSON.parse(text.slice(text.indexOf('[')));
  const env = last('ENV')
    .split(' ')
    .map((pair) => pair.split('='));
  return {
    command: list(last('CMD')),
    env: Object.fromEntries(env) as Record<string, string>,
    health: list(last('HEALTHCHECK')),
    user: last('USER'),
  };
}

const NOBODY = 65534;
const ISOLATED = [
  ...['--pid', '--fork', '--kill-child', 'setpriv', '--no-new-privs', '--bounding-set=-all'],
  ...[`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'],
];
const canRead = ['test', '-r', join(root, 'dist/src/cli/main.js')];

describe.skipIf(!isInstalled('unshare', ...ISOLATED, ...canRead))('the image for Docker', () => {
  it('runs as process 1 without rights, is healthy, and stops at once', { timeout: 2 * LONG }, async () => {
    const { command, env, health, user } = image();
    expect(user).toBe('node');
    const [node, ...check] = health.map((part) => part.replace('127.0.0.1:8000', ADDRESS));
    const isHealthy = () => spawnSync(node, check).status === 0;
    expect(isHealthy()).toBe(false);
    const container = start('unshare', [...ISOLATED, ...command], { ...env, QUAICH_ASYNC_WORKERS: '1' });
    await container.listens(ADDRESS);
    expect(await ask()).toMatchObject({ pid: 1, user: NOBODY });
    expect(isHealthy()).toBe(true);
    const idle = new Client(SITE).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await idle.until((text) => text.endsWith('}'));

    const { pid } = container.child;
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
    const begun = performance.now();
    process.kill(Number(first), 'SIGTERM');
    expect(await container.ended).toBe(0);
    // Neither the drain of the configuration file nor the time for running requests is waited for.
    expect(performance.now() - begun).toBeLessThan(4000);
    await idle.all();
  });
});

describe('the objects for Kubernetes', () => {
  const objects = parseAllDocuments(snippet('kubernetes', 'site.yaml')).map((document) => document.toJS());
  const [{ spec }] = objects;
  const { spec: pod } = spec.template;
  const [container] = pod.containers;
  const variables: Record<string, string> = Object.fromEntries(
    container.env.map(({ name, value }: Record<string, string>) => [name, value]),
  );

  it('have the types of Kubernetes', () => {
    const check = (text: string): number | null => {
      const file = site.write(
        'objects.ts',
        `import type { Deployment } from 'kubernetes-types/apps/v1';
        import type { Service } from 'kubernetes-types/core/v1';
        import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1';
        export const objects: [Deployment, Service, PodDisruptionBudget] = ${text};`,
      );
      const flags = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'esnext', '--moduleResolution', 'bundler'];
      return spawnSync(join(root, 'node_modules/.bin/tsc'), [...flags, '--types', '', '--ignoreConfig', file]).status;
    };
    const text = JSON.stringify(objects);
    expect(check(text)).toBe(0);
    expect(check(changed(text, { readinessProbe: 'readinesProbe' }))).not.toBe(0);
  });

  it('belong together', () => {
    const labels = spec.template.metadata.labels;
    expect([spec.selector.matchLabels, objects[1].spec.selector, objects[2].spec.selector.matchLabels]).toEqual([
      ...[labels, labels, labels],
    ]);
    const ports = container.ports.map(({ name }: { name: string }) => name);
    expect(ports).toContain(objects[1].spec.ports[0].targetPort);
    const seconds = (name: string): number => Number(/^(\d+)s$/.exec(variables[name])![1]);
    const drain = seconds('QUAICH_TIMEOUT_DRAIN');
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(drain + seconds('QUAICH_TIMEOUT_GRACEFUL'));
    const { periodSeconds, failureThreshold } = container.readinessProbe;
    expect(periodSeconds * failureThreshold).toBeLessThan(drain);
  });

  it('ask a pod that starts, works, drains and ends', { timeout: 2 * LONG }, async () => {
    const env = { ...variables, QUAICH_STATUS: `${HOST}:9000`, QUAICH_TIMEOUT_DRAIN: '1s' };
    const [command, ...args] = image().command;
    const quaich = start(join(site.path, command), args, env);
    const { startupProbe, readinessProbe, livenessProbe } = container;
    const probe = async ({ httpGet }: { httpGet: { path: string; port: string } }) => {
      const { containerPort } = container.ports.find(({ name }: { name: string }) => name === httpGet.port);
      return (await get(`http://${HOST}:${containerPort}`, httpGet.path)).status;
    };
    const until = (status: number, asked: typeof startupProbe) =>
      vi.waitFor(async () => expect(await probe(asked)).toBe(status), { timeout: LONG, interval: 10 });
    await until(200, startupProbe);
    expect([await probe(readinessProbe), await probe(livenessProbe), (await get(SITE)).status]).toEqual([
      200, 200, 200,
    ]);
    quaich.child.kill('SIGTERM');
    await until(503, readinessProbe);
    expect([await probe(livenessProbe), (await get(SITE)).status]).toEqual([200, 200]);
    expect(await quaich.ended).toBe(0);
  });
});
