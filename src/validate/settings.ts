import type { Kind } from '../interface/types.ts';
import { type Side, ValidationError, type ValidationWarning } from './validation-error.ts';

export interface ValidatorOptions {
  /** Overrules what the function itself shows (B-01). */
  kind?: Kind;
  /** Takes every warning. Without it, each row is warned of once, through `process.emitWarning`. */
  warn?: (warning: ValidationWarning) => void;
  /** V-129: hands out bodies that refuse every property which a server has no business with. */
  strictProperties?: boolean;
  /** V-137: compares every chunk with a copy of itself before the next step. Costs a copy of the whole response. */
  compareChunks?: boolean;
  /**
   * Middleware stands between this validator and the server: it may answer `startResponse` with an error itself
   * (V-121).
   */
  behindMiddleware?: boolean;
}

/** What is the same for all requests of one validator. */
export class Settings {
  readonly kind: Kind;
  readonly strictProperties: boolean;
  readonly compareChunks: boolean;
  readonly behindMiddleware: boolean;
  readonly #warn: ((warning: ValidationWarning) => void) | undefined;
  /** Rows warned of through the process. */
  readonly #warned = new Set<string>();

  constructor(kind: Kind, options: ValidatorOptions) {
    this.kind = kind;
    this.strictProperties = options.strictProperties === true;
    this.compareChunks = options.compareChunks === true;
    this.behindMiddleware = options.behindMiddleware === true;
    this.#warn = options.warn;
  }

  warn(row: string, side: Side, seen: string, advice: string): void {
    // Made as an error so that both say the same words.
    const { message } = new ValidationError(row, side, seen, advice);
    if (this.#warn !== undefined) {
      this.#warn({ row, side, message });
    } else if (!this.#warned.has(row)) {
      this.#warned.add(row);
      process.emitWarning(message, { type: 'ValidationWarning', code: 'QUAICH_VALIDATION' });
    }
  }
}
