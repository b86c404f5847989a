import { isBelow } from '../rules/prefix.ts';

/** An application's place in the path space. */
export interface Mounted {
  /** Decoded path prefix: '' or '/app' (G-11). */
  readonly prefix: string;
}

/** Finds the application of a path: the longest prefix that ends on a segment boundary (G-14). */
export class MountTable<M extends Mounted> {
  /** The only application when it is mounted at the root: no look-up needed. */
  readonly root: M | null;
  private readonly mounts: readonly M[];

  /** @param mounts with prefixes that differ */
  constructor(mounts: readonly M[]) {
    this.mounts = [...mounts].sort((a, b) => b.prefix.length - a.prefix.length);
    this.root = mounts.length === 1 && mounts[0].prefix === '' ? mounts[0] : null;
  }

  /** The application for a decoded path, or null. `*` (OPTIONS *) belongs to the root. */
  find(path: string): M | null {
    for (const mount of this.mounts) {
      if (isBelow(path, mount.prefix)) return mount;
    }
    return null;
  }
}
