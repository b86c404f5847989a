/**
 * What the guards of this folder find and let pass, each with the reason why. An entry that nothing needs any more
 * fails the guard, so that the lists get shorter by themselves.
 */
export type Exceptions = Readonly<Record<string, string>>;

/** What is wrong: findings that no exception lets pass, and exceptions without a finding. */
export function judged(found: readonly string[], exceptions: Exceptions): { broken: string[]; unneeded: string[] } {
  const names = new Set(found);
  return {
    broken: [...names].filter((name) => !Object.hasOwn(exceptions, name)),
    unneeded: Object.keys(exceptions).filter((name) => !names.has(name)),
  };
}

export const FINE = { broken: [], unneeded: [] };
