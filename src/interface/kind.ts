import type { Application, AsyncApplication, AsyncEnviron, Environ, Kind } from './types.ts';

// A registered symbol, so that marks survive two copies of this package in one process.
const KIND = Symbol.for('quaich.kind');
const MIDDLEWARE = Symbol.for('quaich.middleware');

const AsyncFunction = (async () => {}).constructor;
const AsyncGeneratorFunction = async function* () {}.constructor;

type Marked = { [KIND]?: Kind };

function mark<F extends (...args: never[]) => unknown>(app: F, kind: Kind): F {
  Object.defineProperty(app, KIND, { value: kind, configurable: true, writable: true });
  return app;
}

/** Declares an application async where the function itself does not show it (B-01): a closure that returns promises. */
export function markAsync<F extends AsyncApplication>(app: F): F {
  return mark(app, 'async');
}

/** Declares an application sync (B-01). */
export function markSync<F extends Application>(app: F): F {
  return mark(app, 'sync');
}

/** Whether a kind was declared by `markAsync` or `markSync`. */
export function hasMark(app: object): boolean {
  return (app as Marked)[KIND] !== undefined; // `kindOf` looks at what it is
}

/**
 * The kind of an application, known without calling it (B-01): its mark, else async when it is an async function or an
 * async generator function, else sync. Never guessed from name or arity (G-02).
 */
export function kindOf(app: (...args: never[]) => unknown): Kind {
  const marked = (app as Marked)[KIND];
  if (marked === 'sync' || marked === 'async') return marked;
  return app instanceof AsyncFunction || app instanceof AsyncGeneratorFunction ? 'async' : 'sync';
}

/** Declares a middleware, so that one which was given no application is not taken for one (M-30). */
export function markMiddleware<F extends object>(middleware: F): F {
  return Object.defineProperty(middleware, MIDDLEWARE, { value: true });
}

/** Whether a value is a middleware that says so. */
export function isMiddleware(value: unknown): boolean {
  return typeof value === 'function' && Object.hasOwn(value, MIDDLEWARE);
}

/** Whether the async convention is in force for the call with this environ (G-47). */
export function isAsyncEnviron(environ: Environ | AsyncEnviron): environ is AsyncEnviron {
  return environ['quaich.async'] === true;
}
