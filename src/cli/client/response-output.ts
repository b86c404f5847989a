/** Where responses are printed. */
import { writeSync } from 'node:fs';
import { whenReady } from '../../engine/descriptors.ts';
import type { ResponseStart } from '../../testing/response.ts';

/** Takes bytes; false where nobody takes any more. */
type Sink = (bytes: Uint8Array) => boolean;

/** Prints one response as it comes, its head once or not at all. */
export class ResponseOutput {
  readonly #sink: Sink;
  #headIsDue: boolean;

  /** @param include whether the head is printed */
  constructor(sink: Sink, include: boolean) {
    this.#sink = sink;
    this.#headIsDue = include;
  }

  head({ status, reason, headers }: ResponseStart): void {
    if (!this.#headIsDue) return;
    this.#headIsDue = false;
    const fields = headers.list.map(([name, value]) => `${name}: ${value}\n`);
    this.#sink(Buffer.from(`HTTP/1.1 ${status} ${reason}\n${fields.join('')}\n`, 'latin1'));
  }

  /** @returns false where nobody takes any more */
  body(chunk: Uint8Array): boolean {
    return this.#sink(chunk);
  }
}

/**
 * A sink that writes to a descriptor. The thread waits for whoever reads there, however long: nothing is lost, and
 * sync applications are not overtaken.
 */
export function descriptorSink(descriptor: number): Sink {
  return (bytes) => {
    let at = 0;
    try {
      while (at < bytes.byteLength) {
        at += whenReady(() => writeSync(descriptor, bytes, at, bytes.byteLength - at));
      }
      return true;
    } catch {
      return false; // a pipe that was closed, a full disk
    }
  };
}
