/**
 * Validators around the same request know of each other: what stands between two of them is middleware, and its duties
 * become visible.
 */
import { type Side, ValidationError } from './validation-error.ts';
import { entryText } from './values.ts';

/**
 * The key in environ under which a validator leaves its link for those further in. A symbol, so that applications that
 * list their environ see the same keys with and without a validator; enumerable, so that a copy keeps it.
 */
export const LINK = Symbol('quaich.validator');

/**
 * What a request asks for. Middleware that routes moves segments from PATH_INFO to SCRIPT_NAME, which makes no
 * difference.
 */
export function requestTargetOf(environ: unknown): string {
  const read = (key: string): string => entryText(environ, key);
  return `${read('REQUEST_METHOD')} ${read('SCRIPT_NAME')}${read('PATH_INFO')}?${read('QUERY_STRING')}`;
}

export class Link {
  readonly parent: Link | null;
  /** Links of the applications that were called from inside. */
  readonly children: Link[] = [];
  readonly #target: string;
  /** A head of this application went on to whoever called the one around it. */
  #passedOn = false;
  /** Calls of `startResponse` in progress. */
  #starting = 0;
  /** The application has returned its body. */
  returned = false;
  /** A body was handed out that has a `close` to call, and it was not called yet. */
  open = false;
  /** How many steps of the body have yielded. */
  yields = 0;
  /** The body has run to its own end. */
  done = false;
  /** Calls of `write` in progress. */
  writing = 0;
  #active = 0;
  /** The parent's `yields` when this body yielded last. */
  #yieldedAt = -1;

  /** @param target what `requestTargetOf` gives for the environ of this call */
  constructor(parent: Link | null, target: string) {
    this.parent = parent;
    this.#target = target;
    parent?.children.push(this);
  }

  /**
   * Whether an application made this call for itself: for another target than it was asked for, and without passing the
   * head on. It is a server then, not middleware: nobody expects the chunks of this body from it.
   */
  get subrequest(): boolean {
    return this.parent !== null && !this.#passedOn && this.#target !== this.parent.#target;
  }

  /** The applications inside whose response this one passes on. */
  get #inner(): Link[] {
    return this.children.filter((link) => !link.subrequest);
  }

  /** The side that called this application. */
  get outside(): Side {
    if (this.parent === null) return 'server';
    return this.subrequest ? 'application' : 'middleware';
  }

  /** The side that this validator wraps. */
  get inside(): Side {
    return this.#inner.length === 0 ? 'application' : 'middleware';
  }

  /** The application calls `startResponse`; `call` goes on with it. */
  start<T>(call: () => T): T {
    for (const inner of this.children) if (inner.#starting > 0) inner.#passedOn = true;
    this.#starting++;
    try {
      return call();
    } finally {
      this.#starting--;
    }
  }

  /** The application, a step or the close of its body begins to run; `leave` when it is over. */
  enter(): void {
    this.#active++;
  }

  leave(): void {
    this.#active--;
  }

  /**
   * The link that a validator further in belongs to. One that is not running cannot have made the call: then the
   * environ was used before for another application, by the middleware around both.
   */
  static nearest(found: unknown): Link | null {
    let link = found instanceof Link ? found : null;
    while (link !== null && link.#active === 0) link = link.parent;
    return link;
  }

  /** A step of this body is asked for. */
  step(): void {
    const outer = this.parent;
    if (outer === null || this.subrequest) return;
    //: @in middleware
    //: M-02, V-131: Middleware MUST return its body as soon as the inner application has returned, and MUST NOT iterate
    //: the inner body before that: neither reading it into an array nor looking at its first chunk. It returns a
    //: generator or a wrapper that iterates when it is iterated. There is one exception: an inner body that is an array
    //: may be processed at once, since nothing in it is still to be produced; whoever does that also takes over its
    //: `close`.
    //:
    //: ```js
    //: const shout = (app) => (environ, startResponse) => {
    //:   const body = app(environ, startResponse);
    //:   return {
    //:     *[Symbol.iterator]() {
    //:       for (const chunk of body) yield Buffer.from(chunk).map((byte) => (byte > 96 && byte < 123 ? byte - 32 : byte));
    //:     },
    //:     close: () => body.close?.(), // M-08
    //:   };
    //: };
    //: ```
    if (!outer.returned) {
      throw new ValidationError(
        'V-131',
        'middleware',
        'the inner body was iterated before the middleware returned its own',
        'return a generator or a wrapper that iterates the inner body when it is iterated itself',
      );
    }
  }

  /**
   * Middleware that reads ahead: a step is asked for while nobody asked the middleware for anything.
   */
  get unasked(): boolean {
    return this.parent?.returned === true && this.parent.#active === 0 && !this.subrequest;
  }

  /** A step of this body has yielded, even if only an empty chunk. */
  yielded(): void {
    this.yields++;
    const outer = this.parent;
    if (outer === null) return;
    //: M-03, M-17, V-131: Middleware MUST yield at least once for each step of the inner body, an empty chunk if it has
    //: nothing to say yet, and MUST NOT wait for several inner chunks before it yields one. (An inner body that is
    //: dropped before its end, M-11, needs no answer to its last chunk.) An application that calls another one for a
    //: request of its own, with another method, path or query, and does not pass its head on, is a server to it, and
    //: may iterate it as it likes.
    if (this.#yieldedAt === outer.yields && !this.subrequest)
      throw this.#swallowed('took a second chunk of the inner body');
    this.#yieldedAt = outer.yields;
  }

  /**
   * This body is done; the last chunk of an inner body was answered by a chunk of this one, unless the inner body was
   * dropped before its end (M-11).
   */
  ended(): void {
    this.done = true;
    for (const inner of this.#inner) {
      if (inner.done && inner.#yieldedAt === this.yields) throw inner.#swallowed('ended its body');
    }
  }

  #swallowed(what: string): ValidationError {
    return new ValidationError(
      'V-131',
      'middleware',
      `the middleware ${what} without yielding anything for the one before`,
      'yield once for each chunk of the inner body, an empty Uint8Array if there is nothing to say',
    );
  }

  /** The body of this link was closed, or will never be. */
  checkClosed(): void {
    //: M-08, M-09, V-132: Whoever replaces a body MUST close the original exactly once, whatever happens: at the end,
    //: after an error of either, after a disconnect, and also if its own `close` throws. It calls `close` of the
    //: original body itself, not of an iterator made from it, after that iterator's `return()` where iteration was cut
    //: short. The replacement MUST have a `close` when the original has one: a generator's `finally` is not enough,
    //: because it never runs if the generator is never started. When the outer body is closed, the inner one has been.
    const open = this.children.find((inner) => inner.open);
    if (open !== undefined) {
      throw new ValidationError(
        'V-132',
        open.outside,
        `the body of the ${open.outside} is closed, or has no close, and the inner body was not closed`,
        'give the outer body a close that calls close of the inner one',
      );
    }
  }

  /** `write` is about to be called from inside. */
  checkWrite(): void {
    //: M-04, V-133: Middleware MUST NOT use the outer `write` for what the inner body yielded, only for what the inner
    //: application gave to the `write` of the middleware: calls of the outer one happen inside calls of the inner one.
    const inner = this.#inner;
    if (inner.length > 0 && !inner.some((link) => link.writing > 0)) {
      throw new ValidationError(
        'V-133',
        'middleware',
        'write was called outside of a call of write by the inner application',
        'yield what the inner body yielded; pass on by write only what came by write',
      );
    }
  }
}
