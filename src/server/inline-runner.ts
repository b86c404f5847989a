import { AsyncInput } from '../engine/async-input.ts';
import { addExtensions } from '../engine/extensions.ts';
import { runAsync } from '../engine/run-async.ts';
import { PARSED_HEAD } from '../environ/head-record.ts';
import type { Runnable } from '../pool/worker.ts';
import type { Offers } from '../pool/worker-data.ts';
import type { Exchange } from '../protocols/exchange.ts';
import type { Parser } from '../protocols/http/parser.ts';
import { InlineRequest } from './inline.ts';
import type { SocketHost } from './socket-host.ts';

/** Runs async applications on this thread, for the requests of a gateway. */
export class InlineRunner {
  private readonly parser: Parser;
  private readonly offers: Offers;
  private readonly onHead: (exchange: Exchange) => void;
  private readonly onDone: () => void;

  /**
   * @param offers what environs have beyond what all have
   * @param onHead called with the head of each response
   * @param onDone called with the end of each request
   */
  constructor(parser: Parser, offers: Offers, onHead: (exchange: Exchange) => void, onDone: () => void) {
    this.parser = parser;
    this.offers = offers;
    this.onHead = onHead;
    this.onDone = onDone;
  }

  /** Begins the request whose head lies in the memory of the parser. */
  run({ app, builder, prefix, options }: Runnable<true>, exchange: Exchange, host: SocketHost): InlineRequest {
    const { parser } = this;
    const request = new InlineRequest(exchange, parser, this.onHead, this.onDone);
    exchange.owner = request;
    const text = parser.headText();
    const input = new AsyncInput(exchange.hasBody ? request : null);
    const environ = builder.build(text, 0, parser.words, PARSED_HEAD, host.info, prefix, input);
    const errors = exchange.connection.takesErrors
      ? (text: Uint8Array) => exchange.connection.errors(exchange, text)
      : undefined;
    addExtensions(environ, request, this.offers.earlyHints, errors);
    if (this.offers.queueTime) environ['quaich.queue_time'] = performance.now() - exchange.startTime;
    const running = runAsync(app, environ, request, options);
    if (running === undefined) return request;
    const disconnect = (reason: Error): void => running.disconnect(reason);
    request.onDisconnect = disconnect;
    return request;
  }
}
