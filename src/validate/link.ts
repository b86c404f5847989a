/**
 * Validators around the same request know of each other: what stands between two of them is middleware, and its duties
 * become visible.
 */
import { type Side, ValidationError } from './validation-error.ts';

/**
 * The key in environ under which a validator leaves its link for those further in. A symbol, so that applications that
 * list their environ see the same keys with and without a validator; enumerable, so that a copy keeps it.
 */
export const LINK = Symbol('quaich.validator');

export class Link {
  readonly parent: Link | null;
  /** Links of the applications that were called from inside. */
  readonly children: Link[] = [];
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

  constructor(parent: Link | null) {
    this.parent = parent;
    parent?.children.push(this);
  }

  /** The side that called this application. */
  get outside(): Side {
    return this.parent === null ? 'server' : 'middleware';
  }

  /** The side that this validator wraps. */
  get inside(): Side {
    return this.children.length === 0 ? 'application' : 'middleware';
  }

  /** The application, a step or the close of its body begins to run; `leave` when it is over. */
  enter(): void {
    this.#active++;
  }

  leave(): void {
    this.#active--;
  }

  /**
   * The link that a validator further in belongs to. One that is not running cannot have made the call: then the environ
   * was used before for another application, by the middleware around both.
   */
  static nearest(found: unknown): Link | null {
    let link = found instanceof Link ? found : null;
    while (link !== null && link.#active === 0) link = link.parent;
    return link;
  }

  /** A step of this body is asked for. */
  step(): void {
    const outer = this.parent;
    if (outer === null) return;
    //: @in middleware
    //: M-02, V-131: Middleware MUST return its body as soon as the inner application has returned, and MUST NOT iterate the inner
    //: body before that: neither reading it into an array nor looking at its first chunk. It returns a generator or a wrapper
    //: that iterates when it is iterated. There is one exception: an inner body that is an array may be processed at once,
    //: since nothing in it is still to be produced; whoever does that also takes over its `close`.
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
    return this.parent?.returned === true && this.parent.#active === 0;
  }

  /** A step of this body has yielded, even if only an empty chunk. */
  yielded(): void {
    this.yields++;
    const outer = this.parent;
    if (outer === null) return;
    //: M-03, M-17, V-131: Middleware MUST yield at least once for each step of the inner body, an empty chunk if it has nothing
    //: to say yet, and MUST NOT wait for several inner chunks before it yields one. (An inner body that is
    //: dropped before its end, M-11, needs no answer to its last chunk.)
    if (this.#yieldedAt === outer.yields) throw this.#swallowed('took a second chunk of the inner body');
    this.#yieldedAt = outer.yields;
  }

  /**
   * This body is done; the last chunk of an inner body was answered by a chunk of this one, unless the inner body was
   * dropped before its end (M-11).
   */
  ended(): void {
    this.done = true;
    for (const inner of this.children) {
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
    //: M-08, M-09, V-132: Whoever replaces a body MUST close the original exactly once, whatever happens: at the end, after an
    //: error of either, after a disconnect, and also if its own `close` throws. It calls `close` of the original body itself, not of an
    //: iterator made from it, after that iterator's `return()` where iteration was cut short. The replacement MUST have a `close`
    //: when the original has one: a generator's `finally` is not enough, because it never runs if the generator is
    //: never started. When the outer body is closed, the inner one has been.
    if (this.children.some((inner) => inner.open)) {
      throw new ValidationError(
        'V-132',
        'middleware',
        'the body of the middleware is closed, or has no close, and the inner body was not closed',
        'give the outer body a close that calls close of the inner one',
      );
    }
  }

  /** `write` is about to be called from inside. */
  checkWrite(): void {
    //: M-04, V-133: Middleware MUST NOT use the outer `write` for what the inner body yielded, only for what the inner
    //: application gave to the `write` of the middleware: calls of the outer one happen inside calls of the inner one.
    if (this.children.length > 0 && !this.children.some((inner) => inner.writing > 0)) {
      throw new ValidationError(
        'V-133',
        'middleware',
        'write was called outside of a call of write by the inner application',
        'yield what the inner body yielded; pass on by write only what came by write',
      );
    }
  }
}
