/** What an application was made of by an adapter: a bench compares it with how it runs without one. */

// A registered symbol, as that of the kind.
const ORIGINAL = Symbol.for('quaich.original');

export interface Original {
  /** What it was written for. */
  readonly interface: 'node:http' | 'fetch';
  /** The listener or server; the handler or object with a `fetch`. */
  readonly target: object;
}

/** Notes on an application what it was made of. Middleware around it hides the note. */
export function markOriginal(app: object, original: Original): void {
  Object.defineProperty(app, ORIGINAL, { value: original });
}

/** What `markOriginal` has noted; null for any other application. */
export function originalOf(app: object): Original | null {
  return (app as { [ORIGINAL]?: Original })[ORIGINAL] ?? null; // nobody but markOriginal knows the symbol
}
