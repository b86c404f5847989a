import type { HeadReader, SoughtField } from '../../environ/head-record.ts';
import type { ConnectionInfo } from '../../environ/variables.ts';
import type { Exchange } from '../../protocols/exchange.ts';
import type { RefusedLine } from '../../protocols/host.ts';
import { FIELD_NAMES, METHODS } from '../../protocols/http/wasm/tables.ts';
import type { AccessLog } from './access-log.ts';
import type { AccessRecord } from './record.ts';

const NONE: readonly string[] = [];
const UNREAD: RefusedLine = { method: '-', target: '-', protocol: 'HTTP/1.1' };

/** Makes the records of the access log: from the head of a request, while that lies in memory, and from its end. */
export class RequestLog {
  readonly isKept: boolean;
  readonly #log: AccessLog;
  readonly #sought: readonly SoughtField[];
  /** By number of a field: not 0 where it may be one of those. */
  readonly #marks = new Uint8Array(FIELD_NAMES.length);
  readonly #mounts: readonly string[];
  /** Of the request before: many have the same. */
  #target = '';

  /** @param prefixes by number of the mount */
  constructor(log: AccessLog, prefixes: readonly string[]) {
    this.isKept = log.isKept;
    this.#log = log;
    this.#sought = log.facts.fields;
    for (const { number, name } of this.#sought) if (name !== '') this.#marks[number] = 1;
    this.#mounts = prefixes.map((prefix) => prefix || '/');
  }

  /**
   * A request has come. `remoteAddress` is that of its client, where that is not at the other end of the connection.
   */
  began(exchange: Exchange, head: HeadReader, connection: ConnectionInfo, remoteAddress?: string): void {
    this.#target = head.targetOr(this.#target);
    const method = METHODS[head.methodNumber] || head.method;
    const isSought = head.hasVariables || head.hasMarked(this.#marks);
    const fields = isSought ? this.#sought.map((sought) => head.find(sought)) : NONE;
    const line = { method, target: this.#target, protocol: head.protocol, remoteAddress };
    exchange.record = newRecord(line, fields, connection);
  }

  /** A request is refused, of which no more than this is known. */
  refused(exchange: Exchange, line: RefusedLine, connection: ConnectionInfo): void {
    if (this.isKept) exchange.record = newRecord(line, NONE, connection);
  }

  /** A request is over, of which perhaps nothing is known. */
  ended(exchange: Exchange, connection: ConnectionInfo): void {
    if (exchange.record === null) this.refused(exchange, UNREAD, connection);
  }

  /** The response has left: at `now` as of `performance.now`, `time` since 1970, in milliseconds. */
  finished(exchange: Exchange, now: number, time: number): void {
    if (!this.isKept) return;
    const record = exchange.record as AccessRecord; // set by those above
    const { startTime, takenTime, mount } = exchange;
    record.status = exchange.finalStatus;
    record.bytes = exchange.sent;
    record.durationMs = startTime === 0 ? 0 : now - startTime;
    record.time = time;
    record.responseHead = exchange.head;
    record.mount = mount < 0 ? '' : this.#mounts[mount];
    record.worker = exchange.worker;
    record.queueMs = takenTime === 0 ? -1 : Math.max(0, takenTime - startTime);
    this.#log.write(record);
  }
}

/** The record of a request that has begun: all that is not known yet is empty. */
function newRecord(line: RefusedLine, fields: readonly string[], connection: ConnectionInfo): AccessRecord {
  const { method, target, protocol, remoteAddress = connection.remoteAddress } = line;
  return {
    remoteAddress,
    method,
    target,
    protocol,
    status: 0,
    bytes: 0,
    durationMs: 0,
    time: 0,
    fields,
    responseHead: '',
    mount: '',
    worker: '',
    queueMs: -1,
    connection,
  };
}
