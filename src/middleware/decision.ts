/** What the functions that an owner gives may answer: JavaScript takes a promise, and any text, for a yes. */
import { isPromise } from 'node:util/types';
import { ApplicationError, ConfigurationError } from '../interface/errors.ts';
import { disregard } from '../rules/promises.ts';
import type { AnyEnviron } from './types.ts';

/**
 * Refuses a promise where nothing can wait for it. Nobody is left to hear of its rejection.
 *
 * @throws ApplicationError
 */
export function refusePromisedAnswer(what: string, answer: unknown): void {
  if (!isPromise(answer)) return;
  disregard(answer);
  throw new ApplicationError(`${what} gave a promise, and has to answer at once`);
}

/**
 * A decision: `true` is yes, and what counts as false is no (M-24).
 *
 * @throws ApplicationError for anything else, such as a promise or a text
 */
export function decided(what: string, answer: unknown): boolean {
  refusePromisedAnswer(what, answer);
  if (answer !== true && answer) {
    throw new ApplicationError(`${what} answers true or false, got ${typeof answer} (M-24)`);
  }
  return answer === true;
}

/** A decision, for which an async application waits. */
export function decision(what: string, answer: unknown, environ: AnyEnviron): boolean | Promise<boolean> {
  if (!isPromise(answer) || !environ['quaich.async']) return decided(what, answer);
  return answer.then((settled) => decided(what, settled));
}

/**
 * A switch of the options, of which a text such as `'false'` must not be a yes.
 *
 * @throws ConfigurationError
 */
export function checkSwitches(middleware: string, switches: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(switches)) {
    if (typeof value === 'boolean') continue;
    throw new ConfigurationError(`${middleware}: ${name} is true or false, got ${JSON.stringify(value)}`);
  }
}
