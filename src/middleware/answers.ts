/** Short answers that middleware gives in place of the application. */
import type { Body, HeaderField } from '../interface/types.ts';
import { statusLine } from '../rules/status-line.ts';

/** An `Answer` that serves both conventions. */
interface PlainAnswer {
  status: string;
  headers: HeaderField[];
  body: Body;
}

const encoder = new TextEncoder();

/** A page of one line: the reason phrase, or `text`. */
export function plainAnswer(code: number, headers: HeaderField[] = [], text = statusLine(code).slice(4)): PlainAnswer {
  const body = encoder.encode(`${text}\n`);
  return {
    status: statusLine(code),
    headers: [['Content-Type', 'text/plain; charset=utf-8'], ['Content-Length', String(body.byteLength)], ...headers],
    body: [body],
  };
}

/** An answer without a body: 204, a redirect. */
export function emptyAnswer(code: number, headers: HeaderField[] = []): PlainAnswer {
  const length: HeaderField[] = code === 204 || code === 304 ? [] : [['Content-Length', '0']];
  return { status: statusLine(code), headers: [...length, ...headers], body: [] };
}
