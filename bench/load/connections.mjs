// How many connections can be had here, and servers that keep them.
import { spawnSync } from 'node:child_process';

/** Descriptors of a process besides those of its connections. */
const OTHERS = 500;

/** Descriptors that a process may have. Node raises its limit to that as it starts, and its children inherit it. */
const limit = Number.parseInt(spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).stdout, 10);

/** Connections that one process can have open here: 10,000, or fewer where the limit of open files is lower. */
export const MOST_CONNECTIONS = Math.min(10_000, Number.isNaN(limit) ? Number.POSITIVE_INFINITY : limit - OTHERS);

/** `10,000` */
export const inWords = (number) => number.toLocaleString('en');

/** The same server, which leaves idle connections open for 2 minutes: by the variables of Quaich, and of the peers. */
export const patient = (command) => ({
  ...command,
  env: { ...command.env, QUAICH_TIMEOUT_KEEP_ALIVE: '2m', KEEP_ALIVE: '120' },
});
