import { READ_AREA, READ_SIZE } from '../../assembly/layout.ts';
import { copyBytes } from '../rules/bytes.ts';
import { StateError } from '../rules/state-machine.ts';
import type { ConnectionHost } from './host.ts';
import type { Parser } from './http/parser.ts';
import type { Output } from './output.ts';

/** The protocol that reads an Input. */
export interface InputReader {
  /**
   * Takes bytes from address `at`, before `to`. Returns the address of the first one not taken; where reading cannot go
   * on, `Input.park` puts it aside with all behind it.
   */
  read(at: number, to: number): number;
  /** Takes what reading has stopped for, if that is possible now. False: it is not. */
  unpark(): boolean;
}

/**
 * The bytes of one client, in the parser's memory, which all connections share. What its reader cannot use yet is put
 * aside, and the host asked to pause; `retry` reads that first. Either nothing is parked, or everything that comes is.
 */
export class Input {
  /** Reading has stopped until something else has happened. */
  parked = false;
  private readonly host: ConnectionHost;
  private readonly parser: Parser;
  private readonly output: Output;
  private readonly reader: InputReader;
  /** Nothing is read any more. */
  private stopped = false;
  /** Raw bytes behind the point where reading has stopped; null: none have come. */
  private backlog: Buffer | null = null;
  /** The host was asked to pause. Differs from `parked` only while the backlog is read. */
  private paused = false;
  private running = false;
  /** `retry` is due at the end of the turn. */
  private deferred = false;

  constructor(host: ConnectionHost, parser: Parser, output: Output, reader: InputReader) {
    this.host = host;
    this.parser = parser;
    this.output = output;
    this.reader = reader;
  }

  /** `length` bytes lie at READ_AREA. False: nobody looks at them. */
  receive(length: number): boolean {
    if (this.stopped) return false;
    // A transport may hand over what it had read before the pause took hold.
    if (this.parked) this.park(READ_AREA, READ_AREA + length);
    else this.run(READ_AREA + length);
    return true;
  }

  private run(to: number): void {
    if (this.running) throw new StateError('received while receiving');
    this.running = true;
    this.parser.busy = true;
    try {
      let at = READ_AREA;
      while (at < to && !this.stopped) at = this.reader.read(at, to);
    } finally {
      this.parser.busy = false;
      this.running = false;
    }
  }

  /** Puts the bytes from address `from` to `to` aside and stops reading, until `retry` goes on. Returns `to`. */
  park(from: number, to: number): number {
    if (this.stopped) return to;
    if (from < to) {
      const fresh = this.parser.copy(from, to);
      this.backlog = this.backlog === null ? fresh : Buffer.concat([this.backlog, fresh]);
    }
    this.parked = true;
    if (!this.paused) {
      this.paused = true;
      this.host.pause();
    }
    return to;
  }

  /** Goes on where reading had to stop, if it can; at the end of the turn, where the parser is at work. */
  retry(): void {
    if (!this.parked || this.running || this.stopped) return;
    if (this.parser.busy) {
      // Another connection's bytes lie in the parser's memory.
      this.deferred = true;
      this.output.schedule();
      return;
    }
    if (!this.reader.unpark()) return;
    const { backlog } = this;
    this.parked = false;
    this.backlog = null;
    if (backlog !== null) {
      for (let at = 0; at < backlog.length; at += READ_SIZE) {
        const end = Math.min(at + READ_SIZE, backlog.length);
        copyBytes(this.parser.bytes, READ_AREA, backlog, at, end);
        this.receive(end - at);
      }
    }
    if (!this.parked) this.resume();
  }

  /** The turn has ended: goes on with what had to wait for that. False: nothing had to. */
  flush(): boolean {
    if (!this.deferred) return false;
    this.deferred = false;
    this.retry();
    return true;
  }

  /** Forgets what was put aside: nobody will look at it. */
  forget(): void {
    this.backlog = null;
  }

  /** Nothing is read any more. */
  stop(): void {
    this.stopped = true;
    this.parked = false;
    this.backlog = null;
  }

  /** Lets the host read again. */
  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.host.resume();
  }

  /** Whether its states go together, between two events. */
  get isSound(): boolean {
    if (this.running || (this.backlog !== null && !this.parked)) return false;
    return this.stopped ? !this.parked : this.paused === this.parked;
  }
}
