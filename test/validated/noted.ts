/** Everything that the validators say, from the constructor that violations and warnings have in common. */
import type * as errors from '../../src/validate/validation-error.ts';

export const said: string[] = [];

/** The module of the validator's errors, with a class that writes down what it is made for. */
export function noting(actual: typeof errors): typeof errors {
  class NotedError extends actual.ValidationError {
    constructor(...told: ConstructorParameters<typeof actual.ValidationError>) {
      super(...told);
      said.push(this.message);
    }
  }
  return { ...actual, ValidationError: NotedError };
}
