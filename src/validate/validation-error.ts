import { QuaichError } from '../interface/errors.ts';

/** Who broke a rule, as seen from the validator that noticed. */
export type Side = 'application' | 'server' | 'middleware';

//: @in messages
//: V-139: Every message of the validator names the clause that was broken, the side at fault (the application, the
//: server, or a middleware), what was seen in a short escaped form, and what to do instead. A violation is thrown as a
//: `ValidationError` with the properties `row`, `side` and `code`; a warning is given to a callback with the same
//: words.
//:
//: ```text
//: V-54: the value of the header "Content-Length" is 12; header values are strings: String(12) (at fault: the application)
//: ```
/** A rule of the interface was broken. `row` is the clause of docs/SPEC.md; `code` is always `QUAICH_VALIDATION`. */
export class ValidationError extends QuaichError {
  readonly row: string;
  readonly side: Side;
  /** What to do instead. */
  readonly advice: string;

  /**
   * @param seen what was seen
   * @param advice what to do instead
   */
  constructor(row: string, side: Side, seen: string, advice: string) {
    super('QUAICH_VALIDATION', `${row}: ${seen}; ${advice} (at fault: the ${side})`);
    this.row = row;
    this.side = side;
    this.advice = advice;
  }
}

/** Something that is no violation and yet hardly meant. */
export interface ValidationWarning {
  readonly row: string;
  readonly side: Side;
  /** As the message of a ValidationError. */
  readonly message: string;
}
