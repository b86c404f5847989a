// quaich create: what it writes, and what it refuses. What it makes is run in test/server.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { runCreate } from '../../src/cli/create/create.ts';
import { manifestOf } from '../../src/cli/create/manifest.ts';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'quaich-create-')));
afterAll(() => rmSync(directory, { recursive: true }));

async function create(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const output = { stdout: '', stderr: '' };
  const code = await runCreate(argv, {
    directory,
    stdout: (text) => (output.stdout += text),
    stderr: (text) => (output.stderr += text),
    kill: vi.fn(),
  });
  return { code, ...output };
}

const COMMON = ['.dockerignore', '.gitignore', 'Dockerfile', 'README.md', 'package.json'];

describe('quaich create', () => {
  it.each([
    ['js', [], []],
    ['ts', ['--typescript'], ['tsconfig.json']],
  ])('L-69 makes a folder of applications, a test and a Dockerfile: %s', async (ending, flags, more) => {
    const { code, stdout, stderr } = await create(...flags, `made/${ending}`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`\n  cd made/${ending}\n  npm install\n  npm run dev\n`);
    const own = ['api', 'applications.test', 'events', 'quaich.config', 'site'].map((name) => `${name}.${ending}`);
    expect(readdirSync(join(directory, 'made', ending)).sort()).toEqual([...COMMON, ...own, ...more].sort());
  });

  it('L-69 fills an empty folder, also the current one', async () => {
    mkdirSync(join(directory, 'empty'));
    expect((await create('empty')).code).toBe(0);
    expect(JSON.parse(readFileSync(join(directory, 'empty/package.json'), 'utf8'))).toMatchObject({ name: 'empty' });
  });

  it('L-69 leaves a folder that is not empty as it is', async () => {
    mkdirSync(join(directory, 'full'));
    writeFileSync(join(directory, 'full/notes.txt'), 'mine');
    const line = `quaich: ${directory}/full is not empty, it has notes.txt: choose another name, or empty it\n`;
    expect(await create('full')).toEqual({ code: 2, stdout: '', stderr: line });
    expect(readdirSync(join(directory, 'full'))).toEqual(['notes.txt']);
    expect((await create('full/notes.txt')).stderr).toContain('full/notes.txt is a file, or lies in one');
    expect((await create('full/notes.txt/below')).code).not.toBe(0);
  });

  it.each([
    [[], 'no name: quaich create NAME, for example quaich create blog'],
    [['a', 'b'], 'create makes one folder; b is another one'],
    [['a', '--typescirpt'], 'unknown option --typescirpt; did you mean --typescript?'],
    [['a', '-t'], 'unknown option -t; see --help'],
    [['a', '--javascript', '--typescript'], '--javascript or --typescript, not both'],
  ])('tells a mistake in one line, and makes nothing: %j', async (argv, line) => {
    expect(await create(...argv)).toEqual({ code: 2, stdout: '', stderr: `quaich: ${line}\n` });
    expect(existsSync(join(directory, 'a'))).toBe(false);
  });

  it('has a help of 100 columns', async () => {
    const { code, stdout } = await create('--help');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: quaich create /);
    expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
  });
});

describe('the package.json of a project', () => {
  const own = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

  it('has the versions of packages that this one is tested with', () => {
    expect(JSON.parse(manifestOf('/srv/blog', 'typescript'))).toEqual({
      name: 'blog',
      version: '0.1.0',
      private: true,
      type: 'module',
      scripts: {
        dev: 'quaich dev',
        start: 'quaich',
        test: 'tsc && node --import tsx --test applications.test.ts',
      },
      dependencies: { express: own.devDependencies.express, quaich: `^${own.version}` },
      devDependencies: {
        '@types/express': own.devDependencies['@types/express'],
        '@types/node': own.devDependencies['@types/node'],
        tsx: own.devDependencies.tsx,
        typescript: own.devDependencies.typescript,
      },
    });
    expect(JSON.parse(manifestOf('/srv/blog', 'javascript'))).not.toHaveProperty('devDependencies');
  });

  it.each([
    ['/srv/My Blog!', 'my-blog-'],
    ['/srv/.hidden', 'hidden'],
    ['/', 'site'],
    ['/srv/quaich', 'site'],
    ['/srv/čaj', 'aj'],
  ])('of %s is called %s', (folder, name) => {
    expect(JSON.parse(manifestOf(folder, 'javascript')).name).toBe(name);
  });
});

describe('npm create quaich', () => {
  it('is the command of the same version', () => {
    const read = (file: string) => JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'));
    const { version, dependencies, engines, bin } = read('create-quaich/package.json');
    const own = read('package.json');
    expect({ version, dependencies, engines }).toEqual({
      version: own.version,
      dependencies: { quaich: `^${own.version}` },
      engines: own.engines,
    });
    expect(existsSync(new URL(`../../create-quaich/${bin['create-quaich']}`, import.meta.url))).toBe(true);
  });
});
