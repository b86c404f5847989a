import { markSync } from '../interface/kind.ts';
import type { Body, Environ, StartResponse } from '../interface/types.ts';

/** All of a value, not shortened: what the environ of a demo is for. */
function written(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'function') return '[function]';
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** Answers `Hello world!`, an empty line and the sorted environ, one `key = value` a line, as one chunk (U-48). */
export const demoApp = markSync((environ: Environ, startResponse: StartResponse): Body => {
  const lines = ['Hello world!', ''];
  for (const key of Object.keys(environ).sort()) lines.push(`${key} = ${written(environ[key])}`);
  startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']]);
  return [new TextEncoder().encode(`${lines.join('\n')}\n`)];
});
