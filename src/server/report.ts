import type { ResolvedOptions } from './options.ts';

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

export type Level = Exclude<(typeof LEVELS)[number], 'silent'>;

/** Tells the owner of the server something about it. */
export type Report = (level: Level, message: string) => void;

/** Messages at least as severe as `logLevel`, a line each, on standard error or wherever the owner wants them. */
export function createReport({ logLevel, errorLog }: Pick<ResolvedOptions, 'logLevel' | 'errorLog'>): Report {
  const least = LEVELS.indexOf(logLevel);
  const sink = errorLog ?? process.stderr;
  return (level, message) => {
    if (LEVELS.indexOf(level) >= least) sink.write(`quaich: ${message}\n`);
  };
}
