/**
 * The state of one call of an application, and the checks on its order: what was called when, how many bytes passed.
 */
import type { Link } from './link.ts';
import type { Settings } from './settings.ts';
import { type Side, ValidationError } from './validation-error.ts';

/** What the checks of the body need to know of a head that was accepted. */
export interface CheckedHead {
  readonly code: number;
  /** Content-Length; -1 where the application gave none. */
  readonly length: number;
  readonly hasType: boolean;
}

export class CheckedExchange {
  readonly settings: Settings;
  readonly link: Link;
  /** For reports: `GET /path`. */
  readonly request: string;
  readonly forHead: boolean;
  /** `startResponse` was called, perhaps in vain. */
  called = false;
  head: CheckedHead | null = null;
  /** The server has the head: it was given a chunk and asked for more. */
  headSent = false;
  /** What `startResponse` threw back, until it has left the application. */
  rethrown: Error | null = null;
  /** Body bytes, through `write` and from the body. */
  sent = 0;
  /** Steps of the body that were begun. */
  steps = 0;
  /** A step of the body is running. */
  stepping = false;
  /** The body is done, has thrown, or was closed. */
  ended = false;
  /** Promises of `write` that the application has not looked at (async). */
  unawaitedWrites = 0;
  #passed = false;
  #warnedEmpty = false;
  #warnedHead = false;

  constructor(settings: Settings, link: Link, request: string, forHead: boolean) {
    this.settings = settings;
    this.link = link;
    this.request = request;
    this.forHead = forHead;
  }

  get async(): boolean {
    return this.settings.kind === 'async';
  }

  /** An error for a breach of what the validator wraps. */
  inside(row: string, seen: string, advice: string): ValidationError {
    return new ValidationError(row, this.link.inside, seen, advice);
  }

  /** An error for a breach of what called the validator. */
  outside(row: string, seen: string, advice: string): ValidationError {
    return new ValidationError(row, this.link.outside, seen, advice);
  }

  warn(row: string, side: Side, seen: string, advice: string): void {
    this.settings.warn(row, side, seen, advice);
  }

  /** A step of the body begins. */
  beginStep(): void {
    this.link.step();
    if (this.link.unasked) {
      //: @in middleware
      //: M-20: Async middleware MUST await the inner result and yield as it goes. It passes demand on one to one and does not fetch
      //: chunks that nobody has asked for yet. (The validator warns.)
      this.warn(
        'M-20',
        'middleware',
        'a step of the inner body was asked for while nobody had asked the middleware for one',
        'ask the inner body for a chunk only when asked for one',
      );
    }
    if (this.#passed) this.headSent = true;
    this.beginBody();
    this.stepping = true;
  }

  /** The body begins, or goes on: from the first time on nothing more is written. */
  beginBody(): void {
    if (this.steps++ === 0 && this.unawaitedWrites > 0) {
      //: @in write
      //: V-136: In the async convention a promise of `write` that nobody has looked at when the body starts is a warning: its
      //: backpressure and its failure go unnoticed.
      this.warn(
        'V-136',
        this.link.inside,
        `${this.unawaitedWrites} promises of write were not awaited before the body started`,
        'await every write',
      );
    }
  }

  /** A chunk passes on its way to the server. */
  pass(size: number): void {
    const { head } = this;
    if (size === 0) {
      if (head === null && !this.#warnedEmpty) {
        this.#warnedEmpty = true;
        this.warn(
          'V-87',
          this.link.inside,
          'an empty chunk was yielded before startResponse was called',
          'call startResponse first',
        );
      }
      return;
    }
    //: @in body
    //: A-03, G-101, B-07, V-87: The application MUST call `startResponse` before its body yields the first chunk that is not empty; at
    //: the latest in the first step. A server MUST therefore start iterating without `startResponse` having been
    //: called: a generator function as application does nothing at all before that. An async application may also await before the call.
    //:
    //: ```js
    //: function* application(environ, startResponse) {
    //:   startResponse('200 OK', [['Content-Type', 'text/plain']]); // runs in the first step
    //:   yield Buffer.from('hello');
    //: }
    //: ```
    if (head === null) {
      throw this.inside(
        'V-87',
        `a chunk of ${size} bytes came ${this.called ? 'although startResponse had refused the head' : 'before startResponse was called'}`,
        'call startResponse before the first chunk that is not empty',
      );
    }
    this.#checkBodiless(head);
    //: @in headers
    //: V-60: A response with a body has a Content-Type. Where the code is 2xx and the body is not empty, it MUST have one;
    //: elsewhere its absence is a warning, unless there is a Content-Length of 0 (a redirect without body needs none). 204 and 304 are exempt.
    if (!head.hasType && head.code < 300) {
      throw this.inside(
        'V-60',
        `a ${head.code} response has a body and no Content-Type`,
        "give the field: ['Content-Type', 'text/plain; charset=utf-8']",
      );
    }
    this.#passed = true;
    this.sent += size;
    //: @in length
    //: V-124: The bytes of the body, those given to `write` included, are as many as the application's Content-Length says. More are
    //: reported at the chunk that goes beyond, fewer at the end of the body. HEAD, 204, 304, and bodies that the server
    //: gave up early are not measured.
    if (this.#counts(head) && head.length >= 0 && this.sent > head.length) {
      throw this.inside(
        'V-124',
        `the body has at least ${this.sent} bytes, more than its Content-Length of ${head.length}`,
        'give the true length, or leave Content-Length out',
      );
    }
  }

  #checkBodiless(head: CheckedHead): void {
    //: @in framing
    //: G-129, V-126: An application MUST NOT yield a chunk that is not empty with 204 or 304. For HEAD it is a
    //: warning (the server drops it, A-26), and for 205 too.
    if (head.code === 204 || head.code === 304) {
      throw this.inside('V-126', `a ${head.code} response has a body`, 'return [] with this status');
    }
    if (!this.#warnedHead && (this.forHead || head.code === 205)) {
      this.#warnedHead = true;
      this.warn(
        this.forHead ? 'V-126' : 'G-129',
        this.link.inside,
        `the response to ${this.forHead ? 'a HEAD request' : 'this request, 205,'} has a body, which is dropped`,
        'return [] to save the work',
      );
    }
  }

  /** Whether the body can be measured against Content-Length. */
  #counts(head: CheckedHead): boolean {
    return !this.forHead && head.code !== 204 && head.code !== 205 && head.code !== 304;
  }

  /** The body has ended by itself. */
  end(): void {
    this.ended = true;
    const { head } = this;
    //: @in body
    //: V-123: At the end of the body `startResponse` MUST have been called, with a head that was accepted; also when the body is
    //: empty.
    if (head === null) {
      throw this.inside(
        'V-123',
        this.called ? 'the body ended although startResponse had refused the head' : 'startResponse was never called',
        'call startResponse once for every response, also for an empty one',
      );
    }
    if (this.#counts(head) && this.sent < head.length) {
      throw this.inside(
        'V-124',
        `the body has ${this.sent} bytes, fewer than its Content-Length of ${head.length}`,
        'give the true length, or leave Content-Length out',
      );
    }
    if (this.sent === 0 && !head.hasType && head.code < 300 && this.#counts(head)) {
      this.warn(
        'V-60',
        this.link.inside,
        `a ${head.code} response without a body has no Content-Type`,
        'give the field, or answer 204 No Content',
      );
    }
  }

  /** A file wrapper is closed. Where the server sent the file itself, nobody has seen a chunk. */
  closeFile(): void {
    const { head } = this;
    if (this.steps > 0 || head === null || head.hasType || head.code >= 300 || !this.#counts(head)) return;
    this.warn(
      'V-60',
      this.link.inside,
      `a ${head.code} response with a file has no Content-Type`,
      'give the field, unless the file is empty',
    );
  }

  /** The application or a step of its body came back normally. */
  cameBack(): void {
    //: @in start-response
    //: A-05, V-122: When `startResponse` throws the error that was given to it, the application MUST let that very error out. It is not
    //: caught, and no further chunk is yielded.
    if (this.rethrown !== null) {
      this.rethrown = null;
      throw this.inside(
        'V-122',
        'startResponse threw the error given to it, and the application went on',
        'let that error out: the head has been sent, so the response cannot be saved',
      );
    }
  }
}
