/** A property of anything that was thrown, whose getter may throw; undefined then. */
export function property(value: unknown, name: string): unknown {
  try {
    return Reflect.get(Object(value), name);
  } catch {
    return undefined;
  }
}
