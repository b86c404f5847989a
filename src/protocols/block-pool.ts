/**
 * Blocks of memory that are used again: fresh memory for many bytes costs more than all else that is done with them.
 * The system gives a block its pages as they are touched.
 */
export class BlockPool {
  /** Bytes of a block. */
  readonly size: number;
  private readonly most: number;
  private readonly idle: Buffer[] = [];
  private made = 0;

  /** @param most how many blocks there may be; who comes when all are in use gets fresh memory */
  constructor(size: number, most: number) {
    this.size = size;
    this.most = most;
  }

  /** Memory for `length` bytes, `size` at most, with whatever is in it. */
  take(length: number): Buffer {
    const block = this.idle.pop();
    if (block !== undefined) return block;
    if (this.made === this.most) return Buffer.allocUnsafeSlow(length);
    this.made++;
    return Buffer.allocUnsafeSlow(this.size);
  }

  /** Nobody uses what `take` gave any more. To be called for all of it: a block that is lost is not made again. */
  giveBack(block: Buffer): void {
    if (block.length === this.size && this.idle.length < this.most) this.idle.push(block);
  }
}
