import type { Exchange } from '../exchange.ts';
import '../../rules/latin1.ts';
import { VariablesConnection } from '../variables-connection.ts';
import {
  ABORT_REQUEST,
  BEGIN_REQUEST,
  CANT_MPX_CONN,
  endRequest,
  GET_VALUES,
  GET_VALUES_RESULT,
  HEADER_SIZE,
  header,
  KEEP_CONN,
  LARGEST,
  PARAMS,
  REQUEST_COMPLETE,
  ROLE_RESPONDER,
  readPairs,
  STDERR,
  STDIN,
  STDOUT,
  shortPairs,
  UNKNOWN_ROLE,
  unknownType,
  VERSION,
} from './records.ts';

/** What GET_VALUES may ask (section 4.1) and we know: one request at a time on a connection. */
const VALUES: Readonly<Record<string, string>> = { FCGI_MPXS_CONNS: '0' };
/** Beyond names and values, a pair takes up to eight bytes. */
const PAIR_OVERHEAD = 8;

/** A request that the connection has room for once the last one is over. */
interface Beginning {
  id: number;
  persist: boolean;
}

/**
 * A record of no version. FastCGI cannot say that a response is incomplete, and nginx takes an END_REQUEST of any
 * status, and the end of a Unix socket without one, for the end of the response.
 */
const BREACH = '\0'.repeat(HEADER_SIZE);

/** A FastCGI responder's connection (FastCGI 1.0; G-174). */
export class FastCgiConnection extends VariablesConnection {
  readonly takesErrors = true;
  protected readonly largest = LARGEST;
  /** Header of the present record, as far as it has come. */
  private readonly header = Buffer.alloc(HEADER_SIZE);
  private headerSize = 0;
  private contentLeft = 0;
  private paddingLeft = 0;
  /** Content of the present record, where it is looked at as a whole. */
  private content: Buffer[] = [];
  private params: Buffer[] = [];
  private paramsSize = 0;
  /** The request that is being received or answered; 0: none. */
  private id = 0;
  private persist = false;
  /** Its PARAMS stream is not over. */
  private inParams = false;
  private next: Beginning | null = null;

  protected override get held(): boolean {
    return super.held || this.next !== null;
  }

  protected get inHead(): boolean {
    return this.id !== 0 || this.headerSize > 0;
  }

  protected readPart(at: number, to: number): number {
    if (this.headerSize < HEADER_SIZE) {
      const count = this.parser.bytes.copy(this.header, this.headerSize, at, to);
      this.headerSize += count;
      if (this.headerSize === HEADER_SIZE) this.begins();
      return at + count;
    }
    const inContent = this.contentLeft > 0;
    const count = Math.min(inContent ? this.contentLeft : this.paddingLeft, to - at);
    if (inContent) {
      this.contentLeft -= count;
      this.contains(at, count);
    } else {
      this.paddingLeft -= count;
    }
    if (this.contentLeft === 0 && inContent) this.contentEnds();
    if (this.contentLeft === 0 && this.paddingLeft === 0) this.headerSize = 0;
    return at + count;
  }

  private get type(): number {
    return this.header[1];
  }

  /** The record is one of the request in progress, not of one that is over or was refused. */
  private get isOurs(): boolean {
    return this.id !== 0 && this.header.readUInt16BE(2) === this.id;
  }

  private begins(): void {
    const { header } = this;
    if (header[0] !== VERSION) {
      this.drop(true);
      return;
    }
    this.contentLeft = header.readUInt16BE(4);
    this.paddingLeft = header[6];
    if (this.contentLeft > 0) return;
    this.contentEnds();
    if (this.paddingLeft === 0) this.headerSize = 0;
  }

  /** Content of the present record has come. */
  private contains(at: number, count: number): void {
    switch (this.type) {
      case STDIN:
        if (this.isOurs && !this.inParams) this.deliver(at, count);
        break;
      case PARAMS:
        if (!this.isOurs || !this.inParams) break;
        this.paramsSize += count;
        if (!this.tooLarge) this.params.push(this.parser.copy(at, at + count));
        break;
      case BEGIN_REQUEST:
      case GET_VALUES:
        this.content.push(this.parser.copy(at, at + count));
    }
  }

  private get tooLarge(): boolean {
    const { size, count } = this.options.variables;
    return this.paramsSize > size + PAIR_OVERHEAD * count;
  }

  private contentEnds(): void {
    const { type } = this;
    const isEmpty = this.header.readUInt16BE(4) === 0;
    switch (type) {
      case BEGIN_REQUEST:
        this.beginRequest(this.header.readUInt16BE(2), this.takeContent());
        break;
      case PARAMS:
        if (isEmpty && this.isOurs && this.inParams) this.paramsEnd();
        break;
      case STDIN:
        if (isEmpty && this.isOurs && !this.inParams) this.bodyEnds();
        break;
      case ABORT_REQUEST:
        if (this.isOurs) this.abortRequest();
        break;
      case GET_VALUES:
        this.getValues(this.takeContent());
        break;
      default:
        this.reply(unknownType(type));
    }
  }

  private takeContent(): Buffer {
    const content = Buffer.concat(this.content);
    this.content = [];
    return content;
  }

  private beginRequest(id: number, content: Buffer): void {
    if (id === 0 || content.length !== 8) {
      this.drop(true);
      return;
    }
    const persist = (content[2] & KEEP_CONN) !== 0;
    if (content.readUInt16BE(0) !== ROLE_RESPONDER) {
      this.reply(endRequest(id, UNKNOWN_ROLE));
      if (!persist) this.finish();
    } else if (this.id !== 0) {
      this.reply(endRequest(id, CANT_MPX_CONN));
    } else if (this.queue.front !== null) {
      this.next = { id, persist }; // answered, but its body is not closed yet
    } else {
      this.startReceiving({ id, persist });
    }
  }

  private startReceiving({ id, persist }: Beginning): void {
    this.id = id;
    this.persist = persist;
    this.inParams = true;
    this.params = [];
    this.paramsSize = 0;
  }

  private paramsEnd(): void {
    this.inParams = false;
    if (this.tooLarge) {
      this.refuse(431, 'the variables are too large');
      return;
    }
    const variables = readPairs(Buffer.concat(this.params));
    this.params = [];
    if (variables === null) this.drop(true);
    else this.begin(variables, this.persist);
  }

  protected override stopReading(): void {
    super.stopReading();
    this.next = null;
  }

  protected override cut(): void {
    this.breakBy(BREACH);
  }

  private abortRequest(): void {
    const { front } = this.queue;
    if (front !== null) {
      this.abandonBody();
      front.breakOff(false);
      return;
    }
    this.inParams = false;
    this.reply(endRequest(this.id, REQUEST_COMPLETE));
    this.id = 0;
    if (!this.persist) this.finish();
  }

  private getValues(content: Buffer): void {
    const asked = readPairs(content) ?? {};
    const pairs = shortPairs(Object.entries(VALUES).filter(([name]) => name in asked));
    this.reply(header(GET_VALUES_RESULT, 0, pairs.length) + pairs);
  }

  /** Answers what is asked beside requests. A peer that asks and does not read would fill the memory: it is dropped. */
  private reply(text: string): void {
    if (this.output.blocked) this.drop(true);
    else this.output.add(text);
  }

  private endRequest(): void {
    this.output.add(endRequest(this.id, REQUEST_COMPLETE));
    this.id = 0;
  }

  protected before(length: number): string {
    return header(STDOUT, this.id, length);
  }

  protected completed(exchange: Exchange): void {
    this.output.add(header(STDOUT, this.id, 0));
    this.endRequest();
    if (!exchange.persist) this.finish();
  }

  protected override afterRequest(): void {
    // Aborted, and not answered any more.
    if (this.id !== 0) this.endRequest();
    const { next } = this;
    this.next = null;
    if (next !== null) this.startReceiving(next);
  }

  errors(exchange: Exchange, text: Uint8Array): boolean {
    if (exchange !== this.queue.front || this.output.blocked || !this.isOpen(exchange)) return false;
    const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
    for (let at = 0; at < bytes.length; at += LARGEST) {
      const part = bytes.latin1Slice(at, Math.min(at + LARGEST, bytes.length));
      this.output.add(header(STDERR, this.id, part.length) + part);
    }
    return true;
  }
}
