/** The application that `quaich dev` serves in place of those that do not load: it tells why. */
import type { AsyncApplication } from '../../interface/types.ts';
import { developmentAnswer, PAGE_POLICY, requestLine } from '../../middleware/development-page.ts';
import { asciiOf } from '../../rules/show.ts';
import type { LoadFailure } from './failure.ts';

/** The key of the environ that has the failure. */
export const FAILURE = 'dev.failure';

/** A failure as the value of that key: JSON in ASCII. */
export function written(failure: LoadFailure): string {
  return asciiOf(JSON.stringify(failure));
}

export const app: AsyncApplication = async (environ, startResponse) => {
  // Written as above by the process that serves this.
  const { message, source }: LoadFailure = JSON.parse(String(environ[FAILURE]));
  const page = {
    title: 'The applications do not load',
    request: requestLine(environ),
    advice: 'Every request gets this page, until a save mends it.',
    source,
    stack: message,
  };
  const { type, text } = developmentAnswer(page, environ.HTTP_ACCEPT);
  const body = new TextEncoder().encode(text);
  startResponse('500 Internal Server Error', [
    ['Content-Type', type],
    ['Content-Length', String(body.byteLength)],
    ['Cache-Control', 'no-store'],
    ['Content-Security-Policy', PAGE_POLICY],
  ]);
  return [body];
};
