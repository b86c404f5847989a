import { EventEmitter } from 'node:events';
import { forDescriptor } from '../rules/stack-frame.ts';
import { jsonLines } from './log/json-lines.ts';
import type { TextSink } from './log/stream.ts';
import type { ResolvedOptions } from './options.ts';
import { isStuck, surviveErrors } from './standard-streams.ts';

const SEVERITY: Record<ResolvedOptions['logLevel'], number> = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 };

type Level = Exclude<ResolvedOptions['logLevel'], 'silent'>;

/**
 * Tells the owner of the server something about it. Never throws: a message that cannot be told is lost. `fields` is
 * what an object has of it; a `msg` among them stands there in place of the message.
 */
export type Report = (level: Level, message: string, fields?: Readonly<Record<string, unknown>>) => void;

/**
 * Messages at least as severe as `least`, as text or objects, a line each.
 *
 * @param form dated text tells the time and the level, where nobody else does
 * @param write takes a line, and does not throw
 */
export function createReport(
  least: ResolvedOptions['logLevel'],
  form: 'text' | 'dated text' | 'json',
  write: (line: string) => void,
): Report {
  if (form === 'json') {
    const json = jsonLines(write, least, true);
    return (level, message, fields) => json[level]({ msg: message, ...fields });
  }
  const before = form === 'text' ? () => 'quaich:' : dateAndLevel;
  return (level, message) => {
    if (SEVERITY[level] >= SEVERITY[least]) write(`${before(level)} ${message}\n`);
  };
}

function dateAndLevel(level: Level): string {
  const now = new Date().toISOString();
  return `${now} ${level}`;
}

/** Writes to a stream, or an object of the owner's; text that it does not take is lost. */
export function sinkWriter(sink: TextSink): (text: string) => void {
  if (sink instanceof EventEmitter) surviveErrors(sink);
  return (text) => {
    if (isStuck(sink)) return;
    try {
      sink.write(sink === process.stderr ? forDescriptor(2, text) : text);
    } catch {
      // Nobody is left to be told.
    }
  };
}
