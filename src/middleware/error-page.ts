import { readFileSync, statSync } from 'node:fs';
import Negotiator from 'negotiator';
import { statusFor } from '../engine/error-page.ts';
import { report } from '../engine/report.ts';
import type { HeaderField } from '../interface/types.ts';
import { escapeHtml } from '../rules/html.ts';
import { describeError, shownRequest } from '../rules/show.ts';
import { framePosition, type Position } from '../rules/stack-frame.ts';
import { statusLine } from '../rules/status-line.ts';
import { checkSwitches } from './decision.ts';
import { middleware } from './define.ts';
import type { AnyEnviron, ErrorAnswer, Middleware } from './types.ts';

export interface ErrorPageOptions {
  /**
   * Shows the error, its stack and the lines of source around it to whoever asks. By default only where `NODE_ENV` is
   * `development`.
   */
  development?: boolean;
  /** The page for everybody else, as text or HTML; by default one line of plain text with the status. */
  page?: (status: number, environ: AnyEnviron) => { type: string; text: string };
}

/** Lines shown before and after the one that threw. */
const CONTEXT = 5;
/** Bytes of the largest source file that is looked at. */
const LARGEST_SOURCE = 2 ** 20;
const MOST_CAUSES = 5;
const MOST_FRAMES = 100;

/**
 * The file positions of an error and of its causes, innermost first. Only what stands behind the message is a stack:
 * the message may repeat what a client sent, line ends included, and would name any file.
 */
function positions(error: unknown): Position[] {
  const found: Position[] = [];
  try {
    let each = error;
    for (let depth = 0; depth < MOST_CAUSES && each instanceof Error; depth++, each = each.cause) {
      const { message, stack = '' } = each;
      const at = stack.indexOf(message);
      if (at < 0) continue;
      for (const line of stack.slice(at + message.length).split('\n', MOST_FRAMES)) {
        const position = framePosition(line);
        if (position !== null) found.push(position);
      }
    }
  } catch {
    // A getter or a Proxy that throws (G-145).
  }
  return found;
}

function readSource(file: string): string[] | null {
  try {
    const stat = statSync(file);
    if (!stat.isFile() || stat.size > LARGEST_SOURCE) return null;
    return readFileSync(file, 'utf8').split(/\r?\n/);
  } catch {
    return null;
  }
}

/** The lines around the innermost position in somebody's own code; `''` where there is no source to be had. */
function excerpt(error: unknown): string {
  const all = positions(error);
  const own = all.filter(({ file }) => !/[\\/]node_modules[\\/]/.test(file) && !file.startsWith(import.meta.dirname));
  for (const { file, line, column } of [...own, ...all]) {
    const source = readSource(file);
    if (source === null || line > source.length) continue;
    const first = Math.max(1, line - CONTEXT);
    const shown = source.slice(first - 1, line + CONTEXT).map((content, index) => {
      const number = first + index;
      return `${number === line ? '>' : ' '} ${String(number).padStart(5)} | ${content.slice(0, 400)}`;
    });
    return `${file}:${line}:${column}\n\n${shown.join('\n')}\n`;
  }
  return '';
}

function page(title: string, request: string, source: string, stack: string): string {
  const section = (text: string) => (text === '' ? '' : `<pre>${escapeHtml(text)}</pre>\n`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escapeHtml(title)}</title>
<style>body{font:16px/1.5 sans-serif;margin:2em}pre{background:#f4f4f4;color:#222;padding:1em;overflow:auto}</style>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(request)}</p>
${section(source)}${section(stack)}</html>
`;
}

function requestOf({ REQUEST_METHOD: method, SCRIPT_NAME: script, PATH_INFO: path }: AnyEnviron): string {
  return shownRequest(method, script, path);
}

function wantsHtml(environ: AnyEnviron): boolean {
  const accept = environ.HTTP_ACCEPT;
  if (accept === undefined) return false;
  return new Negotiator({ headers: { accept } }).mediaType(['text/plain', 'text/html']) === 'text/html';
}

/**
 * Answers for an application that throws, as long as the head can still be replaced (G-140; later the connection has to
 * be broken, G-141), and reports the error to `wsgi.errors`. In production the page says no more than the status; in
 * development it shows the error with an excerpt of the source. Clients that have gone are no errors.
 */
export function errorPage(options: ErrorPageOptions = {}): Middleware {
  const { development = process.env.NODE_ENV === 'development', page: custom } = options;
  checkSwitches('errorPage', { development });

  function content(error: unknown, status: number, environ: AnyEnviron): { type: string; text: string } {
    const line = statusLine(status);
    if (development) {
      const stack = describeError(error);
      const source = excerpt(error);
      if (!wantsHtml(environ)) {
        return {
          type: 'text/plain; charset=utf-8',
          text: `${line}\n\n${source}${source === '' ? '' : '\n'}${stack}\n`,
        };
      }
      return { type: 'text/html; charset=utf-8', text: page(line, requestOf(environ), source, stack) };
    }
    const plain = { type: 'text/plain; charset=utf-8', text: `${line}\n` };
    try {
      return custom?.(status, environ) ?? plain;
    } catch (failure) {
      // It must not take the place of the error that it is for.
      report(environ['wsgi.errors'], requestOf(environ), 'the page for an error failed', describeError(failure));
      return plain;
    }
  }

  return middleware({
    name: 'errorPage',
    request(environ) {
      return {
        onError(error): ErrorAnswer {
          const status = statusFor(error);
          const { type, text } = content(error, status, environ);
          const body = new TextEncoder().encode(text);
          const headers: HeaderField[] = [
            ['Content-Type', type],
            ['Content-Length', String(body.byteLength)],
            ['Cache-Control', 'no-store'],
            ['X-Content-Type-Options', 'nosniff'],
          ];
          if (development) headers.push(['Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'"]);
          return { status: statusLine(status), headers, body };
        },
        // Only now: an error that went on is reported by the gateway. A client's fault is not the application's.
        onAnswered(error) {
          if (statusFor(error) >= 500)
            report(environ['wsgi.errors'], requestOf(environ), 'the application failed', describeError(error));
        },
      };
    },
  });
}
