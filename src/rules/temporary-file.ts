import { randomUUID } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file in the folder of the system for such (TMPDIR), without a name: a process that dies leaves nothing behind. */
export class TemporaryFile {
  readonly handle: FileHandle;
  /** Of a system on which a file that is open keeps its name (Windows). */
  private readonly path: string | null;

  private constructor(handle: FileHandle, path: string | null) {
    this.handle = handle;
    this.path = path;
  }

  static async open(): Promise<TemporaryFile> {
    const path = join(tmpdir(), `quaich-${randomUUID()}`);
    const handle = await open(path, 'wx+', 0o600);
    try {
      unlinkSync(path);
    } catch {
      return new TemporaryFile(handle, path);
    }
    return new TemporaryFile(handle, null);
  }

  /** Writes all of a block at `position`; rejects with the system's error. */
  async write(block: Uint8Array, position: number): Promise<void> {
    for (let at = 0; at < block.byteLength; ) {
      const { bytesWritten } = await this.handle.write(block, at, block.byteLength - at, position + at);
      at += bytesWritten;
    }
  }

  /** Gives the space back, behind what is being written or read. */
  async close(): Promise<void> {
    const { path } = this;
    try {
      await this.handle.close();
      if (path !== null) await unlink(path);
    } catch {
      // Nobody needs it any more.
    }
  }
}
