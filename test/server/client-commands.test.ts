// quaich fetch and quaich check as processes: what only those show.
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../docs/samples.ts';
import { ended, start } from './command.ts';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'quaich-client-')));
afterAll(() => rmSync(directory, { recursive: true }));

const LARGE = 8 * 1024 * 1024;
const files: Record<string, string> = {
  'package.json': '{"type":"module"}',
  'site.js': `export function app(environ, startResponse) {
    startResponse('200 OK', [['Content-Type', 'application/octet-stream']]);
    return [environ['wsgi.input'].read()];
  }`,
  'large.js': `export function* app(environ, startResponse) {
    startResponse('200 OK', [['Content-Type', 'application/octet-stream']]);
    for (let sent = 0; sent < ${LARGE}; sent += 65536) yield new Uint8Array(65536).fill(7);
  }`,
  'exits.js': `export function app() { process.exit(0); }`,
  'never.js': `export async function app() { await new Promise(() => {}); }`,
  'timer.js': `setInterval(() => {}, 1000);
  export function app(environ, startResponse) {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    return [Buffer.from('done')];
  }`,
  'late.js': `export async function app(environ, startResponse) {
    await new Promise(() => setInterval(() => {}, 1000));
  }`,
};

beforeAll(() => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
});

const quaich = (argv: string[], stdio?: 'pipe'[]) => start(argv, { cwd: directory, ...(stdio && { stdio }) });

describe('quaich fetch', () => {
  it('L-67 sends what comes on standard input, and prints the body to a pipe', async () => {
    const command = quaich(['fetch', './site.js', '/', '-d', '@-'], ['pipe', 'pipe', 'pipe']);
    command.child.stdin?.write('in ');
    command.child.stdin?.end('pieces');
    expect(await ended(command)).toEqual({ code: 0, stdout: 'in pieces', stderr: '' });
  });

  it('L-67 loses nothing where its reader is slow', async () => {
    const command = quaich(['fetch', './large.js', '/']);
    const stdout = command.child.stdout!;
    let size = 0;
    stdout.on('data', (text: string) => {
      size += text.length;
      stdout.pause();
      setImmediate(() => stdout.resume());
    });
    expect(await command.code).toBe(0);
    expect(size).toBe(LARGE);
  });

  it('L-67 ends when its reader has gone', async () => {
    const command = quaich(['fetch', './large.js', '/']);
    command.child.stdout?.once('data', () => command.child.stdout?.destroy());
    expect(await command.code).toBe(1);
  });

  it('L-67 ends although the application left a timer running', async () => {
    expect(await ended(quaich(['fetch', './timer.js', '/']))).toEqual({ code: 0, stdout: 'done', stderr: '' });
  });

  it.each(['exits.js', 'never.js'])('L-67 tells of an application that ends the process: %s', async (file) => {
    const { code, stdout, stderr } = await ended(quaich(['fetch', `./${file}`, '/']));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^quaich: the application ended the process before it was done, or waits for what never/m);
  });

  it('L-67 takes applications of frameworks', async () => {
    const { code, stdout } = await ended(start(['fetch', './examples/express.js', '/', '-i'], { cwd: root }));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^HTTP\/1\.1 200 OK\n[\s\S]*\n\nHello from Express, 127\.0\.0\.1\./);
  });
});

describe('quaich check', () => {
  it('L-68 tells of an application that ends the process', async () => {
    const { code, stderr } = await ended(quaich(['check', './exits.js']));
    expect(code).toBe(1);
    expect(stderr).toContain('quaich: the application ended the process before it was done');
  });

  it('L-68 leaves an async application that does not end, and tells so', async () => {
    const { code, stdout } = await ended(quaich(['check', './late.js', '/site=./site.js']));
    expect(code).toBe(1);
    expect(stdout).toMatch(
      / {2}GET \/ +no answer\n {4}the client has left meanwhile, as quaich\.signal says, but the request took longer/,
    );
    expect(stdout).toMatch(/\/site {2}\.\/site\.js\n {2}GET \/ +200 OK\n/);
    expect(stdout).toMatch(/\n\nto mend: 1\n$/);
  });

  it('L-68 finds nothing to mend in the examples', async () => {
    const data = join(directory, 'data');
    const { code, stdout } = await ended(
      start(['check', '--config', 'examples/quaich.config.mjs'], { cwd: root, env: { EXAMPLES_DATA: data } }),
    );
    expect(stdout).toMatch(/\n\nnothing to mend\n$/);
    expect(code).toBe(0);
  });
});
