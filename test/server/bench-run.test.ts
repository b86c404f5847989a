/** `npm run bench` as a process, when it is broken off. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { generators } from '../../src/bench/load.ts';

const command = fileURLToPath(new URL('../../bench/run.mjs', import.meta.url));
const installed = existsSync(new URL('../../bench/node_modules/.package-lock.json', import.meta.url));
if (!installed) console.warn('the packages of the bench are not installed: it is not run');

describe.skipIf(!installed)('npm run bench', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quaich-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Temporary files go into a folder of its own, to see what is left of them. */
  const start = (...args: string[]) => {
    const temporary = mkdtempSync(join(folder, 'temporary-'));
    const env = { ...process.env, TMPDIR: temporary };
    const child = spawn(process.execPath, [command, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (text) => (said.stdout += text));
    child.stderr.on('data', (text) => (said.stderr += text));
    return { child, said, temporary };
  };
  const exit = async (child: ChildProcess) => (await once(child, 'close')).slice(0, 2);

  test.skipIf(process.platform !== 'linux')(
    'that is broken off ends all that it has started, and leaves no file',
    async () => {
      const { child, said, temporary } = start('http', '--only', 'raw', '--rounds', '1');
      await once(child.stderr, 'data'); // the first measurement begins
      const wrk = generators.size > 1;
      // A server; with wrk a shell and wrk itself, else a process for autocannon.
      await expect.poll(() => descendants(String(child.pid)).length, { timeout: 20_000 }).toBe(wrk ? 3 : 2);
      const started = descendants(String(child.pid));
      child.kill('SIGINT');
      expect({ exit: await exit(child), stdout: said.stdout }).toEqual({ exit: [130, null], stdout: '' });
      await expect.poll(() => started.filter(runs)).toEqual([]);
      expect(readdirSync(temporary).filter((name) => name.startsWith('quaich-bench-'))).toEqual([]);
    },
  );
});

/** State and parent of a process, by proc(5); nothing where there is none. */
function read(pid: string): { state?: string; parent?: string } {
  try {
    return /\) (?<state>\S) (?<parent>\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.groups ?? {};
  } catch {
    return {};
  }
}

function descendants(pid: string): string[] {
  const children = readdirSync('/proc').filter((other) => read(other).parent === pid);
  return children.flatMap((one) => [one, ...descendants(one)]);
}

/** One that has ended, and that nobody has asked about, is a zombie. */
const runs = (pid: string): boolean => ![undefined, 'Z'].includes(read(pid).state);
