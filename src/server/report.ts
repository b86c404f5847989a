import { EventEmitter } from 'node:events';
import { forDescriptor } from '../rules/stack-frame.ts';
import type { ResolvedOptions } from './options.ts';
import { isStuck, surviveErrors } from './standard-streams.ts';

const SEVERITY: Record<ResolvedOptions['logLevel'], number> = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 };

type Level = Exclude<ResolvedOptions['logLevel'], 'silent'>;

/** Tells the owner of the server something about it. Never throws: a message that cannot be told is lost. */
export type Report = (level: Level, message: string) => void;

/** Messages at least as severe as `logLevel`, a line each, on standard error or wherever the owner wants them. */
export function createReport({ logLevel, errorLog }: Pick<ResolvedOptions, 'logLevel' | 'errorLog'>): Report {
  const least = SEVERITY[logLevel];
  const sink = errorLog ?? process.stderr;
  if (sink instanceof EventEmitter) surviveErrors(sink);
  return (level, message) => {
    if (SEVERITY[level] < least || isStuck(sink)) return;
    try {
      const text = `quaich: ${message}\n`;
      sink.write(sink === process.stderr ? forDescriptor(2, text) : text);
    } catch {
      // Nobody is left to be told.
    }
  };
}
