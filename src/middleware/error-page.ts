import { statusFor } from '../engine/error-page.ts';
import { report } from '../engine/report.ts';
import type { HeaderField } from '../interface/types.ts';
import { describeError } from '../rules/show.ts';
import { statusLine } from '../rules/status-line.ts';
import { checkSwitches } from './decision.ts';
import { middleware } from './define.ts';
import { developmentAnswer, explainError, PAGE_POLICY, requestLine } from './development-page.ts';
import type { AnyEnviron, ErrorAnswer, Middleware } from './types.ts';

export interface ErrorPageOptions {
  /**
   * Shows the error, its causes, their stacks and the lines of source around them, and what to do where a rule of the
   * interface was broken, to whoever asks. By default only where `NODE_ENV` is `development`.
   */
  development?: boolean;
  /** The page for everybody else, as text or HTML; by default one line of plain text with the status. */
  page?: (status: number, environ: AnyEnviron) => { type: string; text: string };
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
      const page = { title: line, request: requestLine(environ), ...explainError(error) };
      return developmentAnswer(page, environ.HTTP_ACCEPT);
    }
    const plain = { type: 'text/plain; charset=utf-8', text: `${line}\n` };
    try {
      return custom?.(status, environ) ?? plain;
    } catch (failure) {
      // It must not take the place of the error that it is for.
      report(environ['wsgi.errors'], requestLine(environ), 'the page for an error failed', describeError(failure));
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
          if (development) headers.push(['Content-Security-Policy', PAGE_POLICY]);
          return { status: statusLine(status), headers, body };
        },
        // Only now: an error that went on is reported by the gateway. A client's fault is not the application's.
        onAnswered(error) {
          if (statusFor(error) >= 500)
            report(environ['wsgi.errors'], requestLine(environ), 'the application failed', describeError(error));
        },
      };
    },
  });
}
