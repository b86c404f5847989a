// Where a run takes place: the machine, and the state of the sources.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Empty where this is no clone. */
function git(...args) {
  try {
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}

export const describeEnvironment = () => ({
  date: new Date().toISOString(),
  quaich: JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version,
  commit: git('rev-parse', 'HEAD'),
  /** Whether the sources differ from the commit. */
  changed: git('status', '--porcelain') !== '',
  machine: {
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.availableParallelism(),
    /** Bytes. */
    memory: os.totalmem(),
    system: `${os.type()} ${os.release()}`,
    node: process.version,
    /** Processes that wanted to run in the minute before: a quiet machine has few. */
    busy: os.loadavg()[0],
  },
});
