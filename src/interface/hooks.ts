/** Whose a lifespan hook is: it runs once for each owner and thread (L-09, L-14, L-19). */
import type { Lifespan } from './types.ts';

export type Hook = NonNullable<Lifespan['startup']>;
export type Stage = 'startup' | 'shutdown';

/** One function for each hook and owner, so that two ways to the same application show the same hook. */
const owned: Record<Stage, WeakMap<object, Hook>> = { startup: new WeakMap(), shutdown: new WeakMap() };
/** Hooks that need no binding: those made here, and those that middleware puts on its wrappers. */
const passed = new WeakSet<Hook>();

/** Marks a hook that stands for its owner, wherever it is found. */
export function passHook(hook: Hook): Hook {
  passed.add(hook);
  return hook;
}

/** A hook of an owner, an application or a module, callable without `this`; the same function each time. */
export function ownHook(owner: object, stage: Stage, hook: Hook, self: unknown = owner): Hook {
  if (passed.has(hook)) return hook;
  const known = owned[stage].get(owner);
  if (known !== undefined) return known;
  const made = passHook((state) => hook.call(self, state));
  owned[stage].set(owner, made);
  return made;
}
