/**
 * What an application broke, in words that are the same wherever it is found: the engine, a middleware and the
 * validator each throw an error of their own.
 */
import { ApplicationError } from '../interface/errors.ts';

/**
 * A rule that an application has broken.
 *
 * @typeParam What names the rules of one subject: the validator has a row for each
 */
export interface Fault<What extends string> {
  readonly what: What;
  /** Rows of the interface. */
  readonly rows: string;
  /** What was seen. */
  readonly seen: string;
  /** What to do instead. */
  readonly advice: string;
}

/** Makes the error that is thrown for a fault. */
export type Refusal<What extends string> = (fault: Fault<What>) => Error;

/** The fault in one sentence, with the rows that it breaks. */
export function wordsOf({ rows, seen, advice }: Fault<string>): string {
  return `${seen}; ${advice} (${rows})`;
}

/** The error that a gateway throws. */
export function faultError(fault: Fault<string>): ApplicationError {
  return new ApplicationError(wordsOf(fault));
}
