/**
 * `quaich.signal` (G-48): a real AbortSignal for every request, at a price that a request can pay.
 *
 * The signal of an AbortController costs 0.1 µs on Node 24, but 3.7 to 5 µs on Node 20, which sets the prototype of
 * each signal only after it was made. There, an EventTarget that is constructed with the prototype of AbortSignal and
 * gets the three own properties of a signal costs 0.2 µs, and is the same object in the end.
 *
 * A signal can also be aborted without its controller, by the message with which Node aborts a signal from another
 * thread. Only this module knows both. It tries them when it is loaded, and does without where it finds any difference.
 */

/** The signal of one request and the way to abort it. */
export interface AbortSource {
  readonly signal: AbortSignal;
  abort(reason: Error): void;
}

class ControllerSource implements AbortSource {
  readonly #controller = new AbortController();
  readonly signal: AbortSignal = this.#controller.signal;

  abort(reason: Error): void {
    this.#controller.abort(reason);
  }
}

/** An own or inherited symbol key by its description. */
function symbolOf(object: object, description: string): symbol {
  const found = Object.getOwnPropertySymbols(object).find((key) => key.description === description);
  if (found === undefined) throw new Error(`no ${description}`);
  return found;
}

/** A port that gives a signal the message by which Node aborts a signal from another thread. */
interface MessagePortLike {
  onmessage: ((event: { data: unknown }) => void) | undefined;
  unref(): void;
  close(): void;
}

/** Aborts a signal; one that is aborted already stays as it is. */
export type AbortSignalOf = (signal: AbortSignal, reason: unknown) => void;

/** Aborts signals by the message from another thread; throws where that cannot be. */
function messageAbort(): AbortSignalOf {
  const deserialize = symbolOf(AbortSignal.prototype, 'messaging_deserialize_symbol');
  const abort: AbortSignalOf = (signal, reason) => {
    if (signal.aborted) return;
    const port: MessagePortLike = { onmessage: undefined, unref() {}, close() {} };
    const receive: (data: object) => void = Reflect.get(signal, deserialize);
    Reflect.apply(receive, signal, [{ aborted: false, reason: undefined, port }]);
    port.onmessage?.({ data: reason });
  };
  tryAbort(new AbortController().signal, abort);
  return abort;
}

/** Throws unless a signal can be aborted by a function as it can by its controller. */
function tryAbort(signal: AbortSignal, abort: AbortSignalOf): void {
  let events = 0;
  signal.addEventListener('abort', () => {
    events++;
  });
  const dependent = AbortSignal.any([signal]);
  const reason = new Error('trial');
  if (signal.aborted || dependent.aborted) throw new Error('aborted too early');
  abort(signal, reason);
  if (!signal.aborted || signal.reason !== reason || events !== 1) throw new Error('not aborted');
  if (!dependent.aborted || dependent.reason !== reason) throw new Error('the dependent signal was not aborted');
}

/** The way of Node 20, or a throw where this is not Node 20. */
function constructedSource(abortSignal: AbortSignalOf): new () => AbortSource {
  const model = new AbortController().signal;
  const kAborted = symbolOf(model, 'kAborted');
  const kReason = symbolOf(model, 'kReason');
  const kComposite = symbolOf(model, 'kComposite');

  // With `[]` in place of a rest parameter V8 does not inline the constructor.
  const construct = (...none: unknown[]): unknown => Reflect.construct(EventTarget, none, AbortSignal);

  class ConstructedSource implements AbortSource {
    readonly signal: AbortSignal;

    constructor() {
      const made = construct() as AbortSignal & Record<symbol, unknown>; // the trial below finds out whether it is one
      made[kAborted] = false;
      made[kReason] = undefined;
      made[kComposite] = false;
      this.signal = made;
    }

    abort(reason: Error): void {
      abortSignal(this.signal, reason);
    }
  }

  const { signal } = new ConstructedSource();
  if (Reflect.ownKeys(signal).length !== Reflect.ownKeys(model).length) throw new Error('a different shape');
  tryAbort(signal, abortSignal);
  return ConstructedSource;
}

function attempt<T>(make: () => T): T | null {
  try {
    return make();
  } catch {
    return null;
  }
}

/** Aborts a signal whose controller is out of reach, such as that of a Request; null where that cannot be. */
export const abortFromOutside: AbortSignalOf | null = attempt(messageAbort);

function chooseSource(): new () => AbortSource {
  const abort = abortFromOutside;
  if (abort === null || Number.parseInt(process.versions.node, 10) > 20) return ControllerSource;
  return attempt(() => constructedSource(abort)) ?? ControllerSource;
}

/** The cheapest source of signals on this version of Node. */
export const RequestAbort: new () => AbortSource = chooseSource();
export { ControllerSource };
