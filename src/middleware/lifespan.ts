/**
 * Lifespan hooks through middleware (L-14): startup from the outside in, shutdown from the inside out, those of one
 * application once, however often it is mounted.
 */
import { type Hook, ownHook, passHook, type Stage } from '../interface/hooks.ts';
import type { Lifespan } from '../interface/types.ts';

/** The hook of an application, callable without `this`; the same function each time. */
function hookOf(app: Lifespan, stage: Stage): Hook | undefined {
  const hook = app[stage];
  return typeof hook === 'function' ? ownHook(app, stage, hook) : undefined;
}

function give<F extends Lifespan>(wrapper: F, stage: Stage, hooks: readonly Hook[]): void {
  const distinct = [...new Set(hooks)];
  if (distinct.length === 0) return;
  let hook = distinct[0];
  if (distinct.length > 1) {
    hook = passHook(async (state) => {
      const errors: unknown[] = [];
      for (const each of distinct) {
        try {
          await each(state);
        } catch (error) {
          if (stage === 'startup') throw error; // L-05
          errors.push(error); // the others still run (L-10)
        }
      }
      if (errors.length === 1) throw errors[0];
      if (errors.length > 1) throw new AggregateError(errors, 'several shutdown hooks failed');
    });
  }
  wrapper[stage] = hook;
}

/**
 * Gives a wrapper the hooks of the applications inside it, and those of the middleware around them. The hooks are taken
 * as they are now: set those of an application before wrapping it.
 */
export function passLifespan<F extends Lifespan>(wrapper: F, inner: readonly Lifespan[], own: Lifespan = {}): F {
  const defined = (hook: Hook | undefined): hook is Hook => hook !== undefined;
  give(wrapper, 'startup', [own, ...inner].map((each) => hookOf(each, 'startup')).filter(defined));
  give(wrapper, 'shutdown', [...[...inner].reverse(), own].map((each) => hookOf(each, 'shutdown')).filter(defined));
  return wrapper;
}
