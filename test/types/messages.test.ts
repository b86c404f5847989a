/** What the compiler says of wrong applications (U-74): run on files as their authors would write them. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { root } from '../docs/samples.ts';

const directory = mkdtempSync(join(tmpdir(), 'quaich-messages-'));
afterAll(() => rmSync(directory, { recursive: true }));

const SYNC = 'export const app: Application = (environ, startResponse) => ';
const ASYNC = 'export const app: AsyncApplication = async (environ, startResponse) => ';
const bytes = 'new Uint8Array(1)';

/** Programs of one line, and what is said of them. */
const WRONG: readonly (readonly [program: string, ...said: string[]])[] = [
  [`export const app: Application = async () => [${bytes}];`, "'Promise<", "is not assignable to type 'Body'"],
  [`${SYNC}'text';`, "'string' is not assignable to type", 'Uint8Array'],
  [`${SYNC}['text'];`, "Type 'string' is not assignable to type 'Uint8Array"],
  [`${SYNC}${bytes};`, 'Uint8Array', "is not assignable to type 'Body'"],
  [`${SYNC}{ startResponse('200 OK', []); };`, "Type 'void' is not assignable to type 'Body'"],
  [`${SYNC}new Response('text');`, "'Response' is not assignable to type 'Body'"],
  [`${SYNC}(startResponse(200, []), []);`, "'number' is not assignable to parameter of type 'string'"],
  [`${SYNC}(startResponse('200', []), []);`, '\'"200"\' is not assignable to parameter of type', '`200 $'],
  [`${ASYNC}(startResponse('2000 OK', []), []);`, '"2000 OK"', '`200 $'],
  [`${SYNC}(startResponse('200 OK', { 'Content-Type': 'text/plain' }), []);`, "does not exist in type 'readonly"],
  [`${SYNC}(startResponse('200 OK', [['Content-Length', 5]]), []);`, "'number' is not assignable to type 'string'"],
  [`${SYNC}(startResponse('200 OK', [])('text'), []);`, "'string' is not assignable to parameter of type 'Uint8Array"],
  [`${SYNC}(environ['quaich.signal'].aborted, []);`, "'unknown'"],
  // That it lacks properties of the other type, or is not assignable to it: the compiler says what it finds first.
  [`${ASYNC}[environ['wsgi.input'].read(5)];`, "'Promise<Uint8Array", "type 'Uint8Array"],
  [`${ASYNC}(req.url, []);`, "Cannot find name 'req'"],
];

/** What the compiler says of programs that import the types, by program; '' of those that compile. */
function said(programs: readonly string[], imports: string): string[] {
  const files = programs.map((program, index) => {
    const file = join(directory, `${index}.ts`);
    writeFileSync(file, `${imports}\n${program}\n`);
    return file;
  });
  const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--ignoreConfig'];
  const more = ['--allowImportingTsExtensions', '--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [compiler, ...flags, ...more, ...files], { encoding: 'utf8' });
  return files.map((_, index) => {
    const begin = stdout.search(new RegExp(`^[^\\n]*\\b${index}\\.ts\\(`, 'm'));
    return begin < 0 ? '' : stdout.slice(begin).split(/\n(?=\S)/, 1)[0];
  });
}

const types = join(root, 'src/interface/types.ts');

it('U-74 wrong applications do not compile, and the compiler says what is wrong with them', () => {
  const messages = said(
    WRONG.map(([program]) => program),
    `import type { Application, AsyncApplication } from '${types}';`,
  );
  for (const [index, [program, ...parts]] of WRONG.entries()) {
    expect(messages[index], program).toContain(`${index}.ts(2,`);
    for (const part of parts) expect(messages[index], program).toContain(part);
  }
});

it('U-54 applications and middleware of two copies of the package go together', () => {
  const copy = join(directory, 'copy.ts');
  copyFileSync(types, copy);
  const NAMES = ['Application', 'AsyncApplication', 'StartResponse', 'SyncMiddleware', 'AsyncMiddleware', 'Middleware'];
  const both = NAMES.map(
    (name) =>
      `declare const one: ours.${name}; export const other: theirs.${name} = one; export const back: ours.${name} = other;`,
  );
  const wrong = 'declare const one: ours.Application; export const other: theirs.AsyncApplication = one;';
  const messages = said(
    [...both, wrong],
    `import type * as ours from '${types}';\nimport type * as theirs from '${copy}';`,
  );
  expect(messages.slice(0, -1)).toEqual(both.map(() => ''));
  expect(messages.at(-1)).toContain('not assignable');
});
