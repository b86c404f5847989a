import { describeFailure } from '../pool/applications.ts';
import { TemporaryFile } from '../rules/temporary-file.ts';
import type { Report } from './report.ts';

const NOTHING: Buffer = Buffer.alloc(0);

/** The space that all uploads of a server may take in temporary files. */
export class SpoolSpace {
  private readonly report: Report;
  private left: number;
  /** The owner knows that a file could not be written. */
  private warned = false;

  /** @param limit in bytes */
  constructor(limit: number, report: Report) {
    this.left = limit;
    this.report = report;
  }

  take(bytes: number): boolean {
    if (bytes > this.left) return false;
    this.left -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.left += bytes;
  }

  failed(error: unknown): void {
    if (this.warned) return;
    this.warned = true;
    const { message } = describeFailure(error);
    this.report('warn', `the temporary file of an upload that waited for a sync worker: ${message}`);
  }
}

/** Where a body goes on when its request has a worker. */
interface BodyEnd {
  /** Appends as many of these bytes as there is room for; says how many. */
  write(bytes: Uint8Array): number;
  /** Whether there is no room for a block; `drain` is to be called when there is. */
  isFull(): boolean;
  /** What was last appended to the spool is in its file, or there will be no room for more. */
  appended(): void;
  /** All that was spooled is written. */
  drained(): void;
  /** What was spooled cannot be read, or not be passed on. */
  failed(): void;
}

/**
 * What the ring of a request has no room for while the request waits for its turn, in a temporary file. First bytes are
 * appended, then, when a worker has the request, they follow the others into the ring. One access to the file is under
 * way at a time, and lasts as long as the system takes.
 */
export class UploadSpool {
  /** An access to the file is under way. */
  isBusy = false;
  /** It failed, and passes nothing on any more. */
  isBroken = false;
  private readonly space: SpoolSpace;
  private readonly block: number;
  private readonly end: BodyEnd;
  private file: TemporaryFile | null = null;
  private written = 0;
  /** What the system would not write; nothing is behind it. */
  private rest = NOTHING;
  /** Bytes that are in the ring, or have been there. */
  private passed = 0;
  private isDraining = false;
  private isClosed = false;

  /** @param block bytes that are passed on at a time */
  constructor(space: SpoolSpace, block: number, end: BodyEnd) {
    this.space = space;
    this.block = block;
    this.end = end;
  }

  /** Whether these bytes were taken. The next ones are welcome when `appended` was called. */
  append(bytes: Buffer): boolean {
    if (this.isBusy || this.rest.length > 0 || !this.space.take(bytes.length)) return false;
    this.use(async () => {
      try {
        this.file ??= await TemporaryFile.open();
        await this.file.write(bytes, this.written);
        this.written += bytes.length;
      } catch (error) {
        this.rest = bytes;
        this.space.failed(error);
      }
    });
    return true;
  }

  /** Passes on what was spooled, as far as there is room. Due when a worker has the request, and when it has read. */
  drain(): void {
    this.isDraining = true;
    if (this.isBusy || this.isBroken) return;
    if (this.passed === this.written + this.rest.length) this.end.drained();
    else if (!this.end.isFull()) {
      this.use(async () => {
        const block = await this.next();
        if (!this.isClosed) this.passed += this.end.write(block);
      });
    }
  }

  private async next(): Promise<Buffer> {
    const { file, passed, written, rest } = this;
    if (file === null || passed >= written) return rest.subarray(passed - written);
    const block = Buffer.allocUnsafe(Math.min(this.block, written - passed));
    const { bytesRead } = await file.handle.read(block, 0, block.length, passed);
    if (bytesRead === 0) throw new Error('a temporary file has become shorter');
    return block.subarray(0, bytesRead);
  }

  /** One access to the file, and what is next. */
  private use(access: () => Promise<void>): void {
    this.isBusy = true;
    access()
      .then(() => {
        this.isBusy = false;
        if (this.isClosed) this.free();
        else if (this.isDraining) this.drain();
        else this.end.appended();
      })
      .catch((error) => {
        this.isBusy = false;
        this.isBroken = true;
        this.space.failed(error);
        if (this.isClosed) this.free();
        else this.end.failed();
      });
  }

  /** The request is over, or has all of it. */
  close(): void {
    this.isClosed = true;
    if (!this.isBusy) this.free();
  }

  /** Once, whoever asks. */
  private free(): void {
    this.space.giveBack(this.written + this.rest.length);
    this.written = 0;
    this.rest = NOTHING;
    void this.file?.close();
    this.file = null;
  }
}
