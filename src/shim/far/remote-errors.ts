/**
 * `wsgi.errors` on the far side of a bridge: its text is out of this thread when the call returns (G-72), and goes on
 * to the error stream of the near side.
 */
import { createErrorStream } from '../../engine/error-stream.ts';
import type { ErrorStream } from '../../interface/types.ts';
import { checkErrorText, joinedLines } from '../../rules/error-text.ts';
import type { FarMessage } from '../link/wire.ts';

type Post = (message: FarMessage) => void;

/** Characters of error text on their way to the gateway's thread; more goes to standard error directly. */
const MOST_LOGGED = 1048576;

export class RemoteErrors {
  readonly stream: ErrorStream;
  #onTheWay = 0;
  #over = false;

  constructor(id: number, post: Post) {
    const direct = createErrorStream();
    const write = (text: string): void => {
      checkErrorText(text);
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
