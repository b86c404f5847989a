import { EventEmitter } from 'node:events';
import type { ResolvedOptions } from './options.ts';
import { isStuck, surviveErrors } from './standard-streams.ts';

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

export type Level = Exclude<(typeof LEVELS)[number], 'silent'>;

/** Tells the owner of the server something about it. Never throws: a message that cannot be told is lost. */
export type Report = (level: Level, message: string) => void;

/** Messages at least as severe as `logLevel`, a line each, on standard error or wherever the owner wants them. */
export function createReport({ logLevel, errorLog }: Pick<ResolvedOptions, 'logLevel' | 'errorLog'>): Report {
  const least = LEVELS.indexOf(logLevel);
  const sink = errorLog ?? process.stderr;
  if (sink instanceof EventEmitter) surviveErrors(sink);
  return (level, message) => {
    if (LEVELS.indexOf(level) < least || isStuck(sink)) return;
    try {
      sink.write(`quaich: ${message}\n`);
    } catch {
      // Nobody is left to be told.
    }
  };
}
