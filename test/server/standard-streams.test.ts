// Real processes whose standard streams break, fill up, or are not read.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Command, dist, ended, get, type Place, ready, start } from './command.ts';

const directory = mkdtempSync(join(tmpdir(), 'quaich-streams-'));

const talkative = (kind: string) => `
  const ways = {
    '/log': (text) => console.log(text),
    '/error': (text) => console.error(text),
    '/raw': (text) => process.stderr.write(text),
    '/warning': (text) => process.emitWarning(text),
    '/errors': (text, errors) => errors.write(text),
  };
  export ${kind} application(environ, startResponse) {
    ways[environ.PATH_INFO]?.('x'.repeat(4000) + '\\n', environ['wsgi.errors']);
    if (environ.PATH_INFO === '/throw') throw new Error('no');
    startResponse('200 OK', []);
    return [new TextEncoder().encode(environ.PATH_INFO)];
  }
  export function startup() {
    console.log('started up');
  }`;

const program = `
  import { serve } from ${JSON.stringify(pathToFileURL(join(dist, 'src/server/index.js')).href)};
  const server = await serve({ apps: './sync.js', bind: 'unix:program.sock' });
  process.once('SIGTERM', () => server.close());
  console.error('said by the host');`;

beforeAll(() => {
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  writeFileSync(join(directory, 'sync.js'), talkative('function'));
  writeFileSync(join(directory, 'async.js'), talkative('async function'));
  writeFileSync(join(directory, 'program.js'), program);
});

afterAll(() => rmSync(directory, { recursive: true }));

const kinds = [
  ['sync', ['./sync.js']],
  ['async', ['./async.js']],
  ['inline', ['./async.js', '--inline']],
] as const;

let count = 0;

/** Starts the command on a socket that tells when it serves, since its streams may not. */
function quaich(argv: readonly string[], place: Place = {}): { command: Command; url: string; serving: Promise<void> } {
  const socket = `s${count++}.sock`;
  const command = start([...argv, '-b', `unix:${socket}`], { cwd: directory, ...place });
  const url = `unix:${join(directory, socket)}`;
  return { command, url, serving: answered(url, command) };
}

async function answered(url: string, { code }: Command): Promise<void> {
  let over = false;
  code.then(() => {
    over = true;
  });
  while (!over && !(existsSync(url.slice(5)) && (await get(url).catch(() => null)))) await sleep(10);
  if (over) throw new Error(`it ended with ${await code}`);
}

const paths = ['/log', '/error', '/raw', '/warning', '/errors', '/throw', '/'];

async function statuses(url: string, rounds = 1): Promise<(number | undefined)[]> {
  const found = new Set<number | undefined>();
  for (let round = 0; round < rounds; round++) for (const path of paths) found.add((await get(url, path)).status);
  return [...found].sort();
}

describe.each(kinds)('L-17 %s: standard streams', (_, argv) => {
  it('whose readers leave end neither start nor server, and keep no stop from its order', async () => {
    const { command, url } = quaich([...argv, '--access-log']);
    command.child.stdout?.destroy();
    await ready(command);
    command.child.stderr?.destroy();
    expect(await statuses(url, 3)).toEqual([200, 500]);
    command.child.kill('SIGTERM');
    expect(await command.code).toBe(0);
  });

  it.skipIf(!existsSync('/dev/full'))('on a full disk end nothing', async () => {
    const full = openSync('/dev/full', 'w');
    const { command, url, serving } = quaich([...argv, '--access-log'], { stdio: ['ignore', full, full] });
    closeSync(full);
    await serving;
    expect(await statuses(url, 3)).toEqual([200, 500]);
    command.child.kill('SIGTERM');
    expect(await command.code).toBe(0);
  });

  it('that nobody reads hold up no request for long, and not the stop', async () => {
    const { command, url } = quaich([...argv, '--access-log', '--sync-workers', '1', '--async-workers', '1']);
    await ready(command);
    command.child.stdout?.pause();
    command.child.stderr?.pause();
    expect(await statuses(url, 50)).toEqual([200, 500]); // 400 kB for each stream and way
    const exit = once(command.child, 'exit');
    command.child.kill('SIGTERM');
    expect((await exit)[0]).toBe(0);
    command.child.stdout?.destroy();
    command.child.stderr?.destroy();
  });
});

describe('L-17 the commands that do not serve', () => {
  it.each([['--help'], ['--print-config', './sync.js'], ['--check', './sync.js'], ['./none.js']])(
    'end as they would, without a word, where nobody reads: %j %j',
    async (...argv) => {
      const read = await ended(start(argv, { cwd: directory }));
      const unread = start(argv, { cwd: directory });
      unread.child.stdout?.destroy();
      unread.child.stderr?.destroy();
      expect(await unread.code).toBe(read.code);
    },
  );
});

describe('L-17 serve() in a program', () => {
  it('lives on where standard error breaks', async () => {
    const child = spawn(process.execPath, ['program.js'], { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.destroy();
    const code = once(child, 'exit').then(([status]) => status);
    const url = `unix:${join(directory, 'program.sock')}`;
    await answered(url, { child, stdout: '', stderr: '', code });
    expect(await statuses(url, 3)).toEqual([200, 500]);
    child.kill('SIGTERM');
    expect(await code).toBe(0);
  });
});
