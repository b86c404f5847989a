/** The request log of those who develop: a line for each request, made of the access log. */
import { property } from '../../rules/property.ts';
import { asciiOf } from '../../rules/show.ts';
import type { Paint, Style } from './colours.ts';

/** By the first digit. */
const STYLES: Readonly<Record<string, Style>> = { 2: 'green', 3: 'cyan', 4: 'yellow', 5: 'red' };

/** Lines of the access log in JSON, each as `GET /path 200 12.3 ms`. */
export function requestLines(text: string, paint: Paint): string {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => `${requestLine(JSON.parse(line), paint)}\n`)
    .join('');
}

function requestLine(record: unknown, paint: Paint): string {
  // What a client sends moves no cursor.
  const read = (name: string): string => asciiOf(String(property(record, name)));
  const status = read('status');
  const duration = Number(property(record, 'durationMs')).toFixed(1);
  const target = paint('bold', read('target'));
  return `${read('method').padEnd(4)} ${target} ${paint(STYLES[status[0]] ?? 'bold', status)} ${paint('dim', `${duration} ms`)}`;
}
