/** The ways in which an application can be served on this machine. */
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServerCommand } from '../../bench/server-process.ts';
import { resolvePackage } from '../../pool/find-module.ts';
import type { AppOptions } from '../../pool/load.ts';
import { builtModule } from '../../rules/own-files.ts';
import type { BenchedApplication } from './application.ts';
import { type AppOrder, PREPARED } from './orders.ts';

/** Servers for fetch handlers, of which those count that are installed beside the application. */
export const FETCH_SERVERS = ['@hono/node-server', 'srvx'];

export interface Way {
  readonly name: string;
  readonly server: ServerCommand;
  /** What it takes beside the application on the command line of Quaich; null where Quaich is not used. */
  readonly flags: string | null;
}

const program = (name: string): string => fileURLToPath(builtModule(`src/cli/${name}`));

/** 1, 2, 4, ... and the limit itself. */
function powersOfTwo(limit: number): number[] {
  const numbers = [];
  for (let n = 1; n < limit; n *= 2) numbers.push(n);
  return [...numbers, limit];
}

const workersOf = (kind: 'sync' | 'async', count: number): string => `${count} ${kind} worker${count === 1 ? '' : 's'}`;

/**
 * All ways, the simplest first: without Quaich, inline, then by the number of threads. Sync applications may wait, so
 * that more workers than cores may pay; an event loop keeps one core busy.
 *
 * @param asked numbers of workers, in place of those that fit the machine
 */
export function waysOf(application: BenchedApplication, directory: string, asked?: readonly number[]): Way[] {
  const { kind, app } = application;
  const cores = availableParallelism();
  const counts = asked ?? powersOfTwo(kind === 'sync' ? 2 * cores : cores);
  const by = (name: string, flags: string): Way => ({
    name,
    flags,
    server: quaich(app, [...flags.split(' '), ...(kind === 'async' && flags !== '--inline' ? ['--no-inline'] : [])], {
      directory,
    }),
  });
  const pooled = counts.map((count) => by(workersOf(kind, count), `--${kind}-workers ${count}`));
  return kind === 'sync' ? pooled : [...ownServers(application, directory), by('inline', '--inline'), ...pooled];
}

/** Where a server of Quaich is started. */
type Place = Pick<ServerCommand, 'env' | 'directory'>;

function quaich(app: AppOptions, flags: readonly string[], { env, directory }: Place): ServerCommand {
  const { prefix = '/', module, export: name } = app;
  const mount = `${prefix}=${module}${name === undefined ? '' : `:${name}`}`;
  const args = [program('main'), mount, '--bind', '127.0.0.1:$PORT', '--no-access-log', ...flags];
  return node(args, { env, directory });
}

function node(args: readonly string[], { env, directory }: Place): ServerCommand {
  return {
    command: process.execPath,
    args: [...process.execArgv, ...args],
    env: { NODE_ENV: process.env.NODE_ENV ?? 'production', ...env },
    directory,
  };
}

/** The servers that a framework comes with; none below a prefix, which they know nothing of. */
function ownServers({ adapted, app, file }: BenchedApplication, directory: string): Way[] {
  if (adapted === null || (app.prefix ?? '/') !== '/') return [];
  const order: AppOrder = { app, directory };
  const by = (name: string, ...more: string[]): Way => ({
    name,
    flags: null,
    server: node([program('bench/own-server'), JSON.stringify(order), ...more], { directory }),
  });
  if (adapted === 'node:http') return [by(adapted)];
  return FETCH_SERVERS.flatMap((name) => {
    const found = resolvePackage(name, dirname(file));
    return found === undefined ? [] : [by(name, found)];
  });
}

/**
 * The server alone, with a response that was prepared beforehand: by a sync worker and inline. What lies between them
 * is the hop to another thread and back.
 *
 * @param size bytes of the response
 */
export function preparedWays(size: number, directory: string): { pooled: Way; inline: Way } {
  const by = (name: string, convention: string, flags: string): Way => ({
    name: `a prepared response, ${name}`,
    flags: null,
    server: quaich({ module: program('bench/prepared'), export: convention }, flags.split(' '), {
      env: { [PREPARED]: String(size) },
      directory,
    }),
  });
  return {
    pooled: by(workersOf('sync', 1), 'sync', '--sync-workers 1'),
    inline: by('inline', 'asynchronous', '--inline'),
  };
}
