import { type BigIntStats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';

/**
 * Tells when files have changed, whoever changed them and however: written over, renamed, or reached by a link that
 * leads elsewhere now, as those of certbot and of Kubernetes do. So it looks at what the paths lead to, in place of
 * listening to folders.
 */
export class ChangedFiles {
  private readonly paths: readonly string[];
  /** What was told last, and what the last look has seen. */
  private told: string;
  private seen: string;

  /** @param paths of files that are there */
  constructor(paths: readonly string[]) {
    this.paths = paths;
    this.told = paths.map((path) => stateOf(statSync(path, { bigint: true }))).join();
    this.seen = this.told;
  }

  /**
   * Fulfils with true, once for each change, when there was none since the last look: files that belong together are
   * written one after the other.
   */
  async haveChanged(): Promise<boolean> {
    const stats = this.paths.map((path) => stat(path, { bigint: true }).then(stateOf, () => 'missing'));
    const before = this.seen;
    this.seen = (await Promise.all(stats)).join();
    if (this.seen === this.told || this.seen !== before) return false;
    this.told = this.seen;
    return true;
  }
}

function stateOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}
