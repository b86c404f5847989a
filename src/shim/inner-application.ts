/** What stands behind a bridge, for bridging back (B-05, B-57). */
type AnyApplication = (...args: never[]) => unknown;

interface Bridge {
  readonly direction: 'syncToAsync' | 'asyncToSync';
  /** Null where it lives on another thread. */
  readonly inner: AnyApplication | null;
}

const bridges = new WeakMap<AnyApplication, Bridge>();

export function rememberBridge<B extends AnyApplication>(
  bridge: B,
  direction: Bridge['direction'],
  inner: AnyApplication | null,
): B {
  bridges.set(bridge, { direction, inner });
  return bridge;
}

/** The application behind a bridge on this thread. */
export function bridgeOf(app: AnyApplication): AnyApplication | undefined {
  return bridges.get(app)?.inner ?? undefined;
}

export function bridgeKindOf(app: AnyApplication): Bridge['direction'] | undefined {
  return bridges.get(app)?.direction;
}
