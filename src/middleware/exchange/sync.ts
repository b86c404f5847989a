/** One request through a middleware in the sync convention. */
import { isUint8Array } from 'node:util/types';
import { ApplicationError } from '../../interface/errors.ts';
import type { Application, Body, Environ, StartResponse, Write } from '../../interface/types.ts';
import { runSteps } from '../../rules/steps.ts';
import { refusePromisedAnswer } from '../decision.ts';
import { type Bytes, DROP, type Handling } from '../types.ts';
import { type ClosingArray, MiddlewareExchange } from './exchange.ts';
import { innerChunkOf, isBody } from './inner-body.ts';
import { MappedBody, NO_MORE } from './mapped-body.ts';

function isArrayBody(body: Body): body is Uint8Array[] & { close?(): void } {
  return Array.isArray(body);
}

/** A mapping's result, which on this side may not be a promise. */
function bytes(result: Bytes): Uint8Array {
  if (isUint8Array(result)) return result;
  throw new ApplicationError('a body mapping gave no bytes: in a sync application it cannot give a promise (B-02)');
}

export class SyncExchange extends MiddlewareExchange<Write, Body, void, Body> {
  // Without a constructor of its own an exchange takes 30 ns longer to make (Node 20).
  constructor(handling: Handling<Environ>, startResponse: StartResponse) {
    super(handling, startResponse);
  }

  run(app: Application, environ: Environ, outer: StartResponse): Body {
    const start = this.startFor(outer, (chunk) => this.#write(chunk));
    this.watchFiles(environ);
    let body: Body;
    try {
      body = this.around(() => app(environ, start));
    } catch (error) {
      return runSteps(this.threw(error));
    }
    return this.#returned(body);
  }

  #write(chunk: Uint8Array): void {
    this.stage.settle(null);
    this.wrote = true;
    const decision = this.stage.decision;
    if (decision === DROP) return;
    const given = decision === null ? null : innerChunkOf(chunk);
    this.stage.requireWrite()(decision === null || given === null ? chunk : bytes(decision.chunk(given)));
  }

  #returned(body: Body): Body {
    if (!isBody(body, Symbol.iterator)) {
      this.end();
      return body; // for the gateway to refuse (G-100)
    }
    try {
      return this.respond(body, isArrayBody(body) ? body : null);
    } catch (failure) {
      this.closeAll(body); // it was returned to us, and the gateway will never see it
      throw failure;
    }
  }

  protected override mapped(body: Body, chunks: readonly Uint8Array[] | null): Body {
    return new SyncMappedBody(this, body, chunks ?? body);
  }

  protected override whole(mapped: Bytes, body: Body): ClosingArray<void> {
    return this.closing([bytes(mapped)], body);
  }

  protected override dropped(body: Body): ClosingArray<void> {
    runSteps(this.dropNow(body, null));
    return this.closing([], null);
  }

  protected override watchClose(file: Body): void {
    const { close } = file;
    const closeFile = (): void => runSteps(this.closeFile(file, close));
    file.close = closeFile;
  }

  override closeAll(body: Body): void {
    try {
      this.closeInner(body);
    } finally {
      this.end();
    }
  }

  override end(): void {
    if (!this.isFirstEnd()) return;
    try {
      this.stage.close();
    } finally {
      refusePromisedAnswer('onClose', this.handling.onClose?.());
    }
    this.throwEarly();
  }
}

class SyncMappedBody
  extends MappedBody<Body, Iterator<Uint8Array>, SyncExchange>
  implements IterableIterator<Uint8Array>
{
  // As in `SyncExchange`.
  constructor(exchange: SyncExchange, body: Body, chunks: Iterable<Uint8Array>) {
    super(exchange, body, chunks);
  }

  protected override iterate(chunks: Iterable<Uint8Array>): Iterator<Uint8Array> {
    return chunks[Symbol.iterator]();
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<Uint8Array> {
    if (this.done) return NO_MORE;
    try {
      this.finished = true;
      const step = this.exchange.around(this.step);
      if (typeof step !== 'object' || step === null) return step; // for the gateway to refuse
      this.finished = step.done === true;
      const mapped = this.map(step);
      if (mapped === null) return this.unmapped(step);
      return mapped === DROP ? runSteps(this.drop(step)) : this.result(bytes(mapped));
    } catch (error) {
      return runSteps(this.failed(error));
    }
  }

  return(): IteratorResult<Uint8Array> {
    this.abandon();
    return NO_MORE;
  }

  close(): void {
    const body = this.takeBody();
    if (body === null) return;
    this.exchange.closeAll(body);
    this.release();
  }
}
