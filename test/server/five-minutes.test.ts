// The first five minutes, as scripts/five-minutes.mjs types them.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { root } from '../docs/samples.ts';

it('a new user comes from an empty folder to a stopped container by the pages alone', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'scripts/five-minutes.mjs')]);
  const steps = [
    'name it express.mjs, or set "type": "module"',
    /\/ {2}\.\/express\.js {2}express application · \d+ async workers?\n/,
    'Hello from Express (200, ',
    /reloaded in \d+ ms · express\.js\n/,
    'Good morning from Express (200, ',
    'the code before it goes on serving; mend it and save',
    /\/slow {2}\.\/slow\.js +sync application/,
    'Hello after a while (200, ',
    '# pass 1',
    'nothing to mend',
    'ready (200, ',
    '(stopped, exit code 0)',
    '## Done',
  ];
  let rest = stdout;
  for (const step of steps) {
    const at = typeof step === 'string' ? rest.indexOf(step) : rest.search(step);
    expect(at, `${step} in ${rest}`).toBeGreaterThanOrEqual(0);
    rest = rest.slice(at + 1);
  }
}, 300_000);
