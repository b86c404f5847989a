/** Which modules a command loads, on all of its threads. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Flags of Node for a command that is started in `directory`, and the URLs of what it has loaded so far. */
export function noteLoads(directory: string): { execArgv: string[]; loaded(): Set<string> } {
  const list = join(directory, 'loaded.txt');
  writeFileSync(list, '');
  const note = `import { register } from 'node:module';\nregister('./hooks.mjs', import.meta.url);\n`;
  writeFileSync(join(directory, 'note.mjs'), note);
  writeFileSync(
    join(directory, 'hooks.mjs'),
    `import { appendFileSync } from 'node:fs';
     export async function load(url, context, next) {
       appendFileSync(${JSON.stringify(list)}, url + '\\n');
       return next(url, context);
     }`,
  );
  return {
    execArgv: ['--import', './note.mjs'],
    loaded: () => new Set(readFileSync(list, 'utf8').trimEnd().split('\n')),
  };
}
