/** Connections that are refused and told so, at a time; beyond them no word is spent. */
const MOST_REFUSED = 256;

const TOO_MANY = 'too many connections';
const TOO_MANY_OF_ADDRESS = 'too many connections from this address';

/** Which connections are served, and which are refused (L-26). */
export class Admission {
  private readonly most: number;
  private readonly mostOfAddress: number;
  private served = 0;
  private refused = 0;
  private readonly byAddress = new Map<string, number>();

  /** @param mostOfAddress of one client's address; 0: no limit */
  constructor(most: number, mostOfAddress: number) {
    this.most = most;
    this.mostOfAddress = mostOfAddress;
  }

  /** Connections are to be closed as they come. */
  get isFull(): boolean {
    return this.served >= this.most && this.refused >= MOST_REFUSED;
  }

  /**
   * Takes a connection in, until `leave`.
   *
   * @param address of the client; '' on a Unix socket
   * @returns '' where its requests are served, else what they are answered with; null where it is to be closed
   */
  enter(address: string): string | null {
    const count = this.byAddress.get(address) ?? 0;
    let refusal = '';
    if (this.served >= this.most) refusal = TOO_MANY;
    else if (address !== '' && this.mostOfAddress > 0 && count >= this.mostOfAddress) refusal = TOO_MANY_OF_ADDRESS;
    if (refusal === '') {
      this.served++;
      if (this.mostOfAddress > 0) this.byAddress.set(address, count + 1);
    } else {
      if (this.refused >= MOST_REFUSED) return null;
      this.refused++;
    }
    return refusal;
  }

  /** The connection is closed; `refusal` as `enter` has returned it. */
  leave(address: string, refusal: string): void {
    if (refusal !== '') {
      this.refused--;
      return;
    }
    this.served--;
    const count = this.byAddress.get(address) ?? 0;
    if (count > 1) this.byAddress.set(address, count - 1);
    else this.byAddress.delete(address);
  }
}
