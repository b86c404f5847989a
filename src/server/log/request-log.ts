import type { HeadReader, SoughtField } from '../../environ/head-record.ts';
import type { ConnectionInfo } from '../../environ/variables.ts';
import type { Exchange } from '../../protocols/exchange.ts';
import type { RefusedLine } from '../../protocols/host.ts';
import { METHODS } from '../../protocols/http/wasm/tables.ts';
import type { AccessLog } from './access-log.ts';

/**
 * What is kept of a request until it is over. The address is that of the socket where no front server tells another.
 */
interface RequestFacts extends RefusedLine {
  fields: readonly string[];
}

const NOT_READ: RequestFacts = { method: '-', target: '-', protocol: 'HTTP/1.1', fields: [] };

/** Makes the records of the access log: from the head of a request, while that lies in memory, and from its end. */
export class RequestLog {
  readonly isKept: boolean;
  readonly #log: AccessLog;
  readonly #sought: readonly SoughtField[];
  readonly #mounts: readonly string[];

  /** @param prefixes by number of the mount */
  constructor(log: AccessLog, prefixes: readonly string[]) {
    this.isKept = log.isKept;
    this.#log = log;
    this.#sought = log.facts.fields;
    this.#mounts = prefixes.map((prefix) => prefix || '/');
  }

  /**
   * A request has come. `remoteAddress` is that of its client, where that is not at the other end of the connection.
   */
  began(exchange: Exchange, head: HeadReader, remoteAddress: string | undefined): void {
    const facts: RequestFacts = {
      method: METHODS[head.methodNumber] || head.method,
      target: head.target,
      protocol: head.protocol,
      fields: this.#sought.map((sought) => head.find(sought)),
    };
    if (remoteAddress !== undefined) facts.remoteAddress = remoteAddress;
    exchange.record = facts;
  }

  /** A request is refused, of which no more than this is known. */
  refused(exchange: Exchange, line: RefusedLine): void {
    if (this.isKept) exchange.record = { ...NOT_READ, ...line };
  }

  /** A request is over: at `now` as of `performance.now`, `time` since 1970, in milliseconds. */
  finished(exchange: Exchange, connection: ConnectionInfo, now: number, time: number): void {
    if (!this.isKept) return;
    // Set by the two above alone.
    const facts = (exchange.record as RequestFacts | null) ?? NOT_READ;
    const { startTime, takenTime, mount } = exchange;
    this.#log.write({
      remoteAddress: facts.remoteAddress ?? connection.remoteAddress,
      method: facts.method,
      target: facts.target,
      protocol: facts.protocol,
      status: exchange.finalStatus,
      bytes: exchange.sent,
      durationMs: startTime === 0 ? 0 : now - startTime,
      time,
      fields: facts.fields,
      responseHead: exchange.head,
      mount: mount < 0 ? '' : this.#mounts[mount],
      worker: exchange.worker,
      queueMs: takenTime === 0 ? -1 : Math.max(0, takenTime - startTime),
      connection,
    });
  }
}
