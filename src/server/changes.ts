import { QuaichError } from '../interface/errors.ts';
import { nothing } from '../rules/promises.ts';

/** Changes of a server that runs, such as reloads: one after the other, and none once it stops. */
export class Changes {
  private readonly isStopping: () => boolean;
  /** Fulfils when the last change that was asked for is over. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(isStopping: () => boolean) {
    this.isStopping = isStopping;
  }

  /** Makes a change behind those that were asked for before. @throws QuaichError when the server stops */
  make<T>(change: () => Promise<T>): Promise<T> {
    const made = this.last.then(() => {
      if (this.isStopping()) throw new QuaichError('QUAICH_STOPPING', 'the server is stopping');
      return change();
    });
    this.last = made.catch(nothing);
    return made;
  }
}
