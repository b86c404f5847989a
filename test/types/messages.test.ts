/** What the compiler says of wrong applications (U-74): run on files as their authors would write them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
  [`${SYNC}(startResponse('200 OK', { 'Content-Type': 'text/plain' }), []);`, "does not exist in type 'readonly"],
  [`${SYNC}(startResponse('200 OK', [['Content-Length', 5]]), []);`, "'number' is not assignable to type 'string'"],
  [`${SYNC}(startResponse('200 OK', [])('text'), []);`, "'string' is not assignable to parameter of type 'Uint8Array"],
  [`${SYNC}(environ['quaich.signal'].aborted, []);`, "'unknown'"],
  // That it lacks properties of the other type, or is not assignable to it: the compiler says what it finds first.
  [`${ASYNC}[environ['wsgi.input'].read(5)];`, "'Promise<Uint8Array", "type 'Uint8Array"],
  [`${ASYNC}(req.url, []);`, "Cannot find name 'req'"],
];

it('U-74 wrong applications do not compile, and the compiler says what is wrong with them', () => {
  const types = join(root, 'src/interface/types.ts');
  const files = WRONG.map(([program], index) => {
    const file = join(directory, `${index}.ts`);
    writeFileSync(file, `import type { Application, AsyncApplication } from '${types}';\n${program}\n`);
    return file;
  });
  const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--ignoreConfig'];
  const more = ['--allowImportingTsExtensions', '--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [compiler, ...flags, ...more, ...files], { encoding: 'utf8' });
  for (const [index, [program, ...said]] of WRONG.entries()) {
    const begin = stdout.search(new RegExp(`^[^\\n]*\\b${index}\\.ts\\(2,`, 'm'));
    const message = begin < 0 ? '' : stdout.slice(begin).split(/\n(?=\S)/, 1)[0];
    for (const part of said) expect(message, program).toContain(part);
  }
});
