import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { benchHelp, parseBenchArguments } from '../../src/cli/bench/options.ts';

const folder = mkdtempSync(join(tmpdir(), 'quaich-options-'));
writeFileSync(join(folder, 'body.json'), '{}');
afterAll(() => rmSync(folder, { recursive: true }));

const parse = (...argv: string[]) => parseBenchArguments(argv, folder);

describe('the options of bench', () => {
  it('have defaults', () => {
    expect(parse('./app.js')).toEqual({
      application: './app.js',
      app: { module: './app.js' },
      path: '/',
      method: 'GET',
      headers: {},
      body: undefined,
      status: undefined,
      connections: [1, 64],
      workers: undefined,
      rounds: 5,
      seconds: 2,
      generator: undefined,
      json: undefined,
    });
  });

  it('are read as they are meant', () => {
    const request = [
      '--path',
      '/a?b=%20',
      '--header',
      'Accept: text/html',
      '--header',
      'X-Empty:',
      '--body',
      'body.json',
    ];
    const numbers = ['--connections', '64, 1,64', '--workers', '2', '--status', '404', '--json', 'out.json'];
    expect(parse('/api=./app.js:app', ...request, ...numbers)).toMatchObject({
      app: { prefix: '/api', module: './app.js', export: 'app' },
      path: '/a?b=%20',
      method: 'POST',
      headers: { Accept: 'text/html', 'X-Empty': '' },
      body: Buffer.from('{}'),
      status: 404,
      connections: [1, 64],
      workers: [2],
      json: join(folder, 'out.json'),
    });
    expect(parse('/api=./app.js')?.path).toBe('/api');
    expect(parse('./app.js', '--method', 'put')?.method).toBe('PUT');
  });

  it.each([
    [[], 'no application'],
    [['./a.js', './b.js'], 'bench measures one application; ./b.js is another one'],
    [['./a.js', '--rouns', '3'], 'unknown option --rouns; did you mean --rounds?'],
    [['./a.js', '--rounds', '0'], '--rounds: expected a whole number from 1 to 1000, got "0"'],
    [['./a.js', '--rounds'], '--rounds needs a value: N'],
    [['./a.js', '--connections', '1,x'], '--connections: expected a whole number from 1 to 10000, got "x"'],
    [['./a.js', '--path', 'x'], '--path: expected a target that begins with "/"'],
    [['./a.js', '--method', 'HEAD'], '--method: expected one of GET, POST'],
    [['./a.js', '--header', 'none'], '--header: expected "NAME: VALUE", got "none"'],
    [['./a.js', '--body', 'none'], '--body: cannot be read'],
  ])('%j is refused', (argv, message) => {
    expect(() => parse(...argv)).toThrow(message);
  });

  it('have a help of at most 100 columns', () => {
    expect(parse('--help')).toBe(null);
    for (const line of benchHelp().split('\n')) expect(line.length, line).toBeLessThanOrEqual(100);
  });
});
