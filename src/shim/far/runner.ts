/**
 * What the two runners share: the state of the response, which is kept where the application runs (B-25), the credit of the
 * body (B-27), and the error stream of the request.
 */

import { createErrorStream, joinedLines } from '../../engine/error-stream.ts';
import type { ErrorStream, HeaderField } from '../../interface/types.ts';
import { chunkOf, isPlainArray } from '../../rules/body.ts';
import { errorToWire, type FarMessage, privateBytes, type WireHead } from '../link/wire.ts';
import { TrackedResponse } from './tracked-response.ts';

type Post = (message: FarMessage) => void;

/** Characters of error text on their way to the gateway's thread; more goes to standard error directly. */
const MOST_LOGGED = 1048576;

/** The response of an application whose gateway is on another thread. */
export class RunnerResponse extends TrackedResponse {
  /** As the application stored it, until it is on its way. */
  #stored: WireHead | null = null;

  /** Checked here, so that the error is thrown into the application. */
  override start(status: string, headers: HeaderField[], error?: Error | null): void {
    const read: HeaderField[] = [];
    try {
      super.start(status, headers, error, read);
    } finally {
      // Refused for what it is, nothing of the earlier one remains (G-83); refused as a second call, the first one stands (G-82).
      if (this.head === null) this.#stored = null;
    }
    this.#stored = { status, headers: read };
    if (error !== undefined && error !== null) this.#stored.error = errorToWire(error);
  }

  /** The head, to go with this message; null where it has gone, or there is none. */
  takeHead(): WireHead | null {
    const head = this.#stored;
    this.#stored = null;
    if (head !== null) this.sendHead();
    return head;
  }

  /** A chunk of the body, ready to cross: what is counted is the copy that goes. */
  override accept(value: unknown): Uint8Array {
    return super.accept(privateBytes(chunkOf(value, -1)));
  }

  /**
   * A body that is an array, for crossing in one piece whatever its size: the gateway checks all of it before it sends
   * anything, and knows its length (G-117, G-123). Null for other bodies.
   *
   * @throws ApplicationError for a chunk that is none (G-103), for a missing head (G-102)
   */
  takeArray(body: unknown): Uint8Array[] | null {
    return isPlainArray(body) ? Array.from(this.acceptArray(body), privateBytes) : null;
  }
}

/** `wsgi.errors`: passed on to that of the gateway's side; out of this thread when the call returns (G-72). */
export class RemoteErrors {
  readonly stream: ErrorStream;
  #onTheWay = 0;
  #over = false;

  constructor(id: number, post: Post) {
    const direct = createErrorStream();
    const write = (text: string): void => {
      if (typeof text !== 'string') throw new TypeError(`wsgi.errors takes strings, got ${typeof text} (G-70)`);
      if (text === '') return;
      if (this.#over || this.#onTheWay + text.length > MOST_LOGGED) {
        direct.write(text);
        return;
      }
      this.#onTheWay += text.length;
      post({ type: 'errors', id, text });
    };
    this.stream = {
      write,
      writelines(lines: Iterable<string>): void {
        write(joinedLines(lines));
      },
      flush(): void {},
    };
  }

  logged(length: number): void {
    this.#onTheWay -= length;
  }

  /** Nobody listens on the other side any more. */
  end(): void {
    this.#over = true;
  }
}
