import { FLAG_CHUNKED, FLAG_CONTENT_LENGTH, HEAD_FLAGS, HEAD_METHOD } from '../../../assembly/layout.ts';
import { PARSED_HEAD } from '../../environ/head-record.ts';
import type { Exchange } from '../exchange.ts';
import type { IncomingBody } from '../request-body.ts';
import {
  nextReading,
  READ_BODY,
  READ_BODY_END,
  READ_END,
  READ_ENDED,
  READ_HEAD,
  READ_LAST_BODY,
  READ_LAST_REQUEST,
  READ_LAST_REQUEST_WITH_BODY,
  READ_NOTHING,
  READ_REFUSED,
  READ_REQUEST,
  READ_REQUEST_WITH_BODY,
  READ_STOP,
} from '../states.ts';
import type { Parser, SuspendedBody, SuspendedHead } from './parser.ts';
import { METHODS } from './wasm/tables.ts';

/** Values of HEAD_METHOD whose requests change nothing (RFC 9110 9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'].map((name) => METHODS.indexOf(name)));

/** Result of `readBody`: there is more of it than the limit allows. */
export const BODY_TOO_LARGE = 0;

/**
 * What the next bytes of one client are: the machine READING with its data. It finds heads and decodes bodies in the
 * parser's memory; what becomes of them, the connection decides.
 *
 * | state                     | partial head    | body | suspended body                 |
 * | ------------------------- | --------------- | ---- | ------------------------------ |
 * | READ_HEAD                 | part of it came | null | null                           |
 * | READ_BODY, READ_LAST_BODY | null            | set  | part of a chunked body came    |
 * | READ_NOTHING, READ_ENDED  | null            | null | null                           |
 */
export class RequestReader {
  /** READ_* state. */
  state: number = READ_HEAD;
  body: IncomingBody | null = null;
  private readonly parser: Parser;
  private partialHead: SuspendedHead | null = null;
  private suspendedBody: SuspendedBody | null = null;

  constructor(parser: Parser) {
    this.parser = parser;
  }

  /** Part of a head has come: more than empty lines, which a client may send behind a body (RFC 9112, 2.2). */
  get inHead(): boolean {
    return this.partialHead?.begun === true;
  }

  /** What has come of a head that is not complete. */
  get partialText(): string {
    return this.partialHead?.text ?? '';
  }

  /** Parses a head as `Parser.head` does, of which the first part may have come earlier. */
  head(from: number, to: number): number {
    const { parser, partialHead } = this;
    this.partialHead = null;
    const end = parser.head(partialHead === null ? from : parser.resumeHead(partialHead), to);
    if (end === 0) this.partialHead = parser.suspendHead();
    return end;
  }

  /** Whose owner takes the body; null: nobody, or there is none. */
  get receiver(): Exchange | null {
    return this.body === null ? null : this.body.receiver;
  }

  /** FLAG_* bits of the head just parsed. */
  get flags(): number {
    return this.parser.words[PARSED_HEAD + HEAD_FLAGS];
  }

  /** The method of the head just parsed is safe. */
  get isSafe(): boolean {
    return SAFE_METHODS.has(this.parser.words[PARSED_HEAD + HEAD_METHOD]);
  }

  /** Bytes of the body behind the head just parsed; -1: it is chunked. */
  get bodyLength(): number {
    const { flags } = this;
    if ((flags & (FLAG_CHUNKED | FLAG_CONTENT_LENGTH)) === 0) return 0;
    return (flags & FLAG_CHUNKED) !== 0 ? -1 : this.parser.contentLength();
  }

  /** The head just parsed begins a request, whose body comes next. `last`: no other request follows. */
  begin(body: IncomingBody | null, last: boolean): void {
    this.body = body;
    if (body !== null) {
      this.state = nextReading(this.state, last ? READ_LAST_REQUEST_WITH_BODY : READ_REQUEST_WITH_BODY);
    } else {
      this.state = nextReading(this.state, last ? READ_LAST_REQUEST : READ_REQUEST);
    }
  }

  /** The request just begun has not begun: its head will be read again. */
  takeBack(): void {
    this.state = READ_HEAD;
    this.body = null;
  }

  /**
   * Reads bytes of the body from address `from`, before `to`. Returns the address of the first byte behind those that
   * it took; minus the number of the rule that is broken; or BODY_TOO_LARGE.
   */
  readBody(body: IncomingBody, from: number, to: number): number {
    let length = Math.min(body.left, to - from);
    let end = from + length;
    if (body.left < 0) {
      const { parser } = this;
      if (this.suspendedBody === null) parser.beginBody();
      else parser.resumeBody(this.suspendedBody);
      const result = parser.body(from, to);
      if (result < 0) return result;
      length = parser.dataLength;
      end = parser.bodyEnd;
      if (result === 1) body.left = 0;
      this.suspendedBody = result === 1 ? null : parser.suspendBody();
    }
    if (!body.deliver(from, length)) return BODY_TOO_LARGE;
    this.endBody(body);
    return end;
  }

  /** Offers again what the owner of the exchange had no room for. False: it still has none for all of it. */
  offer(): boolean {
    const { body } = this;
    if (body === null) return true;
    body.offer();
    this.endBody(body);
    return !body.held;
  }

  /** Drops the rest of the body (G-64). */
  abandon(body: IncomingBody): void {
    const { held } = body;
    body.abandon();
    if (held) this.endBody(body); // else its bytes are just being handed on
  }

  /** Hands on the end of a body that is complete; not of one that its owner has ended meanwhile. */
  private endBody(body: IncomingBody): void {
    if (!body.complete || this.body !== body) return;
    this.body = null;
    this.state = nextReading(this.state, READ_BODY_END);
    body.end();
  }

  /** The client has sent its last byte. */
  ended(): void {
    this.state = nextReading(this.state, READ_END);
    this.forget();
  }

  /** Reads no further request; a body that has begun is read to its end. */
  finishRequest(): void {
    this.partialHead = null;
    this.state = nextReading(this.state, READ_STOP);
  }

  /** Looks at nothing more of this client's bytes. */
  stop(): void {
    if (this.state !== READ_ENDED && this.state !== READ_NOTHING) this.state = nextReading(this.state, READ_REFUSED);
    this.forget();
  }

  private forget(): void {
    this.partialHead = null;
    this.suspendedBody = null;
    this.body?.abandon();
    this.body = null;
  }

  /** Whether state and data go together, as in the table above. */
  get isSound(): boolean {
    const inBody = this.state === READ_BODY || this.state === READ_LAST_BODY;
    return (
      inBody === (this.body !== null) &&
      (this.partialHead === null || this.state === READ_HEAD) &&
      (this.suspendedBody === null || this.body?.left === -1)
    );
  }
}
