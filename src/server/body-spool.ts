import { describeFailure } from '../pool/applications.ts';
import { nothing } from '../rules/promises.ts';
import { TemporaryFile } from '../rules/temporary-file.ts';
import type { Report } from './report.ts';

/** The space that all spools of a server may take. */
export class SpoolSpace {
  readonly limit: number;
  private readonly report: Report;
  private left: number;
  /** The owner knows that a file could not be written. */
  private warned = false;

  /** @param limit in bytes */
  constructor(limit: number, report: Report) {
    this.limit = limit;
    this.left = limit;
    this.report = report;
  }

  /** @param spare bytes that are to be left to others */
  take(bytes: number, spare = 0): boolean {
    if (bytes + spare > this.left) return false;
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
    this.report('warn', `the temporary file of a body that its reader is not ready for: ${message}`);
  }
}

/** Where the bytes of a spool go on. */
interface SpoolEnd {
  /** Takes as many of these bytes as there is room for; says how many. */
  write(bytes: Uint8Array): number;
  /** Whether there is no room for a block; `drain` is to be called when there is. */
  isFull(): boolean;
  /** All that was appended is in the file, or there will be no room for more (`takesMore`). */
  appended(): void;
  /** All that was appended has gone on. */
  drained(): void;
  /** What was spooled cannot be read, or not be passed on. */
  failed(): void;
}

/**
 * Bytes of a body that come faster than they can go on, in a temporary file. They are appended, and follow each other
 * when they are asked for. One access to the file is under way at a time, and lasts as long as the system takes.
 */
export class BodySpool {
  /** An access to the file is under way. */
  isBusy = false;
  /** It failed, and passes nothing on any more. */
  isBroken = false;
  private readonly space: SpoolSpace;
  private readonly block: number;
  private readonly end: SpoolEnd;
  private readonly spare: (size: number) => number;
  private file: TemporaryFile | null = null;
  /** Bytes of the space that it has, and those of them that it needs so far. */
  private reserved = 0;
  private size = 0;
  /** To be written, in their order. */
  private unwritten: Buffer[] = [];
  /** Bytes in the file, and those of them that have gone on. */
  private written = 0;
  private passed = 0;
  /** What there was no space for, behind what is in the file. */
  private rest: Buffer[] = [];
  private restSize = 0;
  private isDraining = false;
  private isClosed = false;

  /**
   * @param block bytes that are passed on at a time
   * @param spare bytes of the space that one which takes `size` leaves to others
   */
  constructor(space: SpoolSpace, block: number, end: SpoolEnd, spare: (size: number) => number) {
    this.space = space;
    this.block = block;
    this.end = end;
    this.spare = spare;
  }

  get takesMore(): boolean {
    return this.restSize === 0;
  }

  /** Whether there is space for so many bytes in all; then it has that. */
  reserve(size: number): boolean {
    const more = size - this.reserved;
    if (more <= 0) return true;
    if (!this.space.take(more, this.spare(size))) return false;
    this.reserved = size;
    return true;
  }

  /** Whether these bytes were taken. The next ones are welcome when `appended` was called. */
  append(bytes: Buffer): boolean {
    const size = this.size + bytes.length;
    if (!this.takesMore || !this.reserve(size)) return false;
    this.size = size;
    this.unwritten.push(bytes);
    this.run();
    return true;
  }

  /** As `append`, but what there is no space for is kept in memory, behind all else. */
  keep(bytes: Buffer): void {
    if (!this.append(bytes)) this.keepRest(bytes);
  }

  private keepRest(bytes: Buffer): void {
    this.rest.push(bytes);
    this.restSize += bytes.length;
  }

  /** Passes on what was spooled, as far as there is room. Due when its reader is ready, and when that has read. */
  drain(): void {
    this.isDraining = true;
    this.run();
  }

  /** The request is over, or has all of it. */
  close(): void {
    this.isClosed = true;
    if (!this.isBusy) this.free();
  }

  /** Does what is to be done next. */
  private run(): void {
    if (this.isBusy || this.isBroken || this.isClosed) return;
    if (this.unwritten.length > 0)
      this.use(
        () => this.write(),
        () => this.end.appended(),
      );
    else if (!this.isDraining) return;
    else if (this.passed === this.written + this.restSize) this.end.drained();
    else if (!this.end.isFull()) this.use(() => this.pass());
  }

  private async write(): Promise<void> {
    const bytes = this.unwritten.length === 1 ? this.unwritten[0] : Buffer.concat(this.unwritten);
    this.unwritten = [];
    try {
      this.file ??= await TemporaryFile.open();
      await this.file.write(bytes, this.written);
      this.written += bytes.length;
    } catch (error) {
      const behind = [...this.unwritten, ...this.rest];
      this.unwritten = [];
      this.rest = [];
      this.restSize = 0;
      for (const one of [bytes, ...behind]) this.keepRest(one);
      this.space.failed(error);
    }
  }

  private async pass(): Promise<void> {
    const block = await this.next();
    if (!this.isClosed) this.passed += this.end.write(block);
  }

  private async next(): Promise<Buffer> {
    const { file, passed, written } = this;
    if (file === null || passed >= written) {
      if (this.rest.length > 1) this.rest = [Buffer.concat(this.rest)];
      return this.rest[0].subarray(passed - written);
    }
    const block = Buffer.allocUnsafe(Math.min(this.block, written - passed));
    const { bytesRead } = await file.handle.read(block, 0, block.length, passed);
    if (bytesRead === 0) throw new Error('a temporary file has become shorter');
    return block.subarray(0, bytesRead);
  }

  /** One access to the file, what it was for, and what is next. */
  private use(access: () => Promise<void>, then = nothing): void {
    this.isBusy = true;
    access()
      .then(() => {
        this.isBusy = false;
        if (this.isClosed) {
          this.free();
          return;
        }
        if (this.unwritten.length === 0) then();
        this.run();
      })
      .catch((error) => {
        this.isBusy = false;
        this.isBroken = true;
        this.space.failed(error);
        if (this.isClosed) this.free();
        else this.end.failed();
      });
  }

  /** Once, whoever asks. */
  private free(): void {
    this.space.giveBack(this.reserved);
    this.reserved = 0;
    this.size = 0;
    this.unwritten = [];
    this.rest = [];
    void this.file?.close();
    this.file = null;
  }
}
