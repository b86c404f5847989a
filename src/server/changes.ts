import { QuaichError } from '../interface/errors.ts';
import { nothing } from '../rules/promises.ts';

/** Changes of a server that runs, such as reloads: one after the other, and none once it stops. */
export class Changes {
  private readonly stopping = new AbortController();
  /** Fulfils when the last change that was asked for is over. */
  private last: Promise<unknown> = Promise.resolve();

  /** Aborted when the server stops: the change that is being made is not wanted any more. */
  get signal(): AbortSignal {
    return this.stopping.signal;
  }

  /** Has those that are still to come fail. */
  stop(): void {
    this.stopping.abort(new QuaichError('QUAICH_STOPPING', 'the server is stopping'));
  }

  /** Makes a change behind those that were asked for before. @throws QuaichError when the server stops */
  make<T>(change: () => Promise<T>): Promise<T> {
    const made = this.last.then(() => {
      this.signal.throwIfAborted();
      return change();
    });
    this.last = made.catch(nothing);
    return made;
  }
}
