/** A property of anything that was thrown, whose getter may throw; undefined then. */
export function property(value: unknown, name: string): unknown {
  try {
    return (value as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}
