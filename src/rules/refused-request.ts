import { QuaichError } from '../interface/errors.ts';

/** A request that breaks a rule and does not come to the application. Thrown inside gateways, never out of them. */
export class RefusedRequest extends QuaichError {
  /** 400 to 599. */
  readonly status: number;

  constructor(message: string, status = 400) {
    super('QUAICH_REFUSED_REQUEST', message);
    this.status = status;
  }
}
